// When each service of a run worked, how it ended, and what its texts cost.

import { clock, duration, number } from '../../format.js';
import { html } from '../../html.js';
import { now } from '../../live.js';
import { t } from '../../texts.js';

/** As billed; estimated where the provider does not say. */
const tokensOf = ({ tokens, tokensEstimated }) =>
  Number(tokens) || Number(tokensEstimated);

export function Timeline({ run }) {
  const begun = Date.parse(run.startedAt);
  const end = run.finishedAt ? Date.parse(run.finishedAt) : now.value;
  const whole = Math.max(1, end - begun);
  const started = run.services.filter(({ startedAt }) => startedAt);
  if (started.length === 0) return null;
  return html`<section class="card timeline" aria-labelledby="timeline">
    <h2 id="timeline">${t('timeline')}</h2>
    <ol>${started.map(({ service, startedAt, finishedAt, status,
      counts }) => {
      const from = Date.parse(startedAt);
      const to = finishedAt ? Date.parse(finishedAt) : end;
      return html`<li key=${service}>
        <span dir="auto">${service}</span>
        <span class="track"><i class=${`of-${status}`} style=${{
          marginInlineStart: `${Math.max(0, 100 * (from - begun) / whole)}%`,
          width: `${Math.max(.5, 100 * (to - from) / whole)}%` }} /></span>
        <span class="soft">${t(`state.${status}`)},
          ${' '}${duration(Math.max(0, to - from))}${tokensOf(counts) > 0
            && html`, ${t('tokensCount', { n: number(tokensOf(counts)) })}`}</span>
      </li>`;
    })}</ol>
    <p class="ends soft"><time>${clock(run.startedAt)}</time>
      <time>${clock(new Date(end).toISOString())}</time></p>
  </section>`;
}
