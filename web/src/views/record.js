// One stored item: its text as it was embedded, its pieces, its metadata, where
// it comes from, and what lies near it.

import { ADMIN, ask } from '../api.js';
import { dateTime } from '../format.js';
import { html } from '../html.js';
import { useLive } from '../live.js';
import { Facts } from '../parts/facts.js';
import { Notice } from '../parts/notice.js';
import { Skeleton } from '../parts/skeleton.js';
import { prettyValue } from '../pretty.js';
import { linkTo, route } from '../route.js';
import { t } from '../texts.js';
import { Neighbours } from './record/neighbours.js';

const EVERY_MS = 30_000;

function Piece({ piece, alone }) {
  return html`<li>
    ${!alone && html`<h3>${t('piece', { n: piece.chunkIndex + 1 })}</h3>`}
    ${!piece.hasVector && html`<p class="bad">${t('noVector')}</p>`}
    <p class="text" dir="auto">${piece.text}</p>
  </li>`;
}

const factsOf = ({ contentId, service, tenantId, createdAt, updatedAt, run }) => [
  [t('fact.id'), contentId],
  [t('service'), service],
  [t('fact.model'), run && `${run.model}, ${run.dimensions}`],
  [t('fact.created'), dateTime(createdAt)],
  [t('fact.updated'), dateTime(updatedAt)],
  [t('fact.run'), run && html`<a href=${linkTo('runs', run.id)}>${run.id}</a>`],
  [t('fact.tenant'), tenantId],
];

export function Record() {
  const { service, id } = route.value.query;
  const query = new URLSearchParams({ service, id });
  const { data, error } = useLive((signal) =>
    ask(`${ADMIN}/items?${query}`, { signal }), EVERY_MS, `${query}`);
  const title = data?.metadata.title;
  return html`
    <a class="back" href="#/search" onClick=${(event) => {
      if (history.length > 1) {
        event.preventDefault();
        history.back();
      }
    }}>${t('search')}</a>
    <div class="title"><h1 dir="auto">${title || id}</h1>
      <span class="soft" dir="auto">${service}</span></div>
    <${Notice} error=${error} />
    ${!data ? !error && html`<${Skeleton} />` : html`
      <section class="card" aria-labelledby="text">
        <h2 id="text">${t('textAsEmbedded')}</h2>
        <ol class="pieces">${data.pieces.map((piece) => html`<${Piece}
          key=${piece.chunkIndex} piece=${piece}
          alone=${data.pieces.length === 1} />`)}</ol>
      </section>
      <${Neighbours} record=${data} />
      <section class="card" aria-label=${t('details')}>
        <${Facts} facts=${factsOf(data)} /></section>
      <section class="card" aria-labelledby="metadata">
        <h2 id="metadata">${t('metadata')}</h2>
        <pre class="copy" dir="auto" tabindex="0">${prettyValue(data.metadata)}</pre>
      </section>`}`;
}
