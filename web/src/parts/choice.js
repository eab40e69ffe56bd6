// One of a few values, or all of them.

import { useId } from 'preact/hooks';
import { html } from '../html.js';
import { t } from '../texts.js';

/** `options`: [value, text] each; '' stands for all, which `all` names. */
export function Choice({ label, value, options, onChoose, none = true,
  all = t('all') }) {
  const id = useId();
  return html`<div class="choice">
    <label for=${id}>${label}</label>
    <select id=${id} value=${value}
      onChange=${(event) => onChoose(event.target.value)}>
      ${none && html`<option value="">${all}</option>`}
      ${options.map(([name, text]) => html`<option key=${name} value=${name}
        selected=${name === value}>${text}</option>`)}
    </select>
  </div>`;
}
