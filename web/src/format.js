// Numbers, times and lengths of time, in the reader's language.

import { language } from './session.js';

const locale = () => (language.value === 'he' ? 'he-IL' : 'en-US');

/** Exact, with separators; numbers and BigInts. */
export const number = (n) => new Intl.NumberFormat(locale()).format(n ?? 0);

export const rate = (n) => new Intl.NumberFormat(locale(),
  { maximumFractionDigits: n < 10 ? 1 : 0 }).format(n);

export const dateTime = (iso) => new Intl.DateTimeFormat(locale(),
  { dateStyle: 'medium', timeStyle: 'medium' }).format(new Date(iso));

export const clock = (iso) => new Intl.DateTimeFormat(locale(),
  { hour: '2-digit', minute: '2-digit', second: '2-digit',
    hourCycle: 'h23' })
  .format(new Date(iso));

export const day = (iso) => new Intl.DateTimeFormat(locale(),
  { weekday: 'short', day: 'numeric', month: 'short' }).format(new Date(iso));

const unit = (value, name, display = 'narrow') =>
  new Intl.NumberFormat(locale(),
    { style: 'unit', unit: name, unitDisplay: display }).format(value);

/** "850 ms", "4.2 s", "3 min 20 s", "5 h 4 min". */
export function duration(ms) {
  if (ms === null || ms === undefined) return '–';
  if (ms < 1000) return unit(Math.round(ms), 'millisecond', 'short');
  if (ms < 10_000) return unit(Math.round(ms / 100) / 10, 'second', 'short');
  const s = Math.round(ms / 1000);
  const parts = [[86_400, 'day'], [3600, 'hour'], [60, 'minute'], [1, 'second']]
    .map(([size, name], i, all) => [Math.floor(
      (i === 0 ? s : s % all[i - 1][0]) / size), name]);
  const first = parts.findIndex(([value]) => value > 0);
  return parts.slice(first, first + 2).filter(([value]) => value > 0)
    .map(([value, name]) => unit(value, name, 'short')).join(' ');
}

/** "3 minutes ago", "in 2 hours". */
export function relative(iso, nowMs) {
  const s = Math.round((new Date(iso) - nowMs) / 1000);
  const size = [['day', 86_400], ['hour', 3600], ['minute', 60]]
    .find(([, seconds]) => Math.abs(s) >= seconds) ?? ['second', 1];
  return new Intl.RelativeTimeFormat(locale(), { numeric: 'auto' })
    .format(Math.trunc(s / size[1]), size[0]);
}
