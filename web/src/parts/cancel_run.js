// Ends a run for good, after a question.

import { useState } from 'preact/hooks';
import { ADMIN, post } from '../api.js';
import { html } from '../html.js';
import { refresh } from '../live.js';
import { t } from '../texts.js';
import { Confirm } from './confirm.js';

export function CancelRun({ id, onProblem }) {
  const [asked, setAsked] = useState(false);
  const [sent, setSent] = useState(false);
  const answer = async (yes) => {
    setAsked(false);
    if (!yes) return;
    setSent(true);
    try {
      await post(`${ADMIN}/runs/${encodeURIComponent(id)}/cancel`);
      onProblem(undefined);
    } catch (error) {
      onProblem(error);
      setSent(false);
    }
    refresh();
  };
  return html`<button disabled=${sent} onClick=${() => setAsked(true)}>
      ${t(sent ? 'canceling' : 'cancel')}</button>
    ${asked && html`<${Confirm} question=${t('cancelSure')} yes=${t('cancel')}
      no=${t('keepRunning')} onAnswer=${answer} />`}`;
}
