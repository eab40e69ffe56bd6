// What the pictures share. They have a ground of their own, so that they can
// be read on a light page and on a dark one.

export const COLORS = ['#1f6feb', '#d1570a', '#1a7f37', '#8250df'];
export const GRID = '#dfe3e8', TEXT = '#24292f', DIM = '#57606a';

export const escape = (text) => String(text).replace(/[&<>"]/g,
  (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c]);

export function text(x, y, content, { anchor = 'start', color = TEXT,
  size = 12, weight = 'normal', turn } = {}) {
  const rotate = turn ? ` transform="rotate(${turn} ${x} ${y})"` : '';
  return `<text x="${x}" y="${y}" text-anchor="${anchor}" fill="${color}" ` +
    `font-size="${size}" font-weight="${weight}"${rotate}>` +
    `${escape(content)}</text>`;
}

/** A whole picture of these elements. */
export const picture = (title, width, height, elements) => `${[
  `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" ` +
    `height="${height}" viewBox="0 0 ${width} ${height}" role="img" ` +
    'font-family="system-ui, \'DejaVu Sans\', sans-serif">',
  `<title>${escape(title)}</title>`,
  `<rect width="${width}" height="${height}" rx="8" fill="#fbfcfd"/>`,
  ...elements,
  '</svg>',
].join('\n')}\n`;
