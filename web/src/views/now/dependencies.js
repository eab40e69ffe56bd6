// What the service stands on, as it was found last.

import { html } from '../../html.js';
import { relative } from '../../format.js';
import { now } from '../../live.js';
import { t } from '../../texts.js';

const WORDS = { ok: 'ok', down: 'unreachable', unknown: 'unknown' };

function Dependency({ name, known }) {
  return html`<li class=${`dependency of-${known.status}`}>
    <span>${t(name)}</span>
    <b>${t(WORDS[known.status])}</b>
    ${known.since && html`<span class="soft">${
      relative(known.since, now.value)}</span>`}
    ${known.error && html`<p class="error" dir="auto">${known.error}</p>`}
  </li>`;
}

export function Dependencies({ health }) {
  return html`<section aria-label=${t('dependencies')}>
    <ul class="dependencies">
      ${['database', 'coordinator', 'embedder'].map((name) =>
        html`<${Dependency} key=${name} name=${name}
          known=${health.details[name]} />`)}
    </ul>
  </section>`;
}
