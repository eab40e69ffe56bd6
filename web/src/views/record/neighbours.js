// What lies near an item, as a graph: the nearer, the closer to the middle, with
// the edges that its neighbours have among themselves. The same as a list for those
// who read or do not see it; every node is a link. It is enlarged by buttons or the
// wheel, and dragged.

import { useMemo, useRef, useState } from 'preact/hooks';
import { ADMIN, ask } from '../../api.js';
import { html } from '../../html.js';
import { useLive } from '../../live.js';
import { linkTo } from '../../route.js';
import { t } from '../../texts.js';

const EVERY_MS = 30_000;
// The picture's units, which are about a pixel each; a phone is narrow.
const NARROW = matchMedia('(max-width: 46rem)');
const sizeNow = () => (NARROW.matches ? { wide: 330, tall: 420, aside: 55 }
  : { wide: 640, tall: 460, aside: 120 });
const RING = 24; // on one ring, with their names; more lie on a spiral
const NAMES_NARROW = 8;
const GOLDEN = Math.PI * (3 - Math.sqrt(5));
const MOST_ZOOM = 6;

const divisor = (a, b) => (b === 0 ? a : divisor(b, a % b));

/** Steps around a ring of n that meet every place, the first ones far apart. */
function stride(n) {
  let step = Math.max(1, Math.round(n * .38));
  while (divisor(n, step) > 1) step++;
  return step;
}

/** Around the middle, the nearest first, inside out. */
function place(neighbours, { wide, tall, aside }) {
  const weights = neighbours.map(({ weight }) => Number(weight ?? 0));
  const least = Math.min(...weights);
  const span = Math.max(...weights) - least || 1;
  const many = neighbours.length > RING;
  const step = stride(neighbours.length);
  return neighbours.map((item, i) => {
    const angle = many ? GOLDEN * i
      : 2 * Math.PI * (i * step / neighbours.length % 1) - Math.PI / 2;
    const far = many ? .22 + .78 * Math.sqrt((i + 1) / neighbours.length)
      : .52 + .48 * (1 - (weights[i] - least) / span);
    return { ...item,
      x: wide / 2 + Math.cos(angle) * far * (wide / 2 - aside),
      y: tall / 2 + Math.sin(angle) * far * (tall / 2 - 40) };
  });
}

/** A window on the picture: how large, and around which point. */
function useView({ wide, tall }) {
  const [view, setView] = useState({ zoom: 1, x: wide / 2, y: tall / 2 });
  const dragged = useRef(null);
  const enlarge = (by) => setView((v) => ({ ...v,
    zoom: Math.min(MOST_ZOOM, Math.max(1, v.zoom * by)) }));
  const move = (event) => {
    const from = dragged.current;
    if (!from) return;
    const scale = wide / view.zoom / event.currentTarget.clientWidth;
    dragged.current = { x: event.clientX, y: event.clientY };
    setView((v) => ({ ...v, x: v.x - (event.clientX - from.x) * scale,
      y: v.y - (event.clientY - from.y) * scale }));
  };
  return { enlarge, box: `${view.x - wide / 2 / view.zoom} ${
    view.y - tall / 2 / view.zoom} ${wide / view.zoom} ${tall / view.zoom}`,
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

/** The edges between two of them, each once: [from, to]. */
function between(placed, edges) {
  const at = new Map(placed.map((item) => [item.nodeId, item]));
  const seen = new Set();
  return edges.filter(({ source, target }) => {
    const pair = [source, target].sort().join('\n');
    return at.has(source) && at.has(target) && !seen.has(pair)
      && seen.add(pair);
  }).map(({ source, target }) => [at.get(source), at.get(target)]);
}

/** Those edges, as the service knows them; none while it has not answered. */
function useEdges({ service, contentId }, placed) {
  const query = new URLSearchParams({ service, id: contentId });
  const { data } = useLive((signal) =>
    ask(`${ADMIN}/graph?${query}`, { signal }), EVERY_MS, `${query}`);
  return between(placed, data?.edges ?? []);
}

function Graph({ neighbours, record }) {
  const size = useMemo(sizeNow, []);
  const { wide, tall } = size;
  const placed = useMemo(() => place(neighbours, size), [neighbours]);
  const named = wide < 500 ? NAMES_NARROW : RING;
  const edges = useEdges(record, placed);
  const { box, zoom, events, enlarge } = useView(size);
  return html`<div class="graph">
    <div class="zoom">
      <button class="quiet" aria-label=${t('larger')} title=${t('larger')}
        onClick=${() => enlarge(1.5)}>+</button>
      <button class="quiet" aria-label=${t('smaller')} title=${t('smaller')}
        disabled=${zoom === 1} onClick=${() => enlarge(1 / 1.5)}>−</button>
    </div>
    <svg viewBox=${box} role="group" aria-labelledby="near" ...${events}>
      ${edges.map(([from, to]) => html`<line class="edge of-between"
        key=${`${from.nodeId} ${to.nodeId}`} x1=${from.x} y1=${from.y}
        x2=${to.x} y2=${to.y} />`)}
      ${placed.map(({ x, y, nodeId, type }) => html`<line key=${nodeId}
        class=${`edge of-${type}`} x1=${wide / 2} y1=${tall / 2}
        x2=${x} y2=${y} />`)}
      <circle class="middle" cx=${wide / 2} cy=${tall / 2} r="13" />
      ${placed.map((item, i) => html`<${Node} key=${item.nodeId} item=${item}
        named=${placed.length <= named || zoom > 2 || i < NAMES_NARROW} />`)}
    </svg>
  </div>`;
}

export function Neighbours({ record }) {
  const sorted = useMemo(() => [...record.neighbours].sort((a, b) =>
    Number(b.weight ?? 0) - Number(a.weight ?? 0)), [record]);
  return html`<section class="card neighbours" aria-labelledby="near">
    <h2 id="near">${t('neighbours')}</h2>
    ${sorted.length === 0 ? html`<p class="soft">${t('neighboursNone')}</p>`
      : html`<${Graph} neighbours=${sorted} record=${record} />
        <ol class="near-list">${sorted.map((item) =>
          html`<li key=${item.nodeId}><a dir="auto" href=${linkTo('record', '',
            { service: item.service, id: item.contentId })}>${nameOf(item)}</a>
            <span class="soft">${item.weight === null ? item.type
              : Number(item.weight).toFixed(2)}</span></li>`)}</ol>`}
  </section>`;
}
