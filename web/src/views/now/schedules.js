// What fires when, and the fires that began no run.

import { ADMIN, ask } from '../../api.js';
import { dateTime, relative } from '../../format.js';
import { html } from '../../html.js';
import { now, useLive } from '../../live.js';
import { Notice } from '../../parts/notice.js';
import { inWords } from '../../schedule.js';
import { t } from '../../texts.js';

const EVERY_MS = 10_000;
const DROPPED = 5;

async function load(signal) {
  const [{ schedules }, { fires }] = await Promise.all([
    ask(`${ADMIN}/schedules`, { signal }),
    ask(`${ADMIN}/fires?limit=${DROPPED}`, { signal })]);
  return { schedules, fires };
}

const whose = (service) => (service === null
  ? html`<b>${t('allServices')}</b>` : html`<b dir="auto">${service}</b>`);

function Schedule({ of: { service, schedule, timezone, ifRunning, next } }) {
  return html`<li class="row schedule-row">
    <div>${whose(service)}${' '}
      <span class="soft">${inWords(schedule)} <code dir="ltr">${
        schedule}</code> <span dir="ltr">${timezone}</span></span></div>
    <span class="soft">${t(`ifRunning.${ifRunning}`)}</span>
    <details><summary>${next.length === 0 ? t('firesNever')
      : dateTime(next[0])}</summary>
      <ol>${next.map((at) => html`<li key=${at}><time datetime=${at}>${
        dateTime(at)}</time></li>`)}</ol>
    </details>
  </li>`;
}

function Dropped({ fires }) {
  return html`<h3>${t('dropped')}</h3>
    <ul class="dropped">${fires.map(({ service, fireAt, outcome }) => html`<li
      key=${`${service} ${fireAt}`}><time datetime=${fireAt}
        title=${relative(fireAt, now.value)}>${dateTime(fireAt)}</time>
      ${' '}${whose(service)} <span class="soft">${t(`fire.${outcome}`)}</span>
    </li>`)}</ul>`;
}

/** Nothing where nothing is scheduled and nothing was. */
export function Schedules() {
  const { data, error } = useLive(load, EVERY_MS);
  if (!data) return html`<${Notice} error=${error} />`;
  const planned = data.schedules.filter(({ next }) => next.length > 0);
  if (planned.length + data.fires.length === 0) return null;
  return html`<section class="card schedules" aria-labelledby="schedules">
    <h2 id="schedules">${t('schedules')}</h2>
    <ul class="rows">${planned.map((one) => html`<${Schedule}
      key=${one.service ?? ''} of=${one} />`)}</ul>
    ${data.fires.length > 0 && html`<${Dropped} fires=${data.fires} />`}
  </section>`;
}
