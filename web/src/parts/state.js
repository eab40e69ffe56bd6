// The state of a run or of a service, as a small label.

import { html } from '../html.js';
import { t } from '../texts.js';

export function State({ of }) {
  return html`<span class=${`state of-${of}`}>${t(`state.${of}`)}</span>`;
}
