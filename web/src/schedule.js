// A cron expression in words, for the shapes that people write. Others are
// shown as they are.

import { language } from './session.js';
import { t } from './texts.js';

const MACROS = { '@hourly': '0 * * * *', '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *', '@weekly': '0 0 * * 0', '@monthly': '0 0 1 * *',
  '@yearly': '0 0 1 1 *', '@annually': '0 0 1 1 *' };
const DAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];
const SUNDAY = Date.UTC(2023, 0, 1);
const DAY_MS = 86_400_000;

const locale = () => (language.value === 'he' ? 'he-IL' : 'en-US');
const join = (parts) => new Intl.ListFormat(locale()).format(parts);
const two = (n) => String(n).padStart(2, '0');

/** "5,35" as numbers within a range, or undefined. */
function numbers(field, most) {
  if (!/^\d+(,\d+)*$/.test(field)) return undefined;
  const list = field.split(',').map(Number);
  return list.every((n) => n <= most) ? list : undefined;
}

const step = (field) => /^(?:\*|0)\/(\d+)$/.exec(field)?.[1];

const dayName = (n) => new Intl.DateTimeFormat(locale(),
  { weekday: 'long', timeZone: 'UTC' }).format(SUNDAY + n * DAY_MS);

function dayNumber(text) {
  const n = /^\d$/.test(text) ? Number(text) % 7 : DAYS.indexOf(text.toUpperCase());
  return n < 0 ? undefined : n;
}

/** The weekdays of a field, or undefined. */
function weekdays(field) {
  const words = field.split(',').map((part) => {
    const [from, to, more] = part.split('-').map(dayNumber);
    if (from === undefined || more !== undefined) return undefined;
    if (!part.includes('-')) return dayName(from);
    return to === undefined ? undefined
      : t('cron.range', { from: dayName(from), to: dayName(to) });
  });
  return words.includes(undefined) ? undefined : join(words);
}

function onDays(dom, month, dow) {
  if (month !== '*') return undefined;
  if (dom === '*' && dow === '*') return t('cron.everyDay');
  if (dom === '*') {
    const names = weekdays(dow);
    return names && t('cron.onDays', { days: names });
  }
  const days = dow === '*' ? numbers(dom, 31) : undefined;
  return days && t('cron.onDates', { days: join(days.map(String)) });
}

/** "every minute", "at minute 5 of every hour". */
function often(minute, hour) {
  if (hour !== '*') return undefined;
  if (minute === '*' || step(minute) === '1') return t('cron.everyMinute');
  if (step(minute)) return t('cron.everyMinutes', { n: step(minute) });
  const at = numbers(minute, 59);
  return at && t('cron.everyHour', { at: join(at.map((n) => `:${two(n)}`)) });
}

function atTimes(minute, hour) {
  const minutes = numbers(minute, 59);
  const hours = numbers(hour, 23);
  if (minutes?.length !== 1) return undefined;
  if (step(hour)) {
    return t('cron.everyHours', { n: step(hour), at: `:${two(minutes[0])}` });
  }
  return hours && t('cron.at', { times: join(hours.map((h) =>
    `${two(h)}:${two(minutes[0])}`)) });
}

/** undefined: not one of those shapes. */
export function inWords(expression) {
  const fields = (MACROS[expression] ?? expression).trim().split(/\s+/);
  if (fields.length === 6 && fields.shift() !== '0') return undefined;
  const [minute, hour, dom, month, dow] = fields.map((f) => (f === '?' ? '*' : f));
  const always = dom === '*' && month === '*' && dow === '*';
  const frequent = always && often(minute, hour);
  if (frequent) return frequent;
  const times = atTimes(minute, hour);
  if (always && step(hour)) return times;
  const days = onDays(dom, month, dow);
  return times && days && `${days} ${times}`;
}
