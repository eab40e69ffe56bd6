// Replies of the scripted coordinator: every shape a page comes in.
//
// A reply is { envelope, normalizedFields, ... } as coordinator.mjs describes
// it. `extra` holds what the shape carries beside its items (has_more, total,
// limit, ...), at the place where that shape usually has it.

const strings = (fields) => Object.fromEntries(
  Object.entries(fields ?? {}).map(([name, value]) => [name, String(value)]));

export const shapes = {
  /** {"data":{"items":[...]}} */
  dataItems: (items, extra) => ({ envelope: { data: { items, ...extra } } }),

  /** {"data":[...]} */
  dataArray: (items, extra) => ({ envelope: { data: items, ...extra } }),

  /** {"successfulResult":{"data":{"items":[...]}}}, cascade and all */
  wrappedItems: (items, extra) => ({
    cascade: [{ data: { items, ...extra } }],
  }),

  /** {"successfulResult":{"data":[...]}}, cascade and all */
  wrappedArray: (items, extra) => ({
    cascade: [{ data: items, beside: extra }],
  }),

  /** {"items":[...]} */
  items: (items, extra) => ({ envelope: { items, ...extra } }),

  /** [...]: what else is to be said stands in the normalized fields */
  rootArray: (items, extra) => ({
    envelope: items,
    normalizedFields: strings(extra),
  }),

  /** {"payload":{"data":[...]}} */
  legacyPayload: (items, extra) => ({
    envelope: { success: true, payload: { data: items }, ...extra },
  }),

  /** {"data":{...}}: one item (a list of one will do), or {} for none */
  single: (item, extra) => ({
    envelope: { data: [item].flat()[0] ?? {}, ...extra },
  }),

  /** {"successfulResult":{"data":{...}}}: one item, cascade and all */
  wrappedSingle: (item, extra) => ({
    cascade: [{ data: [item].flat()[0] ?? {}, beside: extra }],
  }),

  /** The service behind the coordinator failed; gRPC still says OK. */
  serviceDown: (error = 'fetch failed') => ({ cascade: [{ error }] }),

  /** The service was reached and had nothing; by default the one asked. */
  emptyResults: (service) => ({
    cascade: [{ service, rejectReason: 'empty_results' }],
  }),

  /**
   * Another service's items. `miss` says how the one asked fared, such as
   * { rejectReason: 'empty_results' }.
   */
  answeredBy: (other, items, miss = { error: 'fetch failed' }) => ({
    cascade: [miss, { service: other, data: { items } }],
  }),

  /** {"success":false,"error":"..."} */
  failure: (error) => ({ envelope: { success: false, error } }),
};

/**
 * Serves a list page by page, by the page and limit that were asked for.
 *
 * items    a list, or a function of the context that returns one
 * shape    one of `shapes`
 * options  total    true: say how many items there are
 *          hasMore  true: say whether more follow
 *          silent   true: say nothing; otherwise the last page with items says
 *                   that no more follow, unless it says a total
 *          limit    serve at most so many a page, and say so
 *          extra    say this, too
 *          delayMs  take so long
 */
export function pagesOf(items, shape = shapes.dataItems, options = {}) {
  return (context) => {
    const all = typeof items === 'function' ? items(context) : items;
    const limit = Math.min(context.limit, options.limit ?? Infinity);
    const end = context.page * limit;
    const extra = { ...options.extra };
    if (options.total) extra.total = all.length;
    if (options.hasMore) extra.has_more = end < all.length;
    const last = end >= all.length && end - limit < all.length;
    if (last && !options.silent && !options.total) extra.has_more ??= false;
    if (options.limit) extra.limit = limit;
    const reply = shape(all.slice(end - limit, end), extra);
    return { ...reply, delayMs: options.delayMs };
  };
}

/** The n-th step answers the n-th call; the last one all that follow. */
export function sequence(...steps) {
  return (context) => {
    const step = steps[Math.min(context.callNumber, steps.length) - 1];
    return typeof step === 'function' ? step(context) : step;
  };
}

/** Answers `failure` n times, then as `step` does. */
export function failing(n, failure, step) {
  return sequence(...Array(n).fill(failure), step);
}
