// Random schemas and items, as JSON text: much of what is worth trying
// (integers of any size, repeated keys, lone surrogates) is lost in values.

/** A small generator of 32-bit numbers (mulberry32). */
export function generator(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  };
  const below = (n) => next() % n;
  const pick = (list) => list[below(list.length)];
  return { next, below, pick, chance: (n) => below(n) === 0 };
}

const TYPES = ['string', 'text', 'number', 'integer', 'boolean', 'date',
  'datetime', 'object', 'array'];
const NAMES = ['id', 'title', 'name', 'when', 'meta', 'tags', 'a b', 'é',
  'toString', '10', '2', '007', '-1', '1.5', '4294967294', '4294967295', '_x',
  '0', 'a.b', 'constructor', 'hasOwnProperty', 'שם', 'x\ty', '"q"'];
const NUMBERS = ['0', '-0', '0.0', '-0.0', '1', '-1', '42', '1.0', '1.50',
  '1e21', '1E21', '1e20', '123456789012345680000', '1e-6', '1e-7', '-1e-7',
  '1.5e-9', '5e-324', '1e-400', '1.7976931348623157e308', '1e309', '-1e999',
  '9007199254740991', '9007199254740992', '9007199254740993',
  '-9007199254740993', '9223372036854775807', '-9223372036854775808',
  '9223372036854775808', '18446744073709551615', '18446744073709551616',
  '123456789012345678901234567890', '-123456789012345678901234567890',
  '0.1', '0.30000000000000004', '100', '1e2', '1e0', '0.1e1', '123.456e5',
  '1e23', '4.35', '2.5e-7', '299792458.123', '1700000000000', '1.9', '-1.9',
  '8640000000000000', '8640000000000001', '-62198755200001', '1234567890.5'];
const STRINGS = ['', ' ', 'x', 'Hello, world', 'line\nbreak', '\t tab ', '0',
  'false', 'null', 'NaN', 'שלום עולם', '日本語', '😀', 'e\u0301', '\u00a0',
  '\u2028', '\ufeff', '\0', 'a\0b', '\ud800', 'a\udc00', '\ude00\ud83d',
  '\ud83d\0\ude00', '"quoted"', 'back\\slash', '\u0001\u001f\u007f',
  'first second third', '1:2', 'a:b', '\r\n', '<b>&amp;</b>', '[object]'];
const DATES = ['2025-12-18T14:30:00Z', '2025-12-18T14:30:00.123Z',
  '2025-12-18', '2025-12', '2025', '2025-12-18T14:30', '2025-12-18T14:30:00',
  '2025-12-18 14:30:00', '2025-12-18 14:30:00+02', '2025-12-18 23:30:00-03:30',
  '2025-12-18T23:59:59.999999-01:00', '2025-12-18T00:30:00+0200',
  '2025-12-18t14:30:00z', '2024-02-29', '2023-02-29', '2025-02-31',
  '2025-04-31T10:00:00Z', '2025-02-32', '2025-13-01', '2025-00-10',
  '2025-1-2', '0000-01-01', '0001-01-01', '0099-12-31', '-000001-01-01',
  '-000000-01-01', '+012345-06-07', '+275760-09-13T00:00:00Z',
  '+275760-09-13T00:00:00.001Z', '-271821-04-20', '-271821-04-19',
  '1969-12-31T23:59:59.999Z', '1600-02-29', '1500-02-29', '9999-12-31',
  '2025-12-18T24:00:00Z', '2025-12-18T24:00:01Z', '2025-12-18T25:00:00Z',
  '2025-12-18T14:60:00Z', '2025-12-18T14:30:60Z', '2025-12-18T14',
  '2025-12-18T14:30:00,5Z', '2025-12-18T14:30:00.Z', '2025-12-18T',
  '2025-12-18T14:30:00+24:00', '2025-12-18T14:30:00+02', ' 2025-12-18',
  '2025-12-18 ', 'Dec 18, 2025', '18/12/2025', '12/18/2025', 'tomorrow', '',
  '1700000000000', '20251218', '2025-12-18T14:30:00Z\0', '2025W01'];

// JSON text of a string; some characters as escapes nobody needs.
function stringText(random, value) {
  const text = JSON.stringify(value);
  return random.chance(8) ? text.replace(/[a-z]/g, (c, at) =>
    text[at - 1] === '\\' || /\\u[0-9a-f]{0,3}$/.test(text.slice(0, at))
      ? c : `\\u00${c.charCodeAt(0).toString(16)}`) : text;
}

function space(random) {
  return random.chance(6) ? random.pick([' ', '\n', '\t', '  \r\n']) : '';
}

