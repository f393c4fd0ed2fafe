// A small pool to play with, and the real one: requests grow and take blocks from wherever there is one.

import { html, useState } from "../../vendor/htm-preact.js";
import { useRecording } from "./recording.js";

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

function Game() {
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
  return html`
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
    <p class="small muted">${pool.requests.length} requests hold ${used} tokens in ${owners.size} blocks, which are ${inBlocks} places. One piece of ${MOST} places for each would take ${contiguous}. A number that stands in two tables is a shared block.</p>`;
}

const COMMON = "You tell stories. Every story has a hero, a place, a trouble that comes one day, and an end that is good for everybody who lives there.";
const ASKED = [
  [COMMON, "Tell me a story about a fox."],
  [COMMON, "Tell me a story about an owl."],
  ["You answer questions.", "What is PagedAttention?"],
];
const IN_ROW = 7;

/** A look at the real pool: block tables at the left, the blocks in them in the order of their ids at the right. */
function Real({ recording, forget }) {
  const { looks, blockSize: size, numBlocks } = recording;
  const running = looks.map((look) => look.requests.filter((request) => request.block_table.length).length);
  const full = running.lastIndexOf(Math.max(...running));
  const [place, setPlace] = useState(full);
  const { step, requests } = looks[place];
  const owners = new Map();
  for (const request of requests) {
    request.block_table.forEach((block, at) => {
      const tokens = Math.max(0, Math.min(size, request.num_computed_tokens - at * size));
      const before = owners.get(block);
      owners.set(block, { name: request.name, share: Math.max(tokens / size, before?.share ?? 0), isShared: Boolean(before) });
    });
  }
  const blocks = [...owners.keys()].sort((one, other) => one - other);
  const rowsOf = (request) => Math.max(1, Math.ceil(request.block_table.length / IN_ROW));
  const tops = requests.map((_, at) => requests.slice(0, at).reduce((sum, one) => sum + rowsOf(one), 0));
  const rows = looks.map((look) => Math.max(look.requests.reduce((sum, one) => sum + rowsOf(one), 0), Math.ceil(new Set(look.requests.flatMap((one) => one.block_table)).size / 6)));
  const used = requests.reduce((sum, one) => sum + one.num_computed_tokens, 0);
  return html`
    <div class="scroll"><svg viewBox=${`0 0 520 ${20 + Math.max(...rows) * 28}`} role="img" aria-label=${`${requests.length} requests in ${blocks.length} blocks`}>
      <text x="0" y="10">block tables, in order of the text</text>
      <text x="300" y="10">these blocks, in order of their numbers</text>
      ${requests.map((request, at) => html`<g class="real-table">
        <text x="0" y=${35 + tops[at] * 28} class="name">${request.name}</text>
        ${request.block_table.map((block, number) => html`<${Cell} x=${18 + (number % IN_ROW) * 38} y=${20 + (tops[at] + Math.floor(number / IN_ROW)) * 28}
          request=${request.name} number=${block} tokens=${SIZE * owners.get(block).share} isShared=${owners.get(block).isShared} />`)}
      </g>`)}
      ${blocks.map((block, number) => html`<${Cell} x=${300 + (number % 6) * 37} y=${20 + Math.floor(number / 6) * 28} request=${owners.get(block).name}
        number=${block} tokens=${SIZE * owners.get(block).share} isShared=${owners.get(block).isShared} />`)}
    </svg></div>
    <div class="row spread">
      <label class="row small grow">Time <input type="range" class="grow" min="0" max=${looks.length - 1} value=${place} onInput=${(event) => setPlace(Number(event.target.value))} /></label>
      <button type="button" class="quiet small" onClick=${forget}>Back to the game</button>
    </div>
    <p class="small muted">This engine, after its step ${step}: ${requests.length} requests hold ${used} tokens in ${blocks.length} of ${numBlocks} blocks of ${size}. A and B begin with the same system prompt; C does not.</p>`;
}

export function Blocks({ model }) {
  const { record, recording, isBusy, problem, forget } = useRecording();
  const ask = () => record(ASKED.map(([system, content]) => ({ model, messages: [{ role: "system", content: system }, { role: "user", content }], max_tokens: 100, temperature: 1, ignore_eos: true, speculation: { method: "none" } })));
  return html`<div class="picture">
    <div class="row spread">
      <span class="small muted">${recording ? "Three real requests" : "A pool to play with"}</span>
      <button type="button" class="primary" disabled=${isBusy || !model} onClick=${ask}>${isBusy ? "It answers" : recording ? "Ask again" : "Look into the engine"}</button>
    </div>
    ${problem && html`<p class="error" role="alert">${problem}</p>`}
    ${recording ? html`<${Real} key=${recording.looks[0].step} recording=${recording} forget=${forget} />` : html`<${Game} />`}
  </div>`;
}
