// Random dates: mostly in order and well spelled, with something odd in most.

const MONTHS = ['Jan', 'feb', 'MAR', 'April', 'may', 'June', 'Jul', 'august',
  'Sept', 'Oct', 'novem', 'Dec', 'Decem', 'ma'];
const WORDS = ['Mon', 'Thursday,', 'th', 'of', 'at', 'T', 'x', 'on', 'é', '日',
  'p.m.', 'noon', 'Sat.', 'week'];
const ZONES = ['Z', 'z', 'UTC', 'GMT', 'ut', 'EST', 'edt', 'CST', 'CDT', 'MST',
  'mdt', 'PST', 'PDT', 'CET', 'utcx'];
const MERIDIEMS = ['AM', 'pm', 'Am', 'PM', 'a', 'pmx'];
const SPACES = [' ', ' ', ' ', ' ', '  ', '\t', '\n', '\u00a0', '\u202f',
  '\u2003', '\ufeff', '\u2028', '\u180e', '\0'];
const SEPARATORS = ['/', '-', '.', ' ', ', ', ',', ';', '_', ' - ', '/ '];
const SYMBOLS = [':', '::', '.', '-', '+', '(', ')', '/', ',', "'", '"', '[',
  '#', '\u2212', '(x)', '(a (b) c)', '))', '@'];

const pad = (n, width) => String(n).padStart(width, '0');

function number(random) {
  switch (random.below(8)) {
    case 0: return String(random.below(10));
    case 1: case 2: return pad(random.below(62), 2);
    case 3: return String(1 + random.below(31));
    case 4: return String(1900 + random.below(200));
    case 5: return pad(random.below(10_000), 1 + random.below(12));
    case 6: return String(random.next()) + random.below(1000);
    default: return String(random.below(1_000_000));
  }
}

const year = (random) => random.chance(5) ? number(random)
  : String(1900 + random.below(200));
const month = (random) => random.chance(20) ? number(random)
  : String(1 + random.below(13));
const day = (random) => random.chance(20) ? number(random)
  : String(1 + random.below(32));
const two = (random, text) => random.chance(8) ? text : pad(text, 2);

function isoDate(random) {
  const sign = random.chance(12) ? random.pick(['+00', '-00', '+', '-', '+12'])
    : '';
  let text = sign + (random.chance(20) ? pad(random.below(100), 4)
    : year(random));
  if (random.chance(12)) return text;
  text += `-${two(random, month(random))}`;
  return random.chance(12) ? text : `${text}-${two(random, day(random))}`;
}

function offset(random) {
  const sign = random.pick(['+', '-']);
  const hours = random.chance(10) ? number(random) : pad(random.below(24), 2);
  const minutes = random.chance(10) ? number(random) : pad(random.below(60), 2);
  return sign + random.pick([hours, `${hours}:${minutes}`, hours + minutes,
    String(random.below(13)), `${hours}:`, `:${minutes}`]);
}

function zone(random) {
  switch (random.below(5)) {
    case 0: return '';
    case 1: return offset(random);
    case 2: return random.pick(ZONES) + offset(random);
    case 3: return random.pick(ZONES);
    default: return 'Z';
  }
}

function clock(random) {
  const parts = [pad(random.below(random.chance(8) ? 30 : 24), 1 +
    random.below(2)), two(random, String(random.below(random.chance(8) ? 70
    : 60)))];
  if (!random.chance(3)) parts.push(two(random, String(random.below(60))));
  let text = parts.join(random.chance(15) ? random.pick(SYMBOLS) : ':');
  if (random.chance(3))
    text += `${random.chance(10) ? ',' : '.'}` +
      pad(random.below(1000), 1 + random.below(12));
  return text;
}

function meridiem(random) {
  return random.chance(3)
    ? random.pick(SPACES) + random.pick(MERIDIEMS) : '';
}

function date(random) {
  const between = random.pick(SEPARATORS);
  const name = random.pick(MONTHS);
  const parts = random.pick([
    [month, day, year], [year, month, day], [day, month, year],
    [() => name, day, year], [day, () => name, year], [year, () => name, day],
    [() => name, day], [month, day], [() => name, year],
  ]);
  return parts.map((part) => part(random)).join(between);
}

// Anything after anything.
function noise(random) {
  let text = '';
  for (let n = 1 + random.below(7); n > 0; n--)
    text += random.pick([number, number, clock, zone, date,
      () => random.pick(MONTHS), () => random.pick(WORDS),
      () => random.pick(MERIDIEMS), () => random.pick(SYMBOLS),
      () => random.pick(SPACES), () => ' '])(random);
  return text;
}

function whole(random) {
  const space = () => random.chance(6) ? random.pick(SPACES) : ' ';
  switch (random.below(6)) {
    case 0: return isoDate(random);
    case 1: return `${isoDate(random)}${random.pick(['T', 'T', 't', ' '])}` +
      clock(random) + zone(random);
    case 2: return date(random);
    case 3: return date(random) + (random.chance(3) ? ',' : '') + space() +
      clock(random) + meridiem(random) + (random.chance(2) ? space() : '') +
      zone(random);
    case 4: return `${random.pick(WORDS)}${space()}${date(random)}${space()}` +
      clock(random) + space() + zone(random);
    default: return noise(random);
  }
}

/** A text of a date, or of something near one. */
export function randomDate(random) {
  const text = whole(random);
  if (!random.chance(4)) return text;
  const at = random.below(text.length + 1);
  return text.slice(0, at) + noise(random).slice(0, 3) +
    text.slice(at + random.below(2));
}
