// Items that could not be stored, grouped by what they have in common.

import { useState } from 'preact/hooks';
import { ADMIN, ask } from '../api.js';
import { html } from '../html.js';
import { useLive } from '../live.js';
import { Choice } from '../parts/choice.js';
import { Notice } from '../parts/notice.js';
import { Skeleton } from '../parts/skeleton.js';
import { filter, route } from '../route.js';
import { t } from '../texts.js';
import { Group } from './letters/group.js';

const EVERY_MS = 5000;

function load({ service, status }) {
  const query = new URLSearchParams({ limit: 100,
    ...service && { service }, ...status && { status } });
  return async (signal) => {
    const [{ groups }, { services }] = await Promise.all([
      ask(`${ADMIN}/dead-letters/groups?${query}`, { signal }),
      ask(`${ADMIN}/services`, { signal })]);
    return { groups, services };
  };
}

export function Letters() {
  const { query } = route.value;
  const [told, setTold] = useState();
  const { data, error } = useLive(load(query), EVERY_MS, JSON.stringify(query));
  const services = data?.services ?? (query.service ? [query.service] : []);
  return html`
    <div class="title"><h1>${t('letters')}</h1>
      <${Choice} label=${t('service')} value=${query.service ?? ''}
        options=${services.map((name) => [name, name])}
        onChoose=${(service) => filter({ service })} />
      <${Choice} label=${t('status')} value=${query.status ?? 'open'}
        none=${false} options=${['open', 'resolved', 'all'].map((name) =>
          [name, t(`letters.${name}`)])}
        onChoose=${(status) => filter({ status })} />
    </div>
    <p class="lead soft">${t('lettersText')}</p>
    <${Notice} error=${error} />
    ${told && html`<p class="notice good" role="status">${told}</p>`}
    ${!data ? html`<${Skeleton} />` : data.groups.length === 0
      ? html`<p class="empty">${t('lettersNone')}</p>`
      : html`<ul class="groups">${data.groups.map((group) => html`<${Group}
        key=${`${group.service} ${group.kind}`} group=${group}
        status=${query.status ?? 'open'} onTold=${setTold} />`)}</ul>`}`;
}
