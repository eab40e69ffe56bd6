// The state in one line, what comes next, and the one thing to do about it.

import { useState } from 'preact/hooks';
import { ADMIN, post } from '../../api.js';
import { dateTime, duration, relative } from '../../format.js';
import { html } from '../../html.js';
import { now, refresh } from '../../live.js';
import { CancelRun } from '../../parts/cancel_run.js';
import { inWords } from '../../schedule.js';
import { readOnly } from '../../session.js';
import { t } from '../../texts.js';
import { PauseSchedules } from './pause.js';

function Pause({ of: { reason, since } }) {
  return html`<p class="next paused"><b>${t('schedulesPaused')}</b>
    ${' '}<span dir="auto">${reason}</span>
    <time class="soft" datetime=${since} title=${dateTime(since)}>${
      relative(since, now.value)}</time></p>`;
}

/** What comes next, in words; it counts down by the second. */
function Next({ scheduler }) {
  if (!scheduler.enabled) return html`<p class="next">${t('syncOff')}</p>`;
  if (scheduler.paused) return html`<${Pause} of=${scheduler.paused} />`;
  if (!scheduler.nextRun) return html`<p class="next">${t('noSchedule')}</p>`;
  const { nextRun, schedule, timezone } = scheduler;
  const left = Math.max(0, Date.parse(nextRun) - now.value);
  const words = inWords(schedule);
  return html`<p class="next">${t('nextRun')}
      ${' '}<time role="timer" datetime=${nextRun}>${t('countdown',
        { time: duration(1000 * Math.ceil(left / 1000)) })}</time>
      <span class="soft">${dateTime(nextRun)}</span></p>
    <p class="next schedule">
      ${words && html`<span>${words}</span>`}
      <code dir="ltr">${schedule}</code>
      <span class="soft" dir="ltr">${timezone}</span></p>`;
}

function RunNow({ onProblem }) {
  const [busy, setBusy] = useState(false);
  const start = async () => {
    setBusy(true);
    try {
      await post(`${ADMIN}/trigger`, {}, { headers: { Prefer: 'respond-async' } });
      onProblem(undefined);
    } catch (error) {
      onProblem(error);
    }
    setBusy(false);
    refresh();
  };
  return html`<button class="primary" disabled=${busy} onClick=${start}>
    ${t('runNow')}</button>`;
}

const DOTS = { down: 'bad', running: 'pulse', idle: 'pulse',
  waiting: 'off', attention: 'warn' };

function stateOf(ready, run) {
  if (!ready) return 'down';
  if (!run || run.status === 'success') return 'idle';
  if (run.status === 'running') return 'running';
  return run.status === 'canceled' ? 'waiting' : 'attention';
}

export function Headline({ scheduler, health, run, onProblem }) {
  const running = run?.status === 'running';
  const ready = health.dependencies.database === 'ok';
  const state = stateOf(ready, run);
  return html`<section class="headline">
    <div>
      <h1><i class=${`dot ${DOTS[state]}`} />${' '}${t(state)}</h1>
      <${Next} scheduler=${scheduler} />
    </div>
    <div class="buttons">${!readOnly.value && html`
      ${(scheduler.nextRun || scheduler.paused) && html`<${PauseSchedules}
        paused=${Boolean(scheduler.paused)} onProblem=${onProblem} />`}
      ${running
        ? html`<${CancelRun} key=${run.id} id=${run.id}
          onProblem=${onProblem} />`
        : html`<${RunNow} onProblem=${onProblem} />`}`}</div>
  </section>`;
}
