// The run that is under way, or else the last one.

import { dateTime, duration, number, relative } from '../../format.js';
import { html } from '../../html.js';
import { now } from '../../live.js';
import { Linking } from '../../parts/linking.js';
import { OutcomeBar, OutcomeWords } from '../../parts/outcomes.js';
import { ServiceProgress } from '../../parts/service_progress.js';
import { State } from '../../parts/state.js';
import { t } from '../../texts.js';

const UNDER_WAY = ['running', 'pending'];

function Index({ index }) {
  if (index?.state !== 'building') return null;
  const { phase, blocksDone, blocksTotal } = index.build;
  return html`<div class="index">
    <p>${t('indexBuilding', { phase })}</p>
    ${Number(blocksTotal) > 0 && html`<progress aria-label=${phase}
      max=${String(blocksTotal)} value=${String(blocksDone)} />`}
  </div>`;
}

/** What the sources of the services at work say is still to come. */
const restOf = ({ services }) => services.reduce((sum, s) => sum
  + (s.status === 'running'
    ? Math.max(0, Number(s.total ?? 0) - Number(s.counts.received)) : 0), 0);

export function RunCard({ run }) {
  const running = run.status === 'running';
  const rest = running ? restOf(run) : 0;
  const done = run.services.filter(({ status }) =>
    !UNDER_WAY.includes(status)).length;
  return html`<section class="card" aria-labelledby="run">
    <header>
      <h2 id="run">${t(running ? 'thisRun' : 'lastRun')}</h2>
      <${State} of=${run.status} />
      <span class="soft">${t(`trigger.${run.trigger}`)} ·
        ${' '}<time datetime=${run.startedAt} title=${dateTime(run.startedAt)}>${
          relative(run.startedAt, now.value)}</time> ·
        ${' '}${duration(run.durationMs)}</span>
    </header>
    <p class="big"><b>${number(run.totals.received)}</b> ${t('items')}
      <span class="soft">${t('servicesDone',
        { done: number(done), all: number(run.services.length) })}</span></p>
    <${OutcomeBar} counts=${run.totals} rest=${rest} />
    <${OutcomeWords} counts=${run.totals} />
    ${run.error && html`<p class="error" dir="auto">${run.error}</p>`}
    <${Index} index=${run.vectorIndex} />
    <${Linking} linking=${run.linking} />
    <ul class="services">${run.services.map((service) =>
      html`<${ServiceProgress} key=${service.service} service=${service} />`)}
    </ul>
  </section>`;
}
