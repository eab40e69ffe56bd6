// Every service that a run would read: how fresh it is, how its last runs went,
// what is stored; or one of them.

import { ADMIN, ask } from '../api.js';
import { html } from '../html.js';
import { useLive } from '../live.js';
import { Notice } from '../parts/notice.js';
import { Skeleton } from '../parts/skeleton.js';
import { route } from '../route.js';
import { t } from '../texts.js';
import { Service } from './services/service.js';
import { ServiceRow } from './services/service_row.js';

const EVERY_MS = 10_000;

export const askService = (name, signal) =>
  ask(`${ADMIN}/services?${new URLSearchParams({ name })}`, { signal });

async function load(signal) {
  const list = await ask(`${ADMIN}/services`, { signal });
  return { ...list, services: await Promise.all(list.services.map((name) =>
    askService(name, signal))) };
}

function List() {
  const { data, error } = useLive(load, EVERY_MS);
  return html`
    <div class="title"><h1>${t('services')}</h1>
      ${data && html`<span class="soft">${t(`source.${data.source}`)}</span>`}
    </div>
    <${Notice} error=${error} />
    ${!data ? html`<${Skeleton} />` : html`<ul class="card rows">
      ${data.services.map((service) => html`<${ServiceRow}
        key=${service.service} service=${service} />`)}</ul>`}`;
}

export function Services() {
  const { id } = route.value;
  return id ? html`<${Service} key=${id} name=${id} />` : html`<${List} />`;
}
