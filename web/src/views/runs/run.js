// One run: when its services worked, what became of their items, its errors, and
// what it was asked to do.

import { useState } from 'preact/hooks';
import { ADMIN, ask } from '../../api.js';
import { dateTime, duration, number } from '../../format.js';
import { html } from '../../html.js';
import { useLive } from '../../live.js';
import { CancelRun } from '../../parts/cancel_run.js';
import { Facts } from '../../parts/facts.js';
import { Linking } from '../../parts/linking.js';
import { Notice } from '../../parts/notice.js';
import { OutcomeBar, OutcomeWords } from '../../parts/outcomes.js';
import { ServiceProgress } from '../../parts/service_progress.js';
import { Skeleton } from '../../parts/skeleton.js';
import { State } from '../../parts/state.js';
import { linkTo } from '../../route.js';
import { t } from '../../texts.js';
import { Timeline } from './timeline.js';

const BUSY_MS = 1000;
const OVER_MS = 10_000;

/** As the provider billed them, or estimated where it does not say. */
const tokensOf = ({ tokens, tokensEstimated }) => (Number(tokens) > 0
  ? t('tokensBilled', { n: number(tokens) })
  : t('tokensGuess', { n: number(tokensEstimated) }));

const REASONS = ['Rate', 'Size', 'Length', 'Text', 'Access', 'Settings',
  'Failure'];

/** Requests to the embedder that brought no vectors, by reason. */
const refusalsOf = (totals) => REASONS
  .filter((reason) => Number(totals[`refused${reason}`]) > 0)
  .map((reason) => `${number(totals[`refused${reason}`])} ${
    t(`refused.${reason}`)}`).join(', ') || number(0);

const factsOf = (run) => [
  [t('fact.trigger'), t(`trigger.${run.trigger}`)],
  [t('fact.kind'), run.kind],
  [t('fact.source'), run.source],
  [t('fact.since'), run.since ?? t('everything')],
  [t('fact.limit'), number(run.limit)],
  [t('fact.model'), `${run.model}, ${run.dimensions}`],
  [t('fact.tenant'), run.tenantId],
  [t('fact.embedded'), number(run.totals.embedded)],
  [t('fact.tokens'), tokensOf(run.totals)],
  [t('fact.refused'), refusalsOf(run.totals)],
  [t('fact.resumed'), number(run.resumed)],
  [t('fact.id'), run.id],
];

export function Run({ id }) {
  const [problem, setProblem] = useState();
  const { data: run, error } = useLive((signal) =>
    ask(`${ADMIN}/runs/${encodeURIComponent(id)}`, { signal }),
  (found) => (found?.status === 'running' || found?.linking
    ? BUSY_MS : OVER_MS), id);
  const back = html`<a class="back" href=${linkTo('runs')}>${t('runs')}</a>`;
  if (!run) {
    return html`${back}<${Notice} error=${error} />
      ${!error && html`<${Skeleton} />`}`;
  }
  return html`${back}
    <${Notice} error=${problem ?? error} />
    <div class="title"><h1>${dateTime(run.startedAt)}</h1>
      <${State} of=${run.status} />
      <span class="soft">${duration(run.durationMs)}</span>
      ${run.status === 'running' && html`<${CancelRun} id=${run.id}
        onProblem=${setProblem} />`}
    </div>
    <section class="card" aria-label=${t('items')}>
      <p class="big"><b>${number(run.totals.received)}</b> ${t('items')}</p>
      <${OutcomeBar} counts=${run.totals} />
      <${OutcomeWords} counts=${run.totals} />
      ${run.error && html`<p class="error" dir="auto">${run.error}</p>`}
      <${Linking} linking=${run.linking} />
    </section>
    <${Timeline} run=${run} />
    <section class="card" aria-label=${t('services')}>
      <ul class="services first">${run.services.map((service) =>
        html`<${ServiceProgress} key=${service.service} service=${service} />`)}
      </ul>
    </section>
    <section class="card" aria-labelledby="asked">
      <h2 id="asked">${t('askedFor')}</h2><${Facts} facts=${factsOf(run)} />
    </section>`;
}
