// Has dead letters tried again, after saying how many.

import { useState } from 'preact/hooks';
import { ADMIN, post } from '../../api.js';
import { number } from '../../format.js';
import { html } from '../../html.js';
import { refresh } from '../../live.js';
import { Confirm } from '../../parts/confirm.js';
import { readOnly } from '../../session.js';
import { t } from '../../texts.js';

/** `of` is the body: services, and kind or ids. */
export function Retry({ of, count, onTold }) {
  const [asked, setAsked] = useState(false);
  const n = number(count);
  if (readOnly.value) return null;
  const answer = async (yes) => {
    setAsked(false);
    if (!yes) return;
    try {
      const { retried } = await post(`${ADMIN}/dead-letters/retry`, of,
        { headers: { Prefer: 'respond-async' }, also: [409] });
      onTold(t('retried', { n: number(retried) }));
    } catch (error) {
      onTold(t('failed', { message: error.message }));
    }
    refresh();
  };
  return html`<button onClick=${() => setAsked(true)}>${
      t(count === 1 ? 'retryOne' : 'retryMany', { n })}</button>
    ${asked && html`<${Confirm} question=${t('retrySure', { n })} kind="primary"
      yes=${t('retryYes')} no=${t('retryNo')} onAnswer=${answer} />`}`;
}
