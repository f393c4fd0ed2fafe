// The block pool, the requests in it, and what a cache without blocks would have taken.

import { html, useEffect, useRef, useState } from "../vendor/htm-preact.js";
import { engineState, streamChat } from "./api.js";

const EVERY_MS = 250;
const USES = [
  ["private", "private", "In one request's table."],
  ["shared", "shared", "The same beginning in several requests, kept once."],
  ["cached", "cached", "Nobody's now; found again by whoever begins the same way."],
  ["free", "free", "Never used, or given up."],
];
const DRAFT = ["draft", "draft model too", "The draft model has a pool of its own under the same numbers, and it holds these blocks too."];
const SHOWN_IN_TABLE = 40;

/** Ask for the state while the view is looked at; return [state, problem]. */
function useEngineState(isShown) {
  const [state, setState] = useState(null);
  const [problem, setProblem] = useState(null);
  useEffect(() => {
    if (!isShown) return undefined;
    let timer = null;
    let isOver = false;
    const look = async () => {
      if (document.visibilityState === "visible") {
        try {
          const taken = await engineState();
          if (isOver) return;
          setState(taken);
          setProblem(null);
        } catch (error) {
          setProblem(error.message);
        }
      }
      if (!isOver) timer = setTimeout(look, EVERY_MS);
    };
    look();
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, [isShown]);
  return [state, problem];
}

/** Return what is said of each block, from runs. */
function ofEach(runs) {
  return runs.flatMap(([fact, length]) => Array(length).fill(fact));
}

function colours() {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(`--${name}`).trim();
  return { private: of("suffix"), shared: of("predicted"), cached: of("ngram"), free: of("sunken"), draft: of("draft"), line: of("line"), ink: of("ink") };
}

/** The pool as a map; blocks of the chosen request are framed. */
function Pool({ state, chosen }) {
  const canvas = useRef(null);
  const draw = () => {
    const element = canvas.current;
    const width = element?.parentElement.clientWidth;
    if (!width) return;
    const uses = ofEach(state.blocks);
    const isDraft = ofEach(state.draft_blocks);
    const side = Math.max(5, Math.min(16, Math.floor(Math.sqrt((width * 260) / uses.length))));
    const columns = Math.floor(width / side);
    const height = Math.ceil(uses.length / columns) * side;
    const scale = devicePixelRatio || 1;
    if (element.width !== width * scale || element.height !== height * scale) {
      element.width = width * scale;
      element.height = height * scale;
      element.style.height = `${height}px`;
    }
    const context = element.getContext("2d");
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    const palette = colours();
    const marked = new Set(chosen?.block_table);
    uses.forEach((use, block) => {
      const x = (block % columns) * side;
      const y = Math.floor(block / columns) * side;
      context.globalAlpha = use === "cached" ? 0.55 : 1;
      context.fillStyle = palette[use];
      context.fillRect(x, y, side - 1, side - 1);
      context.globalAlpha = 1;
      if (use === "free") {
        context.strokeStyle = palette.line;
        context.strokeRect(x + 0.5, y + 0.5, side - 2, side - 2);
      }
      if (use === "shared") {
        context.fillStyle = palette.free;
        context.fillRect(x + side / 2 - 1.5, y + 2, 2, side - 5);
      }
      if (isDraft[block]) {
        const strip = Math.max(2, Math.floor(side / 3));
        context.fillStyle = palette.free;
        context.fillRect(x, y + side - strip - 2, side - 1, 1);
        context.fillStyle = palette.draft;
        context.fillRect(x, y + side - 1 - strip, side - 1, strip);
      }
      if (marked.has(block)) {
        context.strokeStyle = palette.ink;
        context.lineWidth = 2;
        context.strokeRect(x, y, side - 1, side - 1);
        context.lineWidth = 1;
      }
    });
  };
  useEffect(draw);
  useEffect(() => {
    addEventListener("resize", draw);
    addEventListener("helix-theme", draw);
    return () => {
      removeEventListener("resize", draw);
      removeEventListener("helix-theme", draw);
    };
  });
  const counts = countsOf(state);
  const words = [...USES.map(([use]) => `${counts[use]} ${use}`), `${counts.draft} held by the draft model too`].join(", ");
  return html`<div class="pool"><canvas ref=${canvas} role="img" aria-label=${`${state.num_blocks} blocks: ${words}`}></canvas></div>`;
}

function countsOf(state) {
  const counts = { private: 0, shared: 0, cached: 0, free: 0, draft: 0 };
  for (const [use, length] of state.blocks) counts[use] += length;
  for (const [isHeld, length] of state.draft_blocks) counts.draft += isHeld ? length : 0;
  return counts;
}

function Uses({ state }) {
  const counts = countsOf(state);
  return html`<ul class="legend uses">
    ${(state.draft_model || state.has_mtp ? [...USES, DRAFT] : USES).map(([use, name, words]) => html`<li title=${words}><i class="cell" data-use=${use}></i>${name}<b data-count=${use}>${counts[use]}</b></li>`)}
    <li class="muted">of ${state.num_blocks} blocks of ${state.block_size} tokens</li>
  </ul>`;
}

/** A request's id without the kind of answer it belongs to. */
function shortName(request) {
  return request.id.replace(/^[a-z]+[-_]/, "");
}

/** One bar per request of the last step: what was computed of it, and guesses behind that. */
function Batch({ state }) {
  const batch = state.requests.filter((request) => request.num_scheduled_tokens);
  const most = Math.max(8, ...batch.map((request) => request.num_scheduled_tokens + request.num_draft_tokens));
  if (!batch.length) return html`<p class="muted">Nothing was computed just now.</p>`;
  return html`<ul class="batch">
    ${batch.map(
      (request) => html`<li>
        <code class="small">${shortName(request)}</code>
        <svg viewBox=${`0 0 ${most} 1`} preserveAspectRatio="none" role="img" aria-label=${`${request.num_scheduled_tokens} tokens, ${request.num_draft_tokens} guesses`}>
          <rect class="computed" width=${request.num_scheduled_tokens} height="1" />
          <rect class="guessed" x=${request.num_scheduled_tokens} width=${request.num_draft_tokens} height="1" />
        </svg>
        <span class="small number">${request.num_scheduled_tokens}${request.num_draft_tokens ? ` + ${request.num_draft_tokens}` : ""}</span>
      </li>`,
    )}
  </ul>`;
}

function Share({ name, words, used, reserved, total }) {
  const percent = (value) => (total ? (100 * value) / total : 0);
  return html`<div class="share">
    <div class="row spread"><span>${name}</span><span class="number muted">${words}</span></div>
    <svg viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">
      <rect class="reserved" width=${percent(reserved)} height="1" /><rect class="held" width=${percent(used)} height="1" />
    </svg>
  </div>`;
}

/** What blocks waste, and what one piece per request would. */
function Waste({ state }) {
  const running = state.requests.filter((request) => request.is_running && request.block_table.length);
  if (!running.length) return html`<p class="muted">No request is running, so nothing is reserved.</p>`;
  const size = state.block_size;
  const used = running.reduce((sum, request) => sum + request.num_computed_tokens, 0);
  const tables = running.reduce((sum, request) => sum + request.block_table.length * size, 0);
  const distinct = new Set(running.flatMap((request) => request.block_table)).size * size;
  const whole = running.length * state.max_model_len;
  const asked = running.reduce((sum, request) => sum + Math.min(state.max_model_len, request.num_prompt_tokens + request.max_tokens), 0);
  const bytes = state.kv_cache_bytes / (state.num_blocks * size);
  const size_of = (tokens) => `${tokens.toLocaleString()} tokens, ${((tokens * bytes) / 2 ** 20).toFixed(1)} MiB`;
  return html`<div class="wastes">
    <${Share} name="Blocks, as they are" words=${size_of(distinct)} used=${Math.min(used, distinct)} reserved=${distinct} total=${whole} />
    <${Share} name="One piece for each, as long as it may become" words=${size_of(asked)} used=${used} reserved=${asked} total=${whole} />
    <${Share} name="One piece for each, as long as the context" words=${size_of(whole)} used=${used} reserved=${whole} total=${whole} />
    <p class="small muted">Unused in blocks: ${(tables - used).toLocaleString()} places of ${tables.toLocaleString()} (${Math.round((100 * (tables - used)) / tables)}%), at most a block and the guesses of a pass for each request. Shared beginnings save ${(tables - distinct).toLocaleString()} places. A contiguous cache would leave ${Math.round((100 * (whole - used)) / whole)}% empty.</p>
  </div>`;
}

function Requests({ state, chosen, choose }) {
  const fields = ["Request", "", "Prompt", "Found cached", "Output", "Computed", "By the draft", "Block table"];
  return html`<div class="scroll"><table>
    <caption class="visually-hidden">Requests and their block tables</caption>
    <thead><tr>${fields.map((field) => html`<th scope="col">${field || html`<span class="visually-hidden">Status</span>`}</th>`)}</tr></thead>
    <tbody>
      ${state.requests.map((request) => html`<tr data-running=${String(request.is_running)} class=${request.id === chosen ? "chosen" : ""}>
        <td><button type="button" class="quiet mono small" aria-pressed=${String(request.id === chosen)} onClick=${() => choose(request.id === chosen ? null : request.id)}>${shortName(request)}</button></td>
        <td>${request.is_running ? "running" : request.num_preemptions ? "waits again" : "waits"}</td>
        <td class="number">${request.num_prompt_tokens}</td>
        <td class="number">${request.num_cached_tokens}</td>
        <td class="number">${request.num_output_tokens} of ${request.max_tokens}</td>
        <td class="number">${request.num_computed_tokens}</td>
        <td class="number">${request.num_draft_computed_tokens}</td>
        <td class="table-blocks">${request.block_table.slice(0, SHOWN_IN_TABLE).map((block) => html`<span class="mono">${block}</span> `)}${request.block_table.length > SHOWN_IN_TABLE && html`<span class="muted small">and ${request.block_table.length - SHOWN_IN_TABLE} more</span>`}</td>
      </tr>`)}
      ${!state.requests.length && html`<tr><td colspan=${fields.length} class="muted">No request. Start some above, or send one in the playground.</td></tr>`}
    </tbody>
  </table></div>`;
}

const COMMON = "You tell stories. Every story has a hero, a place, a trouble that comes one day, and an end that is good for everybody who lives there.";
const HEROES = ["a fox named Mira in the forest", "a bear named Otto in the mountains", "an owl named Lena in the city", "a whale named Finn in the ocean"];
const CHOICES = 2; // of each: a browser opens six connections at most, and the map needs one

/** Requests of a common beginning, whose answers nobody reads; a draft model guesses whether that pays or not. */
function Load({ model, hasDraft, onProblem }) {
  const [running, setRunning] = useState(0);
  const stopper = useRef(null);
  useEffect(() => () => stopper.current?.abort(), []);
  async function start(number) {
    stopper.current ??= new AbortController();
    const { signal } = stopper.current;
    const guesses = hasDraft ? { speculation: { method: "draft", depth: 4, adaptive: false } } : {};
    setRunning((count) => count + number);
    onProblem(null);
    await Promise.all(
      HEROES.slice(0, number).map(async (hero) => {
        const messages = [{ role: "system", content: COMMON }, { role: "user", content: `Tell me a story about ${hero}.` }];
        try {
          for await (const _ of streamChat({ model, messages, n: CHOICES, max_tokens: 400, temperature: 1, ignore_eos: true, ...guesses }, signal));
        } catch (error) {
          if (!signal.aborted) onProblem(error.message);
        }
        setRunning((count) => count - 1);
      }),
    );
  }
  const stop = () => {
    stopper.current?.abort();
    stopper.current = null;
  };
  return html`<div class="row">
    <button type="button" class="primary" disabled=${!model || running > 0} onClick=${() => start(HEROES.length)}>Start ${HEROES.length * CHOICES} requests</button>
    <button type="button" class="stop" disabled=${!running} onClick=${stop}>Stop them</button>
    <span class="muted small">They share a system prompt, so they share its blocks.</span>
  </div>`;
}

export function Memory({ model, isShown }) {
  const [state, problem] = useEngineState(isShown);
  const [chosen, choose] = useState(null);
  const [failure, fail] = useState(null);
  const numRunning = state?.requests.filter((request) => request.is_running).length ?? 0;
  const numWaiting = (state?.requests.length ?? 0) - numRunning;
  return html`
    <div class="heading">
      <h2>Live memory</h2>
      <p class="lead">What the model remembers of a text lies in blocks of equal size, anywhere in the pool. A request's block table says where; requests that begin alike point to the same blocks.</p>
    </div>
    ${(problem || failure) && html`<p class="error" role="alert">${problem ?? failure}</p>`}
    <${Load} model=${model} hasDraft=${Boolean(state?.draft_model)} onProblem=${fail} />
    ${state && html`
      <div class="memory">
        <section class="panel wide" aria-label="Block pool">
          <div class="row spread"><h3>Block pool</h3><${Uses} state=${state} /></div>
          <${Pool} state=${state} chosen=${state.requests.find((request) => request.id === chosen)} />
        </section>
        <section class="panel" aria-label="Scheduler">
          <h3>Scheduler</h3>
          <dl class="figures">
            ${[["running", numRunning], ["waiting", numWaiting], ["steps so far", state.num_steps.toLocaleString()], ["preempted", state.num_preemptions]].map(
              ([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`,
            )}
          </dl>
          <h3>Last step: tokens and guesses of each request</h3>
          <${Batch} state=${state} />
        </section>
        <section class="panel" aria-label="Fragmentation">
          <h3>What is reserved, and what is used</h3>
          <${Waste} state=${state} />
        </section>
        <section class="panel wide" aria-label="Requests">
          <h3>Requests and their block tables</h3>
          <${Requests} state=${state} chosen=${chosen} choose=${choose} />
        </section>
      </div>`}`;
}
