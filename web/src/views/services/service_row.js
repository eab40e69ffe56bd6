// A service in the list.

import { dateTime, number, relative } from '../../format.js';
import { html } from '../../html.js';
import { now } from '../../live.js';
import { Spark } from '../../parts/spark.js';
import { linkTo } from '../../route.js';
import { t } from '../../texts.js';

/** When it was up to date last. */
export function Fresh({ at }) {
  return at ? html`<time datetime=${at} title=${dateTime(at)}>${
    relative(at, now.value)}</time>` : html`<span>${t('never')}</span>`;
}

/** Pages and completeness of the last run that read it. */
function LastRun({ run }) {
  if (!run) return html`<span />`;
  const { pages, complete, reason, status } = run;
  return html`<span class="soft last-run" title=${reason}>
    ${t('pagesCount', { n: number(pages) })}${status !== 'running'
      && complete !== null && html` · <span class=${complete ? '' : 'bad'}>${
      t(complete ? 'complete' : 'incomplete')}</span>`}</span>`;
}

export function ServiceRow({ service }) {
  const { service: name, items, moreItems, openLetters, lastSuccess, runs,
    schema } = service;
  return html`<li class="row service-row">
    <div>
      <a dir="auto" href=${linkTo('services', name)}>${name}</a>
      <span class="soft">${schema ? `${schema.name} ${schema.version}`
        : html`<b class="bad">${t('noSchema')}</b>`}</span>
    </div>
    <span class="soft">${t('lastSuccess')} <${Fresh} at=${lastSuccess} /></span>
    <${Spark} runs=${runs} />
    <${LastRun} run=${runs[0]} />
    <span class="end">${t('itemsCount',
      { n: `${number(items)}${moreItems ? '+' : ''}` })}</span>
    <span class="end">${openLetters > 0
      ? html`<a class="bad" href=${linkTo('letters', '', { service: name })}>${
        t('lettersCount', { n: number(openLetters) })}</a>`
      : html`<span class="soft">${t('noLetters')}</span>`}</span>
  </li>`;
}
