// Shown instead of a view when the service refuses to speak to us.

import { useState } from 'preact/hooks';
import { html } from '../html.js';
import { refused, setToken, token } from '../session.js';
import { t } from '../texts.js';

function AskToken() {
  const [text, setText] = useState('');
  const wrong = Boolean(token.value);
  const submit = (event) => {
    event.preventDefault();
    setToken(text.trim());
  };
  return html`<form class="card ask" onSubmit=${submit}>
    <h1>${t('tokenTitle')}</h1>
    <p>${t('tokenText')}</p>
    <label for="token">${t('tokenLabel')}</label>
    <input id="token" type="password" autocomplete="off" spellcheck="false"
      required autofocus dir="ltr" value=${text}
      aria-describedby=${wrong ? 'wrong' : undefined}
      onInput=${(event) => setText(event.target.value)} />
    ${wrong && html`<p id="wrong" class="bad" role="alert">${t('tokenWrong')}</p>`}
    <button class="primary">${t('tokenGive')}</button>
  </form>`;
}

/** Without a token the service answers this machine alone. */
function NotHere() {
  return html`<section class="card ask">
    <h1>${t('addressTitle')}</h1>
    <p>${t('addressText')}</p>
    <pre class="copy" dir="ltr">ADMIN_TOKEN=…</pre>
  </section>`;
}

export function Locked() {
  return refused.value === 'token' ? html`<${AskToken} />`
    : html`<${NotHere} />`;
}
