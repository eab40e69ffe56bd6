// What the service does at this moment, and what it will do next.

import { useState } from 'preact/hooks';
import { ADMIN, ask } from '../api.js';
import { html } from '../html.js';
import { useLive } from '../live.js';
import { Notice } from '../parts/notice.js';
import { Skeleton } from '../parts/skeleton.js';
import { t } from '../texts.js';
import { Dependencies } from './now/dependencies.js';
import { Headline } from './now/headline.js';
import { RunCard } from './now/run_card.js';
import { Schedules } from './now/schedules.js';

const BUSY_MS = 1000;
const IDLE_MS = 3000;

async function load(signal) {
  const [schedule, health, { runs }] = await Promise.all([
    ask('health/batch-sync', { signal }),
    ask('health', { signal, also: [503] }),
    ask(`${ADMIN}/runs?limit=1`, { signal })]);
  const run = runs[0]
    && await ask(`${ADMIN}/runs/${runs[0].id}`, { signal });
  return { scheduler: schedule.scheduler, health, run };
}

export function Now() {
  const [problem, setProblem] = useState();
  const { data, error } = useLive(load, (found) =>
    found?.run?.status === 'running' ? BUSY_MS : IDLE_MS);
  if (!data) return html`<${Notice} error=${error} /><${Skeleton} />`;
  const { scheduler, health, run } = data;
  return html`
    <${Notice} error=${problem ?? error} />
    <${Headline} scheduler=${scheduler} health=${health} run=${run}
      onProblem=${setProblem} />
    ${run ? html`<${RunCard} run=${run} />`
      : html`<p class="empty">${t('neverRan')}</p>`}
    <${Schedules} />
    <${Dependencies} health=${health} />`;
}
