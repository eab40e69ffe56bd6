// Letters with the same reason but for its numbers: shown on demand, retried
// together.

import { useState } from 'preact/hooks';
import { number, relative } from '../../format.js';
import { html } from '../../html.js';
import { now } from '../../live.js';
import { t } from '../../texts.js';
import { LetterList } from './letter_list.js';
import { Retry } from './retry.js';

export function Group({ group, status, onTold }) {
  const [open, setOpen] = useState(false);
  const { service, kind, reason, count, lastSeen } = group;
  return html`<li class="card group">
    <header>
      <h2 dir="auto">${service}</h2>
      <span class="soft">${t('lastSeen')}
        ${' '}<time datetime=${lastSeen}>${relative(lastSeen, now.value)}</time></span>
    </header>
    <p class="reason" dir="auto">${reason}</p>
    <div class="buttons">
      <button aria-expanded=${open} onClick=${() => setOpen(!open)}>
        ${t(open ? 'hide' : 'showLetters', { n: number(count) })}</button>
      ${status !== 'resolved' && html`<${Retry} count=${count}
        of=${{ services: [service], kind }} onTold=${onTold} />`}
    </div>
    ${open && html`<${LetterList} service=${service} kind=${kind}
      status=${status} onTold=${onTold} />`}
  </li>`;
}
