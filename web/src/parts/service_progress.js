// One service of a run: how far it is, how fast, and what became of its items.

import { useRef } from 'preact/hooks';
import { html } from '../html.js';
import { duration, number, rate } from '../format.js';
import { t } from '../texts.js';
import { OutcomeBar, OutcomeWords } from './outcomes.js';
import { State } from './state.js';

const WINDOW_MS = 8000;

/** Items a second, from what was seen in the last seconds. */
function useRate(items) {
  const seen = useRef([]);
  const at = Date.now();
  const last = seen.current.at(-1);
  if (!last || last.items !== items || at - last.at > 1000) {
    seen.current.push({ at, items });
  }
  seen.current = seen.current.filter((s) => at - s.at <= WINDOW_MS);
  const first = seen.current[0];
  return at > first.at ? 1000 * (items - first.items) / (at - first.at) : 0;
}

/** What the source says is still to come, and how long that takes. */
function Rest({ rest, perSecond }) {
  const time = perSecond > 0 ? 1000 * rest / perSecond : 0;
  return html`<span>${t(time > 1000 ? 'toGoTime' : 'toGo',
    { n: number(rest), time: duration(time) })}</span>`;
}

export function ServiceProgress({ service }) {
  const { counts, status, errors, pages, total } = service;
  const received = Number(counts.received);
  const running = status === 'running';
  const perSecond = useRate(received);
  const rest = running ? Math.max(0, Number(total ?? 0) - received) : 0;
  return html`<li class="service">
    <div class="line">
      <h3 dir="auto">${service.service}</h3>
      <${State} of=${status} />
      <span class="numbers">
        ${running && perSecond > 0 && html`<span class="rate">${
          t('perSecond', { n: rate(perSecond) })}</span>`}
        ${rest > 0 && html`<${Rest} rest=${rest} perSecond=${perSecond} />`}
        ${received > 0 && html`<span class="soft">${t('pagesCount',
          { n: number(pages) })}</span><span>${t('itemsCount',
          { n: number(counts.received) })}</span>`}
      </span>
    </div>
    ${received + rest > 0 && html`<${OutcomeBar} counts=${counts} rest=${rest} />
      <${OutcomeWords} counts=${counts} />`}
    ${service.complete === false && service.reason
      && html`<p class="soft" dir="auto">${t('incomplete')}: ${service.reason}</p>`}
    ${errors.map(({ error }, i) => html`<p key=${i} class="error" dir="auto">${
      error}</p>`)}
  </li>`;
}
