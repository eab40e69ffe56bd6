// Asks before something that cannot be taken back.

import { useEffect, useRef } from 'preact/hooks';
import { html } from '../html.js';

/** `onAnswer(true or false)`; Escape means no. `kind`: how the button of yes
 * looks. */
export function Confirm({ question, yes, no, onAnswer, kind = 'danger' }) {
  const dialog = useRef();
  useEffect(() => dialog.current.showModal(), []);
  return html`<dialog ref=${dialog} aria-labelledby="question"
    onCancel=${() => onAnswer(false)}>
    <p id="question">${question}</p>
    <div class="buttons">
      <button class=${kind} onClick=${() => onAnswer(true)}>${yes}</button>
      <button autofocus onClick=${() => onAnswer(false)}>${no}</button>
    </div>
  </dialog>`;
}
