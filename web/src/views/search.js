// The stored items that answer a text best, to see what a search would find.

import { useEffect, useState } from 'preact/hooks';
import { ADMIN, post } from '../api.js';
import { html } from '../html.js';
import { Notice } from '../parts/notice.js';
import { Skeleton } from '../parts/skeleton.js';
import { route } from '../route.js';
import { t } from '../texts.js';
import { Box } from './search/box.js';
import { Hit } from './search/hit.js';

const LIMIT = 20;

/** The request's body for the search in the address. */
function bodyOf({ q, way, service, field, value, since, until }) {
  return { query: q, limit: LIMIT, explain: true, ...way && { way },
    ...service && { service }, ...field && { where: { [field]: value ?? '' } },
    ...since && { since }, ...until && { until } };
}

/** { found, error, busy } of the search in the address; found as answered. */
function useSearch(query) {
  const [state, setState] = useState({});
  useEffect(() => {
    if (!query.q) {
      setState({});
      return undefined;
    }
    const controller = new AbortController();
    setState({ busy: true });
    post(`${ADMIN}/search`, bodyOf(query), { signal: controller.signal })
      .then((found) => setState({ found }), (error) => {
        if (!controller.signal.aborted) setState({ error });
      });
    return () => controller.abort();
  }, [JSON.stringify(query)]);
  return state;
}

function Found({ found: { hits, note }, query }) {
  return html`
    ${note && html`<p class="notice" role="note" dir="auto">${note}</p>`}
    ${hits.length === 0 ? html`<p class="empty">${t('foundNone')}</p>`
      : html`<ol class="card rows hits">${hits.map((hit) =>
        html`<${Hit} key=${hit.rank} hit=${hit} asked=${query.q} />`)}</ol>`}`;
}

export function Search() {
  const { query } = route.value;
  const { found, error, busy } = useSearch(query);
  return html`
    <div class="title"><h1>${t('search')}</h1></div>
    <${Box} query=${query} />
    <${Notice} error=${error} />
    ${busy && html`<${Skeleton} />`}
    ${found && html`<${Found} found=${found} query=${query} />`}
    ${!query.q && html`<p class="empty">${t('searchHint')}</p>`}`;
}
