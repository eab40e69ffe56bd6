// The stored items nearest to a text, to see what a search would find.

import { useEffect, useState } from 'preact/hooks';
import { ADMIN, ask, post } from '../api.js';
import { html } from '../html.js';
import { useLive } from '../live.js';
import { Choice } from '../parts/choice.js';
import { Notice } from '../parts/notice.js';
import { Skeleton } from '../parts/skeleton.js';
import { filter, route } from '../route.js';
import { t } from '../texts.js';
import { Hit } from './search/hit.js';

const LIMIT = 20;

/** { hits, error, busy } of the search in the address. */
function useSearch({ q, service }) {
  const [state, setState] = useState({});
  useEffect(() => {
    if (!q) {
      setState({});
      return undefined;
    }
    const controller = new AbortController();
    setState({ busy: true });
    post(`${ADMIN}/search`, { query: q, limit: LIMIT,
      ...service && { service } }, { signal: controller.signal })
      .then(({ hits }) => setState({ hits }), (error) => {
        if (!controller.signal.aborted) setState({ error });
      });
    return () => controller.abort();
  }, [q, service]);
  return state;
}

function Box({ query }) {
  const [text, setText] = useState(query.q ?? '');
  useEffect(() => setText(query.q ?? ''), [query.q]); // by its address
  const { data } = useLive((signal) => ask(`${ADMIN}/services`, { signal }),
    60_000);
  const names = data?.services ?? [];
  return html`<form class="box" role="search" onSubmit=${(event) => {
    event.preventDefault();
    filter({ q: text.trim() });
  }}>
    <input type="search" dir="auto" aria-label=${t('searchText')}
      placeholder=${t('searchText')} value=${text}
      onInput=${(event) => setText(event.target.value)} />
    <button class="primary">${t('find')}</button>
    <${Choice} label=${t('service')} value=${query.service ?? ''}
      options=${names.map((name) => [name, name])}
      onChoose=${(service) => filter({ service })} />
  </form>`;
}

export function Search() {
  const { query } = route.value;
  const { hits, error, busy } = useSearch(query);
  return html`
    <div class="title"><h1>${t('search')}</h1></div>
    <${Box} query=${query} />
    <${Notice} error=${error} />
    ${busy && html`<${Skeleton} />`}
    ${hits?.length === 0 && html`<p class="empty">${t('foundNone')}</p>`}
    ${hits?.length > 0 && html`<ol class="card rows hits">${hits.map((hit) =>
      html`<${Hit} key=${hit.rank} hit=${hit} />`)}</ol>`}
    ${!query.q && html`<p class="empty">${t('searchHint')}</p>`}`;
}
