// The services of the demo: their records, and how each words its answer.

import { articles } from './records/articles.mjs';
import { assessments } from './records/assessments.mjs';
import { labs } from './records/labs.mjs';
import { lessons } from './records/lessons.mjs';
import { reports } from './records/reports.mjs';
import { cascade } from './envelope.mjs';

/**
 * items    the records
 * changed  the field with the instant of the last change
 * answer   (request, page) -> RouteResponse, no two services alike
 */
const services = {
  'demo-assessment': {
    items: assessments(),
    changed: 'updated_at',
    answer: (request, { items, page, limit, total }) =>
      cascade(request, [{
        service: 'demo-assessment',
        data: { items, page, limit, total },
      }]),
  },
  'demo-devlab': {
    items: labs(),
    changed: 'updated_at',
    answer: (request, { items, page, hasMore }) =>
      plain(request, 'demo-devlab',
        { data: { items, page, has_more: hasMore } }),
  },
  'demo-reports': {
    items: reports(),
    changed: 'generated_at',
    answer: (request, { items, total }) =>
      plain(request, 'demo-reports',
        { success: true, data: items }, { total: String(total) }),
  },
  'demo-courses': {
    items: lessons(),
    changed: 'published_at',
    answer: (request, { items }) =>
      plain(request, 'demo-courses', items),
  },
  'demo-knowledge': {
    items: articles(),
    changed: 'updated_at',
    answer: (request, { items }) =>
      cascade(request, [{ service: 'demo-knowledge', data: items }]),
  },
};

const DEFAULT_LIMIT = 1000;

export const names = Object.keys(services);

export const counts = () => Object.fromEntries(
  names.map((name) => [name, services[name].items.length]));

/** From here on there is one of so many records alone, evenly drawn. */
export function thin(every) {
  for (const service of Object.values(services)) {
    service.items = service.items.filter((_, at) => at % every === 0);
  }
}

/** An answer without the cascade around it. */
function plain(request, service, document, fields = {}) {
  const response = cascade(request, [{ service }]);
  return {
    ...response,
    normalized_fields: { ...response.normalized_fields, ...fields },
    envelope_json: JSON.stringify(document),
  };
}

/** Answers a request: { response, note }, the note for the log. */
export function route(request) {
  const { target_service: name, page: number, limit, since } =
    request.metadata;
  if (!Object.hasOwn(services, name)) {
    return {
      response: cascade(request, [{ service: name, error: 'fetch failed' }]),
      note: 'no such service',
    };
  }
  if (lively && name === MOODY && resting()) {
    return {
      response: cascade(request,
        [{ service: name, error: 'the report generator is restarting' }]),
      note: 'restarting',
    };
  }
  const page = pageOf(services[name], Number(number) || 1,
    Number(limit) || DEFAULT_LIMIT, since);
  return {
    response: services[name].answer(request, page),
    note: `${page.items.length} of ${page.total} items`,
  };
}

function pageOf({ items, changed }, page, limit, since) {
  const wanted = since === undefined ? items
    : items.filter((item) => new Date(item[changed]) >= new Date(since));
  const end = page * limit;
  return {
    items: wanted.slice(end - limit, end),
    page,
    limit,
    total: wanted.length,
    hasMore: end < wanted.length,
  };
}

/** Set by enliven(). */
let lively = false;

const MOODY = 'demo-reports';
const EDIT_MS = 15_000;

/** One minute in four. */
const resting = () => Math.floor(Date.now() / 60_000) % 4 === 3;

/**
 * From here on the services live: records change all the time, one service
 * fails now and then, and a few records cannot be stored.
 */
export function enliven() {
  if (lively) return;
  lively = true;
  for (const article of services['demo-knowledge'].items.slice(-7)) {
    article.article_id = null;
  }
  services['demo-devlab'].items.push('a line of a log, not a record');
  setInterval(() => {
    const name = names[Math.floor(Math.random() * names.length)];
    edit(name, 1 + Math.floor(Math.random() ** 2 * 120));
  }, EDIT_MS).unref();
}

/** Revises the first so many records of a service; says how many it did. */
export function edit(name, count) {
  if (!Object.hasOwn(services, name)) return 0;
  const { items, changed } = services[name];
  const chosen = items.slice(0, count).filter((item) => item.title);
  for (const item of chosen) {
    item.revision++;
    item.title = `${item.title.replace(/, revision \d+$/, '')}, `
      + `revision ${item.revision}`;
    item[changed] = typeof item[changed] === 'number'
      ? Date.now() : new Date().toISOString();
  }
  return chosen.length;
}
