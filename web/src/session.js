// What this tab remembers. The token is kept for the tab alone and never stands
// in an address.

import { signal } from '@preact/signals';

const TOKEN = 'batchsync.token';
const LANGUAGE = 'batchsync.language';

/** Storage may be switched off; then nothing outlives the page. */
function stored(storage, key) {
  try {
    return storage().getItem(key);
  } catch {
    return null;
  }
}

function store(storage, key, value) {
  try {
    storage().setItem(key, value);
  } catch {
    // kept in memory alone
  }
}

export const token = signal(stored(() => sessionStorage, TOKEN));

/** The token may look, and no more: known once the service has said so. */
export const readOnly = signal(false);

/** What the service said when it refused: null, 'token' or 'address'. */
export const refused = signal(null);

export function setToken(value) {
  store(() => sessionStorage, TOKEN, value);
  token.value = value;
  readOnly.value = false;
  refused.value = null;
}

const wanted = stored(() => localStorage, LANGUAGE)
  ?? (navigator.language.startsWith('he') ? 'he' : 'en');

export const language = signal(wanted === 'he' ? 'he' : 'en');

export function setLanguage(value) {
  store(() => localStorage, LANGUAGE, value);
  language.value = value;
}
