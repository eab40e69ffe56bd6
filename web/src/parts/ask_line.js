// Asks for a line of text before something is done.

import { useEffect, useRef, useState } from 'preact/hooks';
import { html } from '../html.js';

const MOST = 120; // characters: below the service's limit of bytes in any script

/** `onAnswer(the line, or undefined)`; Escape means undefined. */
export function AskLine({ text, label, yes, no, onAnswer }) {
  const dialog = useRef();
  const [line, setLine] = useState('');
  useEffect(() => dialog.current.showModal(), []);
  const submit = (event) => {
    event.preventDefault();
    onAnswer(line.trim());
  };
  return html`<dialog ref=${dialog} aria-labelledby="ask"
    onCancel=${() => onAnswer(undefined)}>
    <form class="line" onSubmit=${submit}>
      <p id="ask">${text}</p>
      <label for="line">${label}</label>
      <input id="line" dir="auto" required pattern=".*\\S.*" autocomplete="off"
        maxlength=${MOST} value=${line} autofocus
        onInput=${(event) => setLine(event.target.value)} />
      <div class="buttons">
        <button class="primary">${yes}</button>
        <button type="button" onClick=${() => onAnswer(undefined)}>${no}</button>
      </div>
    </form>
  </dialog>`;
}