function list(random, open, close, parts) {
  const gap = () => space(random);
  return open + gap() + parts.join(`${gap()},${gap()}`) + gap() + close;
}

function numberText(random) {
  const digits = (n) => Array.from({ length: n }, () => random.below(10))
    .join('').replace(/^0+(?=\d)/, '');
  let text = random.pick(['', '-']) + digits(1 + random.below(22));
  if (random.chance(2)) text += `.${digits(1 + random.below(20))}`;
  if (random.chance(3))
    text += random.pick(['e', 'E', 'e+', 'e-']) + random.below(330);
  return text;
}

function scalarText(random) {
  switch (random.below(9)) {
    case 8: return numberText(random);
    case 0: return 'null';
    case 1: return random.pick(['true', 'false']);
    case 2: case 3: case 4: return random.pick(NUMBERS);
    default: return stringText(random, random.pick(STRINGS));
  }
}

function keyOf(random) {
  return random.chance(12) ? random.pick(STRINGS) : random.pick(NAMES);
}

// Own toString or valueOf would make String() throw; those keys stay out.
function objectText(random, depth) {
  const parts = [];
  for (let n = random.below(random.chance(10) ? 20 : 5); n > 0; n--) {
    const key = keyOf(random);
    parts.push(`${stringText(random, key === 'toString' ? 'to' : key)}:` +
      `${space(random)}${valueText(random, depth - 1)}`);
  }
  return list(random, '{', '}', parts);
}

function arrayText(random, depth) {
  const parts = [];
  for (let n = random.below(5); n > 0; n--)
    parts.push(valueText(random, depth - 1));
  return list(random, '[', ']', parts);
}

function valueText(random, depth) {
  if (depth > 0 && random.chance(4)) return objectText(random, depth);
  if (depth > 0 && random.chance(3)) return arrayText(random, depth);
  return scalarText(random);
}

// A value that suits the type more often than not.
function fieldText(random, type) {
  if (random.chance(10)) return valueText(random, 3);
  if (type === 'datetime')
    return random.chance(3) ? random.pick(NUMBERS)
      : JSON.stringify(random.pick(DATES));
  if (type === 'object' || type === 'array') {
    const text = (type === 'object') === !random.chance(6)
      ? objectText(random, 4) : arrayText(random, 4);
    if (!random.chance(4)) return text;
    return JSON.stringify(random.chance(5) ? text.slice(1) : text);
  }
  return scalarText(random);
}

/** {text, value}: a schema, with its first field twice now and then. */
export function randomSchema(random) {
  const fields = [];
  for (let n = 1 + random.below(8); n > 0; n--)
    fields.push([random.pick(NAMES), random.pick(TYPES)]);
  if (random.chance(3)) fields.push([fields[0][0], random.pick(TYPES)]);
  const descriptions = {};
  for (const [name] of fields)
    if (random.chance(2))
      descriptions[name] = random.pick(['Two words', 'One', '', ' blank first',
        'Colon: text', 'tab\tin word', 'תווית של שדה', 'a  b', 'new\nline']);
  const text = `{"service_name":"random","data_structure":{${fields
    .map((f) => `${JSON.stringify(f[0])}:${JSON.stringify(f[1])}`)
    .join(',')}},"field_descriptions":${JSON.stringify(descriptions)}`;
  const plain = Object.entries(JSON.parse(`${text}}`).data_structure)
    .filter(([, type]) => type !== 'object' && type !== 'array')
    .map(([name]) => name);
  const ids = random.chance(3) ? plain.slice(0, 1 + random.below(3)) : [];
  const whole = ids.length > 0
    ? `${text},"id_fields":${JSON.stringify(ids)}}` : `${text}}`;
  return { text: whole, value: JSON.parse(whole) };
}

/** {text, value, texts}: an item for the schema; texts holds its members'. */
export function randomItem(random, schema) {
  if (random.chance(50)) {
    const text = random.chance(2) ? scalarText(random) : arrayText(random, 2);
    return { text, value: JSON.parse(text), texts: new Map() };
  }
  const members = [];
  for (const [name, type] of Object.entries(schema.data_structure)) {
    if (random.chance(8)) continue;
    members.push([name, fieldText(random, type)]);
    if (random.chance(15)) members.push([name, fieldText(random, type)]);
  }
  if (random.chance(3)) members.push(['extra', valueText(random, 2)]);
  if (random.chance(4)) members.reverse();
  const text = list(random, '{', '}', members.map(([name, value]) =>
    `${stringText(random, name)}:${value}`));
  return { text, value: JSON.parse(text), texts: new Map(members) };
}
