// One service: its schema, and its last runs.

import { dateTime, number, relative } from '../../format.js';
import { html } from '../../html.js';
import { now, useLive } from '../../live.js';
import { Facts } from '../../parts/facts.js';
import { Notice } from '../../parts/notice.js';
import { OutcomeBar } from '../../parts/outcomes.js';
import { Skeleton } from '../../parts/skeleton.js';
import { State } from '../../parts/state.js';
import { linkTo } from '../../route.js';
import { t } from '../../texts.js';
import { askService } from '../services.js';

const EVERY_MS = 5000;

function RunOfService({ run }) {
  return html`<li class="row run">
    <a href=${linkTo('runs', run.id)}><time datetime=${run.startedAt}
      title=${dateTime(run.startedAt)}>${
        relative(run.startedAt, now.value)}</time></a>
    <${State} of=${run.status} />
    <span class="soft">${run.complete === false ? run.reason
      : t('pagesCount', { n: number(run.pages) })}</span>
    <span class="mini"><${OutcomeBar} counts=${run.counts} /></span>
    <span class="end">${t('itemsCount',
      { n: number(run.counts.received) })}</span>
  </li>`;
}

function Schema({ schema }) {
  return html`<section class="card" aria-labelledby="schema">
    <header><h2 id="schema">${t('schema')}</h2>
      <span class="soft">${schema.name} ${schema.version}</span></header>
    ${schema.description && html`<p dir="auto">${schema.description}</p>`}
    <ul class="fields">${schema.fields.map(({ name, label, type }) =>
      html`<li key=${name}><code dir="ltr">${name}</code> <span class="soft"
        dir="auto">${type}${label === name ? '' : ` · ${label}`}</span></li>`)}
    </ul>
  </section>`;
}

export function Service({ name }) {
  const { data, error } = useLive((signal) => askService(name, signal),
    EVERY_MS, name);
  return html`
    <a class="back" href=${linkTo('services')}>${t('services')}</a>
    <div class="title"><h1 dir="auto">${name}</h1></div>
    <${Notice} error=${error} />
    ${!data ? html`<${Skeleton} />` : html`
      <section class="card" aria-label=${t('now')}><${Facts} facts=${[
        [t('items'), `${number(data.items)}${data.moreItems ? '+' : ''}`],
        [t('letters'), number(data.openLetters)],
        [t('lastSuccess'), data.lastSuccess && dateTime(data.lastSuccess)],
        [t('storedAs'), data.storedAs],
      ]} /></section>
      ${data.schema ? html`<${Schema} schema=${data.schema} />`
        : html`<p class="notice">${t('noSchema')}</p>`}
      ${data.runs.length > 0 && html`<ul class="card rows">
        ${data.runs.map((run) => html`<${RunOfService} key=${run.id}
          run=${run} />`)}</ul>`}`}`;
}
