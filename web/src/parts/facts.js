// Names and values.

import { html } from '../html.js';

/** `facts`: [name, value] each; what has no value is left out. */
export function Facts({ facts }) {
  return html`<dl class="facts">${facts
    .filter(([, value]) => value !== null && value !== undefined && value !== '')
    .map(([name, value]) => html`<div key=${name}><dt>${name}</dt>
      <dd dir="auto">${value}</dd></div>`)}</dl>`;
}
