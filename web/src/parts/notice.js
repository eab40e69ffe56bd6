// What went wrong with asking.

import { html } from '../html.js';
import { t } from '../texts.js';

export function Notice({ error }) {
  if (!error) return null;
  const text = error.status === 0 ? t('noAnswer')
    : t('failed', { message: error.message });
  return html`<p class="notice" role="status" dir="auto">${text}</p>`;
}
