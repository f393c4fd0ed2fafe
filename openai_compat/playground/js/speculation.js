// The same prompt with and without guesses, side by side.

import { html, useState } from "../vendor/htm-preact.js";
import { Chart } from "./chart.js";
import { EXAMPLES } from "./examples.js";
import { useRun } from "./run.js";
import { DEFAULTS, MethodField, NumberField, requestBody } from "./settings.js";
import { Figures, Legend, Tokens } from "./tokens.js";

const SECONDS = 0.75;

/** A salt that nobody else has: neither lane finds anything in the cache, or in earlier answers. */
function fresh() {
  return `race-${Math.random().toString(36).slice(2)}`;
}

/** Return tokens so far at the end of each pass, and the speed over the last SECONDS. */
function progress(trace) {
  const points = [];
  let tokens = 0;
  let from = 0;
  for (const step of trace.steps) {
    tokens += step.committed;
    const point = { elapsed: step.elapsed, tokens };
    points.push(point);
    while (points[from].elapsed < step.elapsed - SECONDS) from += 1;
    const seconds = step.elapsed - points[from].elapsed;
    point.speed = seconds > 0 ? (tokens - points[from].tokens) / seconds : null;
  }
  return points;
}

/** Merge the points of two runs into uPlot's columns; null where a run has no point. */
function joined(first, second, name) {
  const times = [...new Set([...first, ...second].map((point) => point.elapsed))].sort((one, other) => one - other);
  const column = (points) => {
    const at = new Map(points.map((point) => [point.elapsed, point[name]]));
    return times.map((time) => at.get(time) ?? null);
  };
  return [times, column(first), column(second)];
}

/** Guesses and accepted guesses of each pass, and the share accepted of the last ten. */
function guesses(trace) {
  const { steps } = trace;
  const recent = steps.map((_, place) => {
    const last = steps.slice(Math.max(0, place - 9), place + 1);
    const drafted = last.reduce((sum, step) => sum + step.drafted, 0);
    return drafted ? (100 * last.reduce((sum, step) => sum + step.accepted, 0)) / drafted : null;
  });
  const passes = steps.map((_, place) => place + 1);
  return {
    depth: [passes, steps.map((step) => step.drafted), steps.map((step) => step.accepted)],
    rate: [passes, recent],
  };
}

function Lane({ title, words, run, children }) {
  return html`<section class="panel lane" aria-label=${title}>
    <div class="row spread"><h3>${title}</h3><span class="muted small">${words}</span></div>
    ${run.trace.steps.length > 0 && html`<${Figures} trace=${run.trace} />`}
    <div class="lane-text" data-running=${String(run.isRunning)} data-finish=${run.finish} aria-busy=${String(run.isRunning)}>
      ${run.error ? html`<p class="error" role="alert">${run.error}</p>` : html`<${Tokens} trace=${run.trace} />`}
    </div>
    ${children}
  </section>`;
}

function Verdict({ fast, plain }) {
  if (fast.isRunning || plain.isRunning || !fast.finish || !plain.finish || fast.error || plain.error) return null;
  if (fast.finish === "stopped" || plain.finish === "stopped") return null;
  const isSame = fast.trace.text === plain.trace.text;
  const passes = [fast, plain].map((run) => run.trace.steps.length);
  const seconds = [fast, plain].map((run) => run.trace.steps.at(-1).elapsed);
  return html`<p class="notice" role="status">
    ${isSame ? "Both texts are the same, character for character" : "The texts differ"}: ${passes[0]} passes of the target model instead of ${passes[1]}, ${seconds[0].toFixed(2)} s instead of ${seconds[1].toFixed(2)} s.
  </p>`;
}

