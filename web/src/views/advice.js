// What is wrong, or could be better, and what to do about it.

import { ADMIN, ask } from '../api.js';
import { html } from '../html.js';
import { useLive } from '../live.js';
import { Copy } from '../parts/copy.js';
import { Notice } from '../parts/notice.js';
import { Skeleton } from '../parts/skeleton.js';
import { t } from '../texts.js';

const EVERY_MS = 10_000;

function Item({ item }) {
  return html`<li class=${`card advice of-${item.level}`}>
    <h2>${t(`level.${item.level}`)}</h2>
    <p dir="auto">${item.text}</p>
    ${item.view && html`<p><a href=${item.view}>${t('look')}</a></p>`}
    ${item.copy && html`<${Copy} text=${item.copy} />`}
  </li>`;
}

export function Advice() {
  const { data, error } = useLive((signal) =>
    ask(`${ADMIN}/advice`, { signal }), EVERY_MS);
  return html`
    <div class="title"><h1>${t('advice')}</h1></div>
    <${Notice} error=${error} />
    ${!data ? html`<${Skeleton} />` : data.count === 0
      ? html`<p class="empty">${t('adviceNone')}</p>`
      : html`<ul class="groups">${data.advice.map((item) => html`<${Item}
        key=${item.id + item.text} item=${item} />`)}</ul>`}`;
}
