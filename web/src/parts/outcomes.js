// What became of items: always the same colours, in the same order.

import { html } from '../html.js';
import { number } from '../format.js';
import { t } from '../texts.js';

/** [the count's name, the text's key]; the name is the colour's, too. */
export const OUTCOMES = [['stored', 'stored'], ['unchanged', 'unchanged'],
  ['collisions', 'collisions'], ['tombstones', 'tombstones'],
  ['deleted', 'deleted'], ['failed', 'failedItems']];

const shown = (counts) => OUTCOMES.map(([name, text]) =>
  ({ name, text, n: counts?.[name] ?? 0 })).filter(({ n }) => n > 0);

const summary = (parts) =>
  parts.map(({ text, n }) => `${number(n)} ${t(text)}`).join(', ');

/** A bar whose parts grow with the counts; `rest` is still to come. */
export function OutcomeBar({ counts, rest = 0 }) {
  const parts = shown(counts);
  return html`<div class="bar" role="img"
    aria-label=${summary(parts) || t('neverRan')}>
    ${parts.map(({ name, n }) => html`<i key=${name} class=${`is-${name}`}
      style=${{ flexGrow: String(n) }} />`)}
    ${rest > 0 && html`<i class="is-rest" style=${{ flexGrow: String(rest) }} />`}
  </div>`;
}

/** The same in words, each with its colour. */
export function OutcomeWords({ counts }) {
  return html`<ul class="words">${shown(counts).map(({ name, text, n }) =>
    html`<li key=${name}><i class=${`swatch is-${name}`} /><b>${number(n)}</b>${' '}
      ${t(text)}</li>`)}</ul>`;
}
