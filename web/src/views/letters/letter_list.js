// The letters of a group, each with its item as it came.

import { useState } from 'preact/hooks';
import { ADMIN, ask } from '../../api.js';
import { number, relative } from '../../format.js';
import { html } from '../../html.js';
import { now, useLive } from '../../live.js';
import { Notice } from '../../parts/notice.js';
import { pretty } from '../../pretty.js';
import { t } from '../../texts.js';
import { Retry } from './retry.js';

const EVERY_MS = 10_000;
const MOST = 50;

function Payload({ digest }) {
  const { data, error } = useLive((signal) =>
    ask(`${ADMIN}/dead-letters?digest=${digest}`, { signal }), 60_000, digest);
  if (!data) return html`<${Notice} error=${error} />`;
  return html`<pre class="copy" dir="auto" tabindex="0">${
    pretty(data.payload)}</pre>`;
}

function Letter({ letter, service, onTold }) {
  const [open, setOpen] = useState(false);
  const { contentId, digest, times, lastSeen, reason, known, resolvedAt } = letter;
  return html`<li>
    <div class="line">
      <code dir="auto">${contentId ?? t('noId')}</code>
      <span class="soft">${t('times', { n: number(times) })} ·
        ${' '}${relative(lastSeen, now.value)} ·
        ${' '}${t(resolvedAt ? 'letter.resolved' : known ? 'letter.known'
          : 'letter.open')}</span>
      <span class="buttons">
        <button class="quiet" aria-expanded=${open}
          onClick=${() => setOpen(!open)}>${t('payload')}</button>
        ${contentId !== null && !resolvedAt && html`<${Retry} count=${1}
          of=${{ services: [service], ids: [contentId] }} onTold=${onTold} />`}
      </span>
    </div>
    <p class="soft small" dir="auto">${reason}</p>
    ${open && html`<${Payload} digest=${digest} />`}
  </li>`;
}

/** A part of the list; what lies behind it is asked for on demand. */
function Part({ query, before, service, onTold }) {
  const [more, setMore] = useState(false);
  const asked = new URLSearchParams({ ...query, limit: MOST,
    ...before && { before } });
  const { data, error } = useLive((signal) =>
    ask(`${ADMIN}/dead-letters?${asked}`, { signal }), EVERY_MS, `${asked}`);
  return html`<${Notice} error=${error} />
    <ul class="letters">${data?.deadLetters.map((letter) => html`<${Letter}
      key=${letter.digest} letter=${letter} service=${service}
      onTold=${onTold} />`)}</ul>
    ${data?.next && (more
      ? html`<${Part} key=${data.next} query=${query} before=${data.next}
        service=${service} onTold=${onTold} />`
      : html`<button onClick=${() => setMore(true)}>${t('showMore')}</button>`)}`;
}

export function LetterList({ service, kind, status, onTold }) {
  return html`<${Part} query=${{ service, kind, status }} service=${service}
    onTold=${onTold} />`;
}
