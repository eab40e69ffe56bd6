// systemd's calendar, asked through systemd-analyze.
import { execFileSync } from 'node:child_process';

const MONTHS = 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ');
const DAYS = 'sun mon tue wed thu fri sat'.split(' ');

function value(text) {
  const name = text.toLowerCase();
  if (DAYS.includes(name)) return DAYS.indexOf(name);
  if (MONTHS.includes(name)) return MONTHS.indexOf(name) + 1;
  return Number(text);
}

/** Every value of a field, as systemd has no names and other steps. */
function list(field, least, most) {
  if (field === '*') return '*';
  const values = new Set();
  for (const item of field.split(',')) {
    const [range, step] = item.split('/');
    let [from, to] = range === '*' ? [least, most] : range.split('-').map(value);
    if (to === undefined) to = step ? most : from;
    for (let v = from; v <= to; v += Number(step ?? 1)) values.add(v);
  }
  return [...values].sort((a, b) => a - b);
}

/** The expression in systemd's words; null: it has none for it. */
export function inSystemd(text, zone) {
  const fields = text.split(' ');
  if (fields.length === 5) fields.unshift('0');
  const [second, minute, hour, day, month, weekday] = fields;
  if (/[#L]/.test(weekday.replace(/[A-Z]{3}/g, ''))) return null;
  if (day !== 'L' && /[LW]/.test(day)) return null;
  if (!day.startsWith('*') && !weekday.startsWith('*')) return null;
  const days = weekday === '*' ? '' :
    `${list(weekday, 0, 6).map((v) => DAYS[v % 7]).join(',')} `;
  const date = day === 'L' ? '~01' : `-${list(day, 1, 31)}`;
  return `${days}*-${list(month, 1, 12)}${date} ` +
    `${list(hour, 0, 23)}:${list(minute, 0, 59)}:${list(second, 0, 59)} ` +
    zone;
}

export function systemdNext({ text, zone, after }, count) {
  const spec = inSystemd(text, zone);
  if (spec === null) throw new Error('not in its grammar');
  const base = new Date(after).toISOString().slice(0, 19).replace('T', ' ');
  const out = execFileSync('systemd-analyze',
    ['calendar', `--iterations=${count}`, `--base-time=${base} UTC`, spec],
    { env: { ...process.env, TZ: 'UTC' }, stdio: ['ignore', 'pipe', 'pipe'] });
  return [...String(out).matchAll(
    /(?:Next elapse|Iter\. #\d+): \w+ (\S+) (\S+) UTC/g)]
    .map(([, date, time]) => Date.parse(`${date}T${time}Z`));
}
