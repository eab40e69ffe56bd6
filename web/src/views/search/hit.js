// What was found, and how near it is.

import { html } from '../../html.js';
import { linkTo } from '../../route.js';
import { t } from '../../texts.js';

export function Hit({ hit }) {
  const { service, content_id: id, similarity, title, preview } = hit;
  const near = Math.max(0, Math.min(1, similarity ?? 0));
  return html`<li class="row hit">
    <div class="line">
      <a dir="auto" href=${linkTo('record', '', { service, id })}>${title || id}</a>
      <span class="soft" dir="auto">${service}</span>
      ${similarity !== null && html`<span class="near" role="img" title=${t('similarity')}
        aria-label=${`${t('similarity')} ${similarity.toFixed(3)}`}>
        <span><i style=${{ width: `${100 * near}%` }} /></span>
        ${similarity.toFixed(3)}</span>`}
    </div>
    <p class="soft preview" dir="auto">${preview}</p>
  </li>`;
}
