// The event loop's histograms, from the text of /metrics.

const NAMES = { cpu: 'event_loop_turn_cpu_seconds',
  lag: 'event_loop_lag_duration_seconds' };

const bucketOf = (which) => new RegExp(
  `^batchsync_${NAMES[which]}_bucket\\{le="([^"]+)"\\} (\\d+)$`, 'gm');

/** The longest turn, in seconds; undefined when it is not there. */
export function longestTurn(text) {
  const found = /^batchsync_event_loop_turn_cpu_max_seconds (\S+)$/m.exec(text);
  return found === null ? undefined : Number(found[1]);
}

/**
 * A quantile of one of them, in seconds, evenly within its bucket as Prometheus
 * does it; undefined when it is not there or empty.
 */
export function loopQuantile(text, which, q) {
  const buckets = [...text.matchAll(bucketOf(which))].map(([, le, count]) =>
    [le === '+Inf' ? Infinity : Number(le), Number(count)]);
  const total = buckets.at(-1)?.[1] ?? 0;
  if (total === 0) return undefined;
  const rank = q * total;
  const i = buckets.findIndex(([, count]) => count >= rank);
  const [from, before] = i === 0 ? [0, 0] : buckets[i - 1];
  const [to, count] = buckets[i];
  if (to === Infinity) return from;
  return from + (to - from) * (rank - before) / (count - before);
}
