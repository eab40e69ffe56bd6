// What lies near an item, as a graph: the nearer, the closer to the middle. The
// same as a list for those who read or do not see it; every node is a link.

import { html } from '../../html.js';
import { linkTo } from '../../route.js';
import { t } from '../../texts.js';

const WIDE = 640;
const TALL = 460;
const SHOWN = 24; // with their names

/** Where they stand: around the middle, the nearest first, inside out. */
function place(neighbours) {
  const weights = neighbours.map(({ weight }) => Number(weight ?? 0));
  const least = Math.min(...weights);
  const span = Math.max(...weights) - least || 1;
  return neighbours.map((item, i) => {
    const angle = 2 * Math.PI * i / neighbours.length - Math.PI / 2;
    const far = .52 + .48 * (1 - (weights[i] - least) / span);
    return { ...item,
      x: WIDE / 2 + Math.cos(angle) * far * (WIDE / 2 - 120),
      y: TALL / 2 + Math.sin(angle) * far * (TALL / 2 - 40) };
  });
}

const nameOf = ({ title, contentId }) => title || contentId;
const short = (text) => (text.length > 26 ? `${text.slice(0, 25)}…` : text);

function Node({ item }) {
  const { x, y, service, contentId } = item;
  const weight = item.weight === null ? '' : Number(item.weight).toFixed(2);
  return html`<a href=${linkTo('record', '', { service, id: contentId })}
    aria-label=${`${nameOf(item)}, ${service}, ${weight}`}>
    <title>${nameOf(item)} · ${service} · ${weight}</title>
    <circle cx=${x} cy=${y} r="9" class=${`node of-${item.type}`} />
    <text x=${x} y=${y + 24}>${short(nameOf(item))}</text>
  </a>`;
}

export function Neighbours({ record }) {
  const sorted = [...record.neighbours].sort((a, b) =>
    Number(b.weight ?? 0) - Number(a.weight ?? 0));
  const placed = place(sorted.slice(0, SHOWN));
  return html`<section class="card neighbours" aria-labelledby="near">
    <h2 id="near">${t('neighbours')}</h2>
    ${placed.length === 0 ? html`<p class="soft">${t('neighboursNone')}</p>`
      : html`<svg viewBox=${`0 0 ${WIDE} ${TALL}`} role="group"
        aria-labelledby="near">
        ${placed.map(({ x, y, nodeId, type }) => html`<line key=${nodeId}
          class=${`edge of-${type}`} x1=${WIDE / 2} y1=${TALL / 2}
          x2=${x} y2=${y} />`)}
        <circle class="middle" cx=${WIDE / 2} cy=${TALL / 2} r="13" />
        ${placed.map((item) => html`<${Node} key=${item.nodeId}
          item=${item} />`)}
      </svg>`}
    ${sorted.length > 0 && html`<ol class="near-list">${sorted.map((item) =>
      html`<li key=${item.nodeId}><a dir="auto" href=${linkTo('record', '',
        { service: item.service, id: item.contentId })}>${nameOf(item)}</a>
        <span class="soft">${item.weight === null ? item.type
          : Number(item.weight).toFixed(2)}</span></li>`)}</ol>`}
  </section>`;
}
