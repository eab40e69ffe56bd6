// The last runs of a service as little columns: how much came, and how it ended.

import { dateTime, number } from '../format.js';
import { html } from '../html.js';
import { t } from '../texts.js';

const TALL = 26; // pixels

/** `runs`: the newest first. */
export function Spark({ runs }) {
  const most = Math.max(1, ...runs.map(({ counts }) => Number(counts.received)));
  const last = runs[0];
  const label = last ? `${t(`state.${last.status}`)}, ${t('itemsCount',
    { n: number(last.counts.received) })}` : t('neverRan');
  return html`<span class="spark" role="img" aria-label=${label}>
    ${runs.slice(0, 20).reverse().map(({ id, counts, status, startedAt }) =>
      html`<i key=${id} class=${`of-${status}`} title=${`${dateTime(startedAt)}: ${
        number(counts.received)}`} style=${{ height: `${
        3 + (TALL - 3) * Math.sqrt(Number(counts.received) / most)}px` }} />`)}
  </span>`;
}
