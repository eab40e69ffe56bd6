// The last runs as columns, the oldest first: what became of their items, and
// above each how long it took. Every column leads to its run.

import { dateTime, duration, number } from '../../format.js';
import { html } from '../../html.js';
import { linkTo } from '../../route.js';
import { OUTCOMES } from '../../parts/outcomes.js';
import { t } from '../../texts.js';

const TALL = 120; // the tallest column, in pixels

const itemsOf = ({ totals }) =>
  OUTCOMES.reduce((sum, [name]) => sum + Number(totals[name] ?? 0), 0);

/** Small runs stay visible beside large ones. */
const height = (n, most) => (n === 0 ? 2 : 6 + (TALL - 6) * Math.sqrt(n / most));

function Column({ run, most, slowest }) {
  const items = itemsOf(run);
  const time = Number(run.durationMs ?? 0);
  const label = `${dateTime(run.startedAt)}: ${t(`state.${run.status}`)}, ${
    t('itemsCount', { n: number(run.totals.received) })}, ${
    duration(run.durationMs)}`;
  return html`<li><a href=${linkTo('runs', run.id)} title=${label}
    aria-label=${label}>
    <span class="time"><i style=${{ height: `${slowest === 0 ? 0
      : Math.max(2, 28 * Math.sqrt(time / slowest))}px` }} /></span>
    <span class=${`stack of-${run.status}`}
      style=${{ height: `${height(items, most)}px` }}>
      ${OUTCOMES.map(([name]) => Number(run.totals[name] ?? 0) > 0
        && html`<i key=${name} class=${`is-${name}`}
          style=${{ flexGrow: String(run.totals[name]) }} />`)}
    </span>
  </a></li>`;
}

/** What the colours and the upper row mean. */
function Legend() {
  return html`<ul class="words legend">
    ${OUTCOMES.map(([name, text]) => html`<li key=${name}>
      <i class=${`swatch is-${name}`} />${t(text)}</li>`)}
    <li><i class="swatch is-time" />${t('duration')}</li>
  </ul>`;
}

export function Picture({ runs }) {
  const most = Math.max(1, ...runs.map(itemsOf));
  const slowest = Math.max(0, ...runs.map((run) => Number(run.durationMs ?? 0)));
  return html`<figure class="card picture">
    <ol>${[...runs].reverse().map((run) => html`<${Column} key=${run.id}
      run=${run} most=${most} slowest=${slowest} />`)}</ol>
    <figcaption><${Legend} /></figcaption>
  </figure>`;
}
