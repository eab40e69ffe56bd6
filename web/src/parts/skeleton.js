// Holds the place of what has not come yet.

import { html } from '../html.js';
import { t } from '../texts.js';

export function Skeleton() {
  return html`<div class="skeleton" role="status" aria-label=${t('loading')}>
    <i /><i /><i /></div>`;
}
