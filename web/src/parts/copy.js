// A line to copy. The clipboard of navigator is there over HTTPS alone; else a
// selection does it.

import { useEffect, useState } from 'preact/hooks';
import { html } from '../html.js';
import { t } from '../texts.js';

const SHOWN_MS = 2000;

function copySelected(element) {
  const selection = getSelection();
  selection.selectAllChildren(element);
  document.execCommand('copy');
  selection.removeAllRanges();
}

export function Copy({ text }) {
  const [done, setDone] = useState(false);
  useEffect(() => {
    const timer = done && setTimeout(() => setDone(false), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [done]);
  const copy = async (event) => {
    const line = event.currentTarget.parentElement.querySelector('code');
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      copySelected(line);
    }
    setDone(true);
  };
  return html`<div class="copy line"><code dir="ltr">${text}</code>
    <button class="quiet" onClick=${copy}>${t(done ? 'copied' : 'copy')}</button>
  </div>`;
}
