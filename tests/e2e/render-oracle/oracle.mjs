// What an item's id and content text are, written as the plain JavaScript
// whose string coercion the service reproduces. Independent of its code.

// Texts without a zone mean UTC.
process.env.TZ = 'UTC';
const calendar = new Intl.DateTimeFormat('en-US', { timeZone: 'UTC' });

/** The Date a datetime field means; an invalid one for all else. */
export const instant = (value) => new Date(value);

function dateText(value) {
  const date = instant(value);
  return Number.isNaN(date.getTime()) ? 'Invalid Date' : calendar.format(date);
}

function formatObject(label, object, depth) {
  const pad = '  '.repeat(depth);
  const lines = [`${pad}${label}:`];
  for (const [key, value] of Object.entries(object)) {
    if (value === null) {
      lines.push(`${pad}  ${key}: (empty)`);
    } else if (Array.isArray(value)) {
      lines.push(`${pad}  ${key}:`);
      value.forEach((element, i) => {
        if (element !== null && typeof element === 'object')
          lines.push(formatObject(i + 1, element, depth + 2));
        else lines.push(`${pad}    ${i + 1}. ${element}`);
      });
    } else if (typeof value === 'object') {
      lines.push(formatObject(key, value, depth + 1));
    } else {
      lines.push(`${pad}  ${key}: ${value}`);
    }
  }
  return lines.join('\n');
}

function formatArray(label, array) {
  const lines = [`${label}:`];
  array.forEach((element, i) => {
    if (element !== null && typeof element === 'object')
      lines.push(formatObject(i + 1, element, 1));
    else lines.push(`  ${i + 1}. ${element}`);
  });
  return lines.join('\n');
}

function formatField(label, type, value) {
  if (type === 'datetime') return `${label}: ${dateText(value)}`;
  if (type === 'object' && typeof value === 'object')
    return formatObject(label, value, 0);
  if (type === 'array' && Array.isArray(value))
    return formatArray(label, value);
  return `${label}: ${String(value)}`;
}

function own(object, key) {
  return object && Object.hasOwn(object, key) ? object[key] : null;
}

/** The item as the schema's fields; nested ones may come as JSON text. */
export function extract(schema, item) {
  const values = new Map();
  for (const [field, type] of Object.entries(schema.data_structure)) {
    let value = own(item, field);
    if ((type === 'object' || type === 'array') && typeof value === 'string') {
      try {
        value = JSON.parse(value);
      } catch {
        // Stays the string it is.
      }
    }
    values.set(field, value);
  }
  return values;
}

/** Lone surrogates cannot be stored as UTF-8, NULs not at all. */
export function storable(text) {
  return text.replace(/\p{Surrogate}/gu, '\ufffd').replaceAll('\0', '');
}

function contentText(schema, values) {
  const parts = [];
  for (const [field, type] of Object.entries(schema.data_structure)) {
    const value = values.get(field);
    if (type === 'datetime' ? value === null : !value) continue;
    const label = own(schema.field_descriptions, field)?.split(' ')[0] || field;
    parts.push(formatField(label, type, value));
  }
  return storable(parts.join('\n\n'));
}

// `digits` is the text of a number in the item, where it has more digits than
// a double.
function idPart(value, digits) {
  if (value === null || typeof value === 'object') return '';
  if (typeof value === 'number' && /^-?[1-9]\d*$/.test(digits ?? ''))
    return digits;
  return storable(String(value));
}

/**
 * {content_id, content_text} or {error}. `texts` maps the fields of the item
 * to their JSON text, for integers that no double holds.
 */
export function render(schema, item, texts) {
  if (item === null || typeof item !== 'object' || Array.isArray(item))
    return { error: 'not an object' };
  const values = extract(schema, item);
  const names = schema.id_fields ?? [Object.keys(schema.data_structure)[0]];
  const parts = names.map((name) => {
    const given = own(item, name);
    const text = typeof given === 'string' ? given.trim() : texts?.get(name);
    return idPart(values.get(name), text);
  });
  if (parts.includes('')) return { error: 'no content id' };
  const id = parts.join(':');
  if (Buffer.byteLength(id) > 1000)
    return { error: 'content id longer than 1000 bytes' };
  const text = contentText(schema, values);
  if (text === '') return { error: 'empty text' };
  return { content_id: id, content_text: text };
}
