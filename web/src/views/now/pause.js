// Keeps all schedules from beginning runs, for a reason, or lets them go on.

import { useState } from 'preact/hooks';
import { ADMIN, post } from '../../api.js';
import { html } from '../../html.js';
import { refresh } from '../../live.js';
import { AskLine } from '../../parts/ask_line.js';
import { t } from '../../texts.js';

export function PauseSchedules({ paused, onProblem }) {
  const [asked, setAsked] = useState(false);
  const [busy, setBusy] = useState(false);
  const send = async (path, body) => {
    setBusy(true);
    try {
      await post(`${ADMIN}/${path}`, body);
      onProblem(undefined);
    } catch (error) {
      onProblem(error);
    }
    setBusy(false);
    refresh();
  };
  const answer = (reason) => {
    setAsked(false);
    if (reason) send('pause', { reason });
  };
  if (paused) {
    return html`<button disabled=${busy} onClick=${() => send('resume')}>
      ${t('resumeSchedules')}</button>`;
  }
  return html`<button disabled=${busy} onClick=${() => setAsked(true)}>
      ${t('pauseSchedules')}</button>
    ${asked && html`<${AskLine} text=${t('pauseText')} label=${t('pauseReason')}
      yes=${t('pauseYes')} no=${t('pauseNo')} onAnswer=${answer} />`}`;
}
