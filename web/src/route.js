// Where we are: #/view/id?filter=value. Behind the hash, so that the service
// needs to know one path alone, whatever stands before it.

import { signal } from '@preact/signals';

function read() {
  const [path, query = ''] = location.hash.replace(/^#\/?/, '').split('?');
  const [view = '', ...id] = path.split('/');
  return { view: view || 'now', id: decodeURIComponent(id.join('/')),
    query: Object.fromEntries(new URLSearchParams(query)) };
}

export const route = signal(read());

addEventListener('hashchange', () => { route.value = read(); });

/** An address; filters that are empty are left out. */
export function linkTo(view, id = '', query = {}) {
  const filters = new URLSearchParams(
    Object.entries(query).filter(([, value]) => value));
  const end = filters.size > 0 ? `?${filters}` : '';
  return `#/${view === 'now' ? '' : view}${
    id ? `/${encodeURIComponent(id)}` : ''}${end}`;
}

export function go(...to) {
  location.hash = linkTo(...to);
}

/** The same view with other filters, without a step in the history. */
export function filter(changes) {
  const { view, id, query } = route.value;
  history.replaceState(null, '', linkTo(view, id, { ...query, ...changes }));
  route.value = read();
}
