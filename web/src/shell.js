// The frame around every view: where one can go, whether it is live, and what is
// wrong with the connection.

import { useSignalEffect } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { html } from './html.js';
import { paused } from './live.js';
import { linkTo, route } from './route.js';
import { language, readOnly, refused, setLanguage, setToken, token }
  from './session.js';
import { t } from './texts.js';
import { Locked } from './views/locked.js';
import { VIEWS, viewOf } from './views/views.js';

function Mark() {
  return html`<a class="mark" href=${linkTo('now')}>
    <img src="icon.svg" width="28" height="28" alt="" /><span>batchsync</span>
  </a>`;
}

function Tabs() {
  const view = viewOf(route.value.view);
  const current = view.within ?? view.name;
  const nav = useRef();
  // On a phone there are more tabs than room: the current one is always seen.
  useEffect(() => {
    const tab = nav.current.querySelector('[aria-current]');
    tab?.scrollIntoView({ block: 'nearest', inline: 'center' });
  }, [current, language.value]);
  return html`<nav class="tabs" ref=${nav} aria-label=${t('views')}>
    ${VIEWS.filter(({ within }) => !within).map(({ name }) => html`<a
      key=${name} href=${linkTo(name)} aria-current=${name === current
        ? 'page' : undefined}>${t(name)}</a>`)}
  </nav>`;
}

function Tools() {
  return html`<div class="tools">
    <button class="quiet live" aria-pressed=${paused.value}
      onClick=${() => { paused.value = !paused.value; }}>
      <i class=${`dot ${paused.value ? 'off' : 'pulse'}`} />
      ${t(paused.value ? 'resume' : 'pause')}
    </button>
    <button class="quiet" lang=${language.value === 'he' ? 'en' : 'he'}
      onClick=${() => setLanguage(language.value === 'he' ? 'en' : 'he')}>
      ${t('otherLanguage')}
    </button>
    ${readOnly.value && html`<span class="state">${t('readOnly')}</span>`}
    ${token.value && html`<button class="quiet"
      onClick=${() => { setToken(''); refused.value = 'token'; }}>
      ${t('forget')}</button>`}
  </div>`;
}

function View() {
  const view = viewOf(route.value.view);
  if (refused.value) return html`<${Locked} />`;
  return html`<${view.component} key=${view.name} />`;
}

export function Shell() {
  useSignalEffect(() => {
    document.documentElement.lang = language.value;
    document.documentElement.dir = language.value === 'he' ? 'rtl' : 'ltr';
    document.title = `${t(route.value.view)} · batchsync`;
  });
  return html`
    <a class="skip" href="#content" onClick=${(event) => {
      event.preventDefault();
      document.getElementById('content').focus();
    }}>${t('skip')}</a>
    <header class="top"><div class="inner">
      <${Mark} /><${Tabs} /><${Tools} />
    </div></header>
    <main id="content" tabindex="-1"><${View} /></main>`;
}
