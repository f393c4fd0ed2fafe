// A small pool to play with: requests grow token by token and take blocks from wherever there is one.

import { html, useState } from "../../vendor/htm-preact.js";

const NUM_BLOCKS = 24;
const SIZE = 4;
const MOST = 24; // tokens that a contiguous cache keeps room for
const PROMPT = 8; // tokens that requests may share
const NAMES = ["A", "B", "C", "D"];

function fresh() {
  return { free: shuffled(), requests: [] };
}

/** Blocks in no order at all, the same each time: where a block lies does not matter. */
function shuffled() {
  return Array.from({ length: NUM_BLOCKS }, (_, place) => (place * 7 + 5) % NUM_BLOCKS);
}

function started(pool, isAlike) {
  const name = NAMES.find((one) => !pool.requests.some((request) => request.name === one));
  const twin = isAlike ? pool.requests[0] : null;
  const table = twin ? twin.table.slice(0, PROMPT / SIZE) : [];
  const free = [...pool.free];
  while (table.length < PROMPT / SIZE) table.push(free.shift());
  return { free, requests: [...pool.requests, { name, tokens: PROMPT, table }] };
}

function grown(pool) {
  const free = [...pool.free];
  const requests = pool.requests.map((request, place) => {
    const tokens = Math.min(MOST, request.tokens + 1 + (place % 2));
    const table = [...request.table];
    while (table.length * SIZE < tokens) table.push(free.shift());
    return { ...request, tokens, table };
  });
  return { free, requests };
}

function ended(pool) {
  const [first, ...rest] = pool.requests;
  const kept = new Set(rest.flatMap((request) => request.table));
  return { free: [...pool.free, ...first.table.filter((block) => !kept.has(block))], requests: rest };
}

function Cell({ x, y, request, tokens, number, isShared }) {
  const fill = request ? `request-${request}` : "request-none";
  return html`<g>
    <rect class="frame" x=${x} y=${y} width="34" height="22" rx="3" />
    <rect class=${isShared ? "request-shared" : fill} x=${x + 1} y=${y + 1} width=${(32 * tokens) / SIZE} height="20" rx="2" />
    <text class=${tokens === SIZE ? "on" : "number"} x=${x + 17} y=${y + 15} text-anchor="middle">${number}</text>
  </g>`;
}

export function Blocks() {
  const [pool, setPool] = useState(() => grown(grown(started(grown(grown(started(started(fresh(), false), true))), false))));
  const owners = new Map();
  for (const request of pool.requests) {
    request.table.forEach((block, place) => {
      const tokens = Math.min(SIZE, request.tokens - place * SIZE);
      owners.set(block, { name: request.name, tokens, isShared: owners.has(block) });
    });
  }
  const used = pool.requests.reduce((sum, request) => sum + request.tokens, 0);
  const inBlocks = owners.size * SIZE;
  const contiguous = pool.requests.length * MOST;
  const room = pool.free.length > 6;
  const height = 20 + NAMES.length * 30;
  return html`<div class="picture">
    <div class="scroll"><svg viewBox=${`0 0 520 ${height}`} role="img" aria-label=${`${pool.requests.length} requests hold ${used} tokens in ${owners.size} of ${NUM_BLOCKS} blocks`}>
      <text x="0" y="10">block tables, in order of the text</text>
      <text x="300" y="10">the pool</text>
      ${pool.requests.map(
        (request, row) => html`<g>
          <text x="0" y=${35 + row * 30} class="name">${request.name}</text>
          ${request.table.map((block, place) => html`<${Cell} x=${18 + place * 38} y=${20 + row * 30} request=${request.name} number=${block}
            tokens=${Math.min(SIZE, request.tokens - place * SIZE)} isShared=${owners.get(block).isShared} />`)}
        </g>`,
      )}
      ${Array.from({ length: NUM_BLOCKS }, (_, block) => {
        const owner = owners.get(block);
        return html`<${Cell} x=${300 + (block % 6) * 37} y=${20 + Math.floor(block / 6) * 26} request=${owner?.name} tokens=${owner?.tokens ?? 0} isShared=${owner?.isShared} number=${block} />`;
      })}
    </svg></div>
    <div class="row">
      <button type="button" disabled=${!pool.requests.length || !room} onClick=${() => setPool(grown(pool))}>Write on</button>
      <button type="button" disabled=${pool.requests.length === NAMES.length || !room} onClick=${() => setPool(started(pool, false))}>New request</button>
      <button type="button" disabled=${!pool.requests.length || pool.requests.length === NAMES.length} onClick=${() => setPool(started(pool, true))}>One that begins like the first</button>
      <button type="button" disabled=${!pool.requests.length} onClick=${() => setPool(ended(pool))}>End the first</button>
    </div>
    <p class="small muted">${pool.requests.length} requests hold ${used} tokens in ${owners.size} blocks, which are ${inBlocks} places. One piece of ${MOST} places for each would take ${contiguous}. A number that stands in two tables is a shared block.</p>
  </div>`;
}
