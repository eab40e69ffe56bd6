// A run in the list.

import { dateTime, duration, number, relative } from '../../format.js';
import { html } from '../../html.js';
import { now } from '../../live.js';
import { OutcomeBar } from '../../parts/outcomes.js';
import { State } from '../../parts/state.js';
import { linkTo } from '../../route.js';
import { t } from '../../texts.js';

export function RunRow({ run }) {
  return html`<li class="row run">
    <a href=${linkTo('runs', run.id)}><time datetime=${run.startedAt}
      title=${dateTime(run.startedAt)}>${
        relative(run.startedAt, now.value)}</time></a>
    <${State} of=${run.status} />
    <span class="soft">${t(`trigger.${run.trigger}`)}</span>
    <span class="mini"><${OutcomeBar} counts=${run.totals} /></span>
    <span class="end">${t('itemsCount',
      { n: number(run.totals.received) })}</span>
    <span class="end soft">${duration(run.durationMs)}</span>
  </li>`;
}
