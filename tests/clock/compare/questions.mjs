// Random questions, the same ones for the same seed: an expression of what
// the implementations have in common, a zone, an instant.

const ZONES = [
  'UTC', 'Europe/Berlin', 'Europe/London', 'Europe/Dublin', 'Europe/Moscow',
  'America/New_York', 'America/Los_Angeles', 'America/St_Johns',
  'America/Sao_Paulo', 'America/Asuncion', 'America/Havana',
  'America/Santiago', 'Africa/Cairo', 'Africa/Casablanca', 'Asia/Kolkata',
  'Asia/Kathmandu', 'Asia/Tehran', 'Asia/Beirut', 'Asia/Amman', 'Asia/Gaza',
  'Asia/Tokyo', 'Australia/Sydney', 'Australia/Lord_Howe',
  'Pacific/Auckland', 'Pacific/Chatham', 'Pacific/Apia',
];
const DAY = 86400000;
const FROM = Date.UTC(2000, 0, 1);
const UNTIL = Date.UTC(2036, 0, 1);

export function random(seed) {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function offsetReader(zone) {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: zone, hourCycle: 'h23', year: 'numeric', month: 'numeric',
    day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric',
  });
  return (ms) => {
    const part = {};
    for (const { type, value } of format.formatToParts(ms))
      part[type] = Number(value);
    return Date.UTC(part.year, part.month - 1, part.day, part.hour,
      part.minute, part.second) - ms;
  };
}

/** The instants at which a zone's offset changes, with the change in ms. */
export function transitions(zone) {
  const offset = offsetReader(zone);
  const found = [];
  let before = offset(FROM);
  for (let at = FROM; at < UNTIL; at += DAY) {
    const after = offset(at + DAY);
    if (after === before) continue;
    let [lo, hi] = [at, at + DAY];
    while (hi - lo > 1000) {
      const middle = Math.floor((lo + hi) / 2000) * 1000;
      if (offset(middle) === before) lo = middle;
      else hi = middle;
    }
    found.push({ at: hi, by: after - before });
    before = after;
  }
  return found;
}

const MONTHS = 'JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC'.split(' ');
const DAYS = 'SUN MON TUE WED THU FRI SAT'.split(' ');

function field(rnd, least, most, names) {
  const pick = (a, b) => a + Math.floor(rnd() * (b - a + 1));
  const name = (v) => (names && rnd() < 0.3 ? names[v - least] : String(v));
  const kind = rnd();
  if (kind < 0.25) return `*/${pick(2, Math.ceil((most - least + 1) / 2))}`;
  const items = [];
  for (let n = pick(1, 3); n > 0; n--) {
    const a = pick(least, most);
    const b = pick(a, most);
    if (rnd() < 0.6 || a === b) items.push(name(a));
    else if (rnd() < 0.7) items.push(`${name(a)}-${name(b)}`);
    else items.push(`${a}-${b}/${pick(1, b - a)}`);
  }
  return items.join(',');
}

function expression(rnd, hour) {
  const part = (free, ...rest) => (rnd() < free ? '*' : field(rnd, ...rest));
  let hours = part(0.3, 0, 23);
  if (hour !== undefined && rnd() < 0.6)
    hours = String((hour + Math.floor(rnd() * 3)) % 24);
  let day = part(0.7, 1, 31);
  let weekday = part(0.7, 0, 6, DAYS);
  if (rnd() < 0.05) day = 'L';
  else if (rnd() < 0.04) day = `${1 + Math.floor(rnd() * 31)}W`;
  else if (rnd() < 0.02) day = 'LW';
  if (rnd() < 0.05) weekday = `${DAYS[Math.floor(rnd() * 7)]}#2`;
  else if (rnd() < 0.05) weekday = `${Math.floor(rnd() * 7)}L`;
  const fields = [part(0.2, 0, 59), hours, day, part(0.8, 1, 12, MONTHS),
    weekday];
  if (rnd() < 0.2) fields.unshift(part(0.2, 0, 59));
  return fields.join(' ');
}

/** Half of the instants are within a day before a change of the clocks. */
export function questions(count, seed) {
  const rnd = random(seed);
  const changes = new Map(ZONES.map((zone) => [zone, transitions(zone)]));
  const all = [];
  for (let i = 0; i < count; i++) {
    const zone = ZONES[Math.floor(rnd() * ZONES.length)];
    const near = changes.get(zone);
    let after = FROM + Math.floor((rnd() * (UNTIL - FROM)) / 1000) * 1000;
    let hour;
    if (near.length > 0 && rnd() < 0.5) {
      const { at } = near[Math.floor(rnd() * near.length)];
      after = at - Math.floor(rnd() * 86400) * 1000;
      hour = new Date(at + offsetReader(zone)(at - 1000)).getUTCHours() + 23;
    }
    all.push({ text: expression(rnd, hour), zone, after });
  }
  all.sort((a, b) => (a.zone < b.zone ? -1 : a.zone > b.zone ? 1 : 0));
  return { all, changes };
}