export function Speculation({ model, state }) {
  const [prompt, setPrompt] = useState(EXAMPLES[0].prompt);
  const [method, setMethod] = useState("");
  const [depth, setDepth] = useState("4");
  const [adaptive, setAdaptive] = useState(false);
  const [together, setTogether] = useState(true);
  const [fast, startFast, stopFast] = useRun();
  const [plain, startPlain, stopPlain, clearPlain] = useRun();
  const isRunning = fast.isRunning || plain.isRunning;

  async function race() {
    const settings = { ...DEFAULTS, seed: "7", max_tokens: "300" };
    const messages = [{ role: "user", content: prompt }];
    const body = { ...requestBody(model, { ...settings, method, depth, adaptive }, messages), cache_salt: fresh() };
    const without = { ...requestBody(model, { ...settings, method: "none" }, messages), cache_salt: fresh() };
    if (together) {
      await Promise.all([startFast(body), startPlain(without)]);
      return;
    }
    clearPlain();
    const ended = await startFast(body);
    if (ended.finish !== "stopped" && !ended.error) await startPlain(without);
  }
  const stop = () => {
    stopFast();
    stopPlain();
  };

  const [ahead, behind] = [progress(fast.trace), progress(plain.trace)];
  const made = guesses(fast.trace);
  const lanes = [
    { label: "with guesses", colour: "draft" },
    { label: "without", colour: "target", dash: [5, 4] },
  ];
  return html`
    <div class="heading">
      <h2>Live speculation</h2>
      <p class="lead">Guesses are checked by the model many at a time: one pass, several tokens. Those that fall stand struck through where they fell, and the model's own token follows. Nothing else changes.</p>
    </div>
    <form class="panel race" onSubmit=${(event) => { event.preventDefault(); if (!isRunning) race(); }}>
      <label class="field prompt"><span>Prompt</span>
        <textarea rows="2" value=${prompt} onInput=${(event) => setPrompt(event.target.value)}></textarea></label>
      <${MethodField} value=${method} onChange=${setMethod} state=${state} />
      <${NumberField} label="Guesses per pass" value=${depth} onChange=${setDepth} min="1" max=${state?.max_speculation_depth ?? 16} />
      <div class="choices">
        <label class="check"><input type="checkbox" checked=${adaptive} onChange=${(event) => setAdaptive(event.target.checked)} />Only as many as pay</label>
        <label class="check"><input type="checkbox" checked=${!together} onChange=${(event) => setTogether(!event.target.checked)} />One after the other</label>
      </div>
      ${isRunning
        ? html`<button type="button" class="stop" onClick=${stop}>Stop</button>`
        : html`<button class="primary" disabled=${!model || !prompt.trim()}>Race</button>`}
    </form>
    <${Verdict} fast=${fast} plain=${plain} />
    <div class="lanes">
      <${Lane} title="With guesses" words=${together ? "in the same batch" : "first"} run=${fast}>
        <${Legend} trace=${fast.trace.steps.length ? fast.trace : null} />
      <//>
      <${Lane} title="Without" words=${together ? "in the same batch" : "then"} run=${plain} />
    </div>
    <div class="charts">
      <${Chart} title="Tokens over time" label="Tokens of both answers over time" data=${joined(ahead, behind, "tokens")} series=${lanes} />
      <${Chart} title="Tokens per second" label="Speed of both answers over the last three quarters of a second" data=${joined(ahead, behind, "speed")} series=${lanes} />
      <${Chart} title="Guesses of each pass" xUnit="" label="Guessed and accepted tokens of each pass" data=${made.depth}
        series=${[{ label: "guessed", colour: "target", isStepped: true }, { label: "accepted", colour: "suffix", isStepped: true, isFilled: true }]} />
      <${Chart} title="Accepted of the last ten passes" xUnit="" unit="%" max=${100} label="Share of guesses accepted over the last ten passes" data=${made.rate}
        series=${[{ label: "accepted", colour: "suffix", isFilled: true }]} />
    </div>
    <p class="muted small">${together
      ? "Both answers share every pass of the engine, so each pass is as slow for one as for the other; who gets more tokens from it wins."
      : "Each answer has the engine to itself, if nobody else asks it for something."} Neither finds anything in the prefix cache or in earlier answers.</p>`;
}
