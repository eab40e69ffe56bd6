// What is searched for: the text, how, and among what. All of it is in the
// address, so that a search can be sent to somebody.

import { useEffect, useState } from 'preact/hooks';
import { ADMIN, ask } from '../../api.js';
import { html } from '../../html.js';
import { useLive } from '../../live.js';
import { Choice } from '../../parts/choice.js';
import { filter } from '../../route.js';
import { t } from '../../texts.js';

const WAYS = ['vector', 'text'];
const FIELDS = ['field', 'value', 'since', 'until'];

function Field({ name, type, value, onValue }) {
  return html`<label class="field"><span>${t(`search.${name}`)}</span>
    <input type=${type} dir="auto" value=${value ?? ''}
      onInput=${(event) => onValue({ [name]: event.target.value })} />
  </label>`;
}

/** Days, not moments: the address may still hold the latter. */
const dayOf = (time) => time?.slice(0, 10);

function More({ asked, setAsked }) {
  const set = (changes) => setAsked({ ...asked, ...changes });
  return html`<details class="more" open=${FIELDS.some((name) => asked[name])}>
    <summary>${t('moreFilters')}</summary>
    <div class="fields">
      ${['field', 'value'].map((name) => html`<${Field} key=${name} name=${name}
        type="text" value=${asked[name]} onValue=${set} />`)}
      ${['since', 'until'].map((name) => html`<${Field} key=${name} name=${name}
        type="date" value=${dayOf(asked[name])} onValue=${set} />`)}
    </div>
  </details>`;
}

const from = ({ q, field, value, since, until }) =>
  ({ q: q ?? '', field, value, since, until });

export function Box({ query }) {
  const [asked, setAsked] = useState(from(query));
  useEffect(() => setAsked(from(query)), [JSON.stringify(query)]); // by address
  const { data } = useLive((signal) => ask(`${ADMIN}/services`, { signal }),
    60_000);
  const names = data?.services ?? (query.service ? [query.service] : []);
  return html`<form class="box" role="search" onSubmit=${(event) => {
    event.preventDefault();
    filter({ ...asked, q: asked.q.trim() });
  }}>
    <input type="search" dir="auto" aria-label=${t('searchText')}
      placeholder=${t('searchText')} value=${asked.q}
      onInput=${(event) => setAsked({ ...asked, q: event.target.value })} />
    <button class="primary">${t('find')}</button>
    <${Choice} label=${t('way')} value=${query.way ?? ''} all=${t('way.hybrid')}
      options=${WAYS.map((way) => [way, t(`way.${way}`)])}
      onChoose=${(way) => filter({ way })} />
    <${Choice} label=${t('service')} value=${query.service ?? ''}
      options=${names.map((name) => [name, name])}
      onChoose=${(service) => filter({ service })} />
    <${More} asked=${asked} setAsked=${setAsked} />
  </form>`;
}
