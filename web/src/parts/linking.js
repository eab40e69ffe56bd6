// How linking goes on in the service that answers: rate, method and rest.

import { number, rate } from '../format.js';
import { html } from '../html.js';
import { t } from '../texts.js';

export function Linking({ linking }) {
  if (!linking) return null;
  const { method, perSecond, queued } = linking;
  return html`<p class="linking">${t(`linking.${method}`)}:
    ${' '}<span class="rate">${t('perSecond', { n: rate(perSecond) })}</span>${
    Number(queued) > 0 && html`, ${t('toGo', { n: number(queued) })}`}</p>`;
}
