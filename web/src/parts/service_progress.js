// One service of a run: how far it is, how fast, and what became of its items.

import { useRef } from 'preact/hooks';
import { html } from '../html.js';
import { number, rate } from '../format.js';
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

export function ServiceProgress({ service }) {
  const { counts, status, errors } = service;
  const received = Number(counts.received);
  const perSecond = useRate(received);
  return html`<li class="service">
    <div class="line">
      <h3 dir="auto">${service.service}</h3>
      <${State} of=${status} />
      <span class="numbers">
        ${status === 'running' && perSecond > 0 && html`<span class="rate">${
          t('perSecond', { n: rate(perSecond) })}</span>`}
        ${received > 0 && html`<span>${t('itemsCount',
          { n: number(counts.received) })}</span>`}
      </span>
    </div>
    ${received > 0 && html`<${OutcomeBar} counts=${counts} />
      <${OutcomeWords} counts=${counts} />`}
    ${errors.map(({ error }, i) => html`<p key=${i} class="error" dir="auto">${
      error}</p>`)}
  </li>`;
}
