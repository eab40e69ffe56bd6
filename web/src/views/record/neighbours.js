// What lies near an item, as a graph: the nearer, the closer to the middle. The
// same as a list for those who read or do not see it; every node is a link. It
// is enlarged by buttons or the wheel, and dragged.

import { useRef, useState } from 'preact/hooks';
import { html } from '../../html.js';
import { linkTo } from '../../route.js';
import { t } from '../../texts.js';

const WIDE = 640;
const TALL = 460;
const RING = 24; // on one ring, with their names; more lie on a spiral
const GOLDEN = Math.PI * (3 - Math.sqrt(5));
const MOST_ZOOM = 6;

/** Around the middle, the nearest first, inside out. */
function place(neighbours) {
  const weights = neighbours.map(({ weight }) => Number(weight ?? 0));
  const least = Math.min(...weights);
  const span = Math.max(...weights) - least || 1;
  const many = neighbours.length > RING;
  return neighbours.map((item, i) => {
    const angle = many ? GOLDEN * i
      : 2 * Math.PI * i / neighbours.length - Math.PI / 2;
    const far = many ? .22 + .78 * Math.sqrt((i + 1) / neighbours.length)
      : .52 + .48 * (1 - (weights[i] - least) / span);
    return { ...item,
      x: WIDE / 2 + Math.cos(angle) * far * (WIDE / 2 - 120),
      y: TALL / 2 + Math.sin(angle) * far * (TALL / 2 - 40) };
  });
}

/** A window on the picture: how large, and around which point. */
function useView() {
  const [view, setView] = useState({ zoom: 1, x: WIDE / 2, y: TALL / 2 });
  const dragged = useRef(null);
  const enlarge = (by) => setView((v) => ({ ...v,
    zoom: Math.min(MOST_ZOOM, Math.max(1, v.zoom * by)) }));
  const move = (event) => {
    const from = dragged.current;
    if (!from) return;
    const scale = WIDE / view.zoom / event.currentTarget.clientWidth;
    dragged.current = { x: event.clientX, y: event.clientY };
    setView((v) => ({ ...v, x: v.x - (event.clientX - from.x) * scale,
      y: v.y - (event.clientY - from.y) * scale }));
  };
  return { enlarge, box: `${view.x - WIDE / 2 / view.zoom} ${
    view.y - TALL / 2 / view.zoom} ${WIDE / view.zoom} ${TALL / view.zoom}`,
  zoom: view.zoom,
  events: {
    onWheel: (event) => {
      if (!event.ctrlKey) return; // the page scrolls
      event.preventDefault();
      enlarge(event.deltaY < 0 ? 1.2 : 1 / 1.2);
    },
    onPointerDown: (event) => {
      dragged.current = { x: event.clientX, y: event.clientY };
    },
    onPointerMove: move,
    onPointerUp: () => { dragged.current = null; },
    onPointerLeave: () => { dragged.current = null; },
  } };
}

const nameOf = ({ title, contentId }) => title || contentId;
const short = (text) => (text.length > 26 ? `${text.slice(0, 25)}…` : text);

function Node({ item, named }) {
  const { x, y, service, contentId } = item;
  const weight = item.weight === null ? '' : Number(item.weight).toFixed(2);
  return html`<a href=${linkTo('record', '', { service, id: contentId })}
    aria-label=${`${nameOf(item)}, ${service}, ${weight}`}>
    <title>${nameOf(item)} · ${service} · ${weight}</title>
    <circle cx=${x} cy=${y} r=${named ? 9 : 5} class=${`node of-${item.type}`} />
    ${named && html`<text x=${x} y=${y + 24}>${short(nameOf(item))}</text>`}
  </a>`;
}

function Graph({ placed }) {
  const { box, zoom, events, enlarge } = useView();
  return html`<div class="graph">
    <div class="zoom">
      <button class="quiet" aria-label=${t('larger')} title=${t('larger')}
        onClick=${() => enlarge(1.5)}>+</button>
      <button class="quiet" aria-label=${t('smaller')} title=${t('smaller')}
        disabled=${zoom === 1} onClick=${() => enlarge(1 / 1.5)}>−</button>
    </div>
    <svg viewBox=${box} role="group" aria-labelledby="near" ...${events}>
      ${placed.map(({ x, y, nodeId, type }) => html`<line key=${nodeId}
        class=${`edge of-${type}`} x1=${WIDE / 2} y1=${TALL / 2}
        x2=${x} y2=${y} />`)}
      <circle class="middle" cx=${WIDE / 2} cy=${TALL / 2} r="13" />
      ${placed.map((item, i) => html`<${Node} key=${item.nodeId} item=${item}
        named=${placed.length <= RING || zoom > 2 || i < 8} />`)}
    </svg>
  </div>`;
}

export function Neighbours({ record }) {
  const sorted = [...record.neighbours].sort((a, b) =>
    Number(b.weight ?? 0) - Number(a.weight ?? 0));
  return html`<section class="card neighbours" aria-labelledby="near">
    <h2 id="near">${t('neighbours')}</h2>
    ${sorted.length === 0 ? html`<p class="soft">${t('neighboursNone')}</p>`
      : html`<${Graph} placed=${place(sorted)} />
        <ol class="near-list">${sorted.map((item) =>
          html`<li key=${item.nodeId}><a dir="auto" href=${linkTo('record', '',
            { service: item.service, id: item.contentId })}>${nameOf(item)}</a>
            <span class="soft">${item.weight === null ? item.type
              : Number(item.weight).toFixed(2)}</span></li>`)}</ol>`}
  </section>`;
}
