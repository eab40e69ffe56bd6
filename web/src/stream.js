// Listens to the service's events, so that what is shown is asked for again as
// soon as something has happened. Read with fetch, because an EventSource
// cannot send the token.

import { effect, signal } from '@preact/signals';
import { ADMIN } from './api.js';
import { paused, refresh, visible } from './live.js';
import { refused, token } from './session.js';

const AGAIN_MS = 3000;
const GAP_MS = 800; // between two refreshes

export const connected = signal(false);

let last = '';
let due = null;

/** At most one refresh in GAP_MS, the last one not forgotten. */
function nudge() {
  due ??= setTimeout(() => {
    due = null;
    refresh();
  }, GAP_MS);
}

function take(block) {
  for (const line of block.split('\n')) {
    if (line.startsWith('id: ')) last = line.slice(4);
    else if (line.startsWith('event: ')) nudge();
  }
}

async function read(signal) {
  const answer = await fetch(`${ADMIN}/events`, { signal, cache: 'no-store',
    headers: { ...token.value && { Authorization: `Bearer ${token.value}` },
      ...last && { 'Last-Event-ID': last } } });
  if (!answer.ok) throw new Error(answer.statusText);
  connected.value = true;
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (text + value).split('\n\n');
    text = blocks.pop();
    blocks.forEach(take);
  }
}

async function keep(signal) {
  while (!signal.aborted) {
    await read(signal).catch(() => {});
    connected.value = false;
    await new Promise((done) => { setTimeout(done, AGAIN_MS); });
  }
}

/** Connected while someone looks, and may. */
export function listen() {
  effect(() => {
    if (paused.value || !visible.value || refused.value) return undefined;
    const controller = new AbortController();
    keep(controller.signal, token.value);
    return () => controller.abort();
  });
}
