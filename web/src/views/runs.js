// The history: a picture of the last runs, a list of them, or one of them.

import { ADMIN, ask } from '../api.js';
import { html } from '../html.js';
import { useLive } from '../live.js';
import { filter, linkTo, route } from '../route.js';
import { Choice } from '../parts/choice.js';
import { Notice } from '../parts/notice.js';
import { Skeleton } from '../parts/skeleton.js';
import { t } from '../texts.js';
import { Picture } from './runs/picture.js';
import { Run } from './runs/run.js';
import { RunRow } from './runs/run_row.js';

const EVERY_MS = 3000;
const A_PAGE = 30;

const STATES = ['running', 'success', 'partial', 'failed', 'interrupted',
  'canceled', 'abandoned', 'budget'];

function load({ status, before }) {
  const query = new URLSearchParams({ limit: A_PAGE,
    ...status && { status }, ...before && { before } });
  return (signal) => ask(`${ADMIN}/runs?${query}`, { signal });
}

/** Older and newest, as addresses. */
function Pages({ runs, query }) {
  const older = runs.length === A_PAGE && runs.at(-1).id;
  return html`<nav class="pages" aria-label=${t('older')}>
    ${query.before && html`<a href=${linkTo('runs', '',
      { ...query, before: '' })}>${t('newest')}</a>`}
    ${older && html`<a href=${linkTo('runs', '', { ...query, before: older })}>${
      t('older')}</a>`}
  </nav>`;
}

function History() {
  const { query } = route.value;
  const { data, error } = useLive(load(query), EVERY_MS, JSON.stringify(query));
  return html`
    <div class="title"><h1>${t('runs')}</h1>
      <${Choice} label=${t('status')} value=${query.status ?? ''}
        options=${STATES.map((name) => [name, t(`state.${name}`)])}
        onChoose=${(status) => filter({ status, before: '' })} />
    </div>
    <${Notice} error=${error} />
    ${!data ? html`<${Skeleton} />` : data.runs.length === 0
      ? html`<p class="empty">${t(query.status ? 'noneSuch' : 'neverRan')}</p>`
      : html`<${Picture} runs=${data.runs} />
        <ul class="card rows">${data.runs.map((run) =>
          html`<${RunRow} key=${run.id} run=${run} />`)}</ul>
        <${Pages} runs=${data.runs} query=${query} />`}`;
}

export function Runs() {
  const { id } = route.value;
  return id ? html`<${Run} key=${id} id=${id} />` : html`<${History} />`;
}
