// What was found: why, how near it is, and its best passage.

import { html } from '../../html.js';
import { linkTo } from '../../route.js';
import { t } from '../../texts.js';
import { marked } from './marks.js';

function Near({ similarity }) {
  const near = Math.max(0, Math.min(1, similarity));
  return html`<span class="near" role="img" title=${t('similarity')}
    aria-label=${`${t('similarity')} ${similarity.toFixed(3)}`}>
    <span><i style=${{ width: `${100 * near}%` }} /></span>
    ${similarity.toFixed(3)}</span>`;
}

/** By which way it was found, and where it stood there. */
function Why({ vector, text }) {
  const ways = [text && t(text.phrase ? 'found.phrase' : 'found.text',
    { n: text.rank }), vector && t('found.vector', { n: vector.rank })];
  return html`<span class="soft small">${
    ways.filter((way) => way).join(' · ')}</span>`;
}

/** The passage, with the words that were asked for marked. */
function Passage({ text, asked }) {
  return html`<p class="soft preview" dir="auto">${
    marked(text, asked).map((part, i) =>
      (i % 2 === 1 ? html`<mark>${part}</mark>` : part))}</p>`;
}

export function Hit({ hit, asked }) {
  const { service, content_id: id, similarity, title, preview } = hit;
  return html`<li class="row hit">
    <div class="line">
      <a dir="auto" href=${linkTo('record', '', { service, id })}>${title || id}</a>
      <span class="soft" dir="auto">${service}</span>
      ${hit.chunk_index > 0 && html`<span class="soft">${
        t('piece', { n: hit.chunk_index + 1 })}</span>`}
      <${Why} ...${hit} />
      ${similarity !== null && html`<${Near} similarity=${similarity} />`}
    </div>
    <${Passage} text=${preview} asked=${asked} />
  </li>`;
}
