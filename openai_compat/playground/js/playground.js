// A conversation with the model, and who guessed each of its tokens.

import { html, useEffect, useRef, useState } from "../vendor/htm-preact.js";
import { asProgram } from "./api.js";
import { EXAMPLES } from "./examples.js";
import { useRun } from "./run.js";
import { DEFAULTS, SettingError, Settings, requestBody } from "./settings.js";
import { Figures, Legend, Tokens } from "./tokens.js";
import { SOURCES } from "./trace.js";

const LANGUAGES = ["curl", "Python", "JavaScript"];

/** The message that an ended run becomes in the conversation. */
function asMessage(run) {
  if (!run.calls.length) return { role: "assistant", content: run.text };
  const tool_calls = run.calls.map((call) => ({
    id: call.id,
    type: "function",
    function: { name: call.name, arguments: call.arguments },
  }));
  return { role: "assistant", content: run.text || null, tool_calls };
}

/** Who can guess on this server. */
function sourcesOf(state) {
  return Object.keys(SOURCES).filter((source) => (source !== "draft" || state?.draft_model) && (source !== "mtp" || state?.has_mtp));
}

function CopyAs({ body }) {
  const [said, say] = useState("");
  const [program, show] = useState(null);
  async function copy(language) {
    show(null);
    let text;
    try {
      text = asProgram(language, body());
      await navigator.clipboard.writeText(text);
      say(`Copied as ${language}.`);
    } catch (error) {
      say(error instanceof SettingError ? error.message : "");
      show(text ?? null); // over plain HTTP from another machine, browsers have no clipboard
    }
    setTimeout(() => say(""), 2500);
  }
  return html`<div class="row copy">
    <span class="muted small">Copy as</span>
    ${LANGUAGES.map((language) => html`<button type="button" class="quiet small" onClick=${() => copy(language)}>${language}</button>`)}
    <span class="small muted" role="status">${said}</span>
    ${program && html`<textarea class="code program" aria-label="The request as a program" readonly rows="8" value=${program}></textarea>`}
  </div>`;
}

function Calls({ run, onResults }) {
  const [results, set] = useState({});
  const send = (event) => {
    event.preventDefault();
    onResults(run.calls.map((call) => ({ role: "tool", tool_call_id: call.id, content: results[call.id] ?? "" })));
  };
  return html`<form class="calls" onSubmit=${send}>
    ${run.calls.map(
      (call) => html`<div class="call">
        <code>${call.name}(${call.arguments})</code>
        ${onResults &&
        html`<label class="field"><span>What it returns</span>
          <textarea class="code" rows="1" value=${results[call.id] ?? ""} placeholder='{"condition": "sunny", "temperature": 21}'
            onInput=${(event) => set({ ...results, [call.id]: event.target.value })}></textarea></label>`}
      </div>`,
    )}
    ${onResults && html`<button>Answer the call</button>`}
  </form>`;
}

function Answer({ run, showSources, onResults }) {
  const isWaiting = run.isRunning && !run.trace.committed;
  return html`<div class="answer" data-running=${String(run.isRunning)} data-finish=${run.finish}>
    ${run.thoughts && !showSources && html`<details class="thoughts"><summary>Reasoning</summary>${run.thoughts}</details>`}
    ${showSources ? html`<${Tokens} trace=${run.trace} />` : html`<div class="tokens">${run.text}</div>`}
    ${isWaiting && html`<span class="muted">Reading the prompt…</span>`}
    ${run.calls.length > 0 && html`<${Calls} run=${run} onResults=${run.isRunning ? null : onResults} />`}
    ${run.error && html`<p class="error" role="alert">${run.error}</p>`}
    ${run.finish === "stopped" && html`<p class="muted small">Stopped. The engine has let go of it.</p>`}
    ${run.finish === "length" && html`<p class="muted small">Cut at the most tokens that were asked for.</p>`}
    ${run.trace.steps.length > 0 && html`<${Figures} trace=${run.trace} helix=${run.helix} />`}
  </div>`;
}

/** The view; state is the engine's, or null until it is known. */
export function Playground({ model, state }) {
  const [settings, setSettings] = useState(DEFAULTS);
  const [turns, setTurns] = useState([]);
  const [prompt, setPrompt] = useState(EXAMPLES[0].prompt);
  const [showSources, setShowSources] = useState(true);
  const [problem, setProblem] = useState(null);
  const [run, start, stop, clear] = useRun();
  const end = useRef(null);
  const change = (some) => setSettings((before) => ({ ...before, ...some }));
  const messages = turns.map((turn) => turn.message);

  useEffect(() => {
    if (run.isRunning) end.current?.scrollIntoView({ block: "nearest" });
  });

  async function answer(before) {
    let body;
    try {
      body = requestBody(model, settings, before.map((turn) => turn.message));
    } catch (error) {
      setProblem(error.message);
      return;
    }
    setProblem(null);
    setTurns(before);
    const ended = await start(body);
    if (ended.error || (ended.finish === "stopped" && !ended.trace.committed)) return;
    setTurns([...before, { message: asMessage(ended), run: ended }]);
  }

  const send = () => {
    if (run.isRunning || !prompt.trim()) return;
    setPrompt("");
    answer([...turns, { message: { role: "user", content: prompt } }]);
  };
  const regenerate = () => answer(turns.slice(0, turns.findLastIndex((turn) => turn.message.role !== "assistant") + 1));
  const restart = () => {
    stop();
    clear();
    setTurns([]);
    setProblem(null);
  };
  const choose = (example) => {
    restart();
    setPrompt(example.prompt);
    setSettings({ ...DEFAULTS, ...example.settings });
  };
  const last = turns.at(-1)?.run;
  const isPending = run !== last && (run.isRunning || run.error || run.finish === "stopped");
  const shown = isPending ? run : last;
  const bodyForCopy = () => {
    const more = prompt.trim() ? [{ role: "user", content: prompt }] : [];
    return requestBody(model, settings, more.length || !turns.length ? [...messages, ...more] : messages.filter((message, place) => place < messages.length - 1 || message.role !== "assistant"));
  };

  return html`<div class="playground">
    <section class="conversation" aria-label="Conversation">
      <div class="heading">
        <h2>Playground</h2>
        <p class="lead">Every answer shows which tokens were guessed, by whom, and what the guesses were worth. The text is the same as without them.</p>
      </div>
      <div class="turns" aria-live="polite" aria-busy=${String(run.isRunning)}>
        ${turns.map(({ message, run: made }) => {
          if (made) return html`<article class="turn assistant"><h3>Answer</h3><${Answer} run=${made} showSources=${showSources}
            onResults=${made === last && !run.isRunning ? (results) => answer([...turns, ...results.map((one) => ({ message: one }))]) : null} /></article>`;
          return html`<article class="turn user"><h3>${message.role === "tool" ? "Result of the call" : "You"}</h3><p>${message.content}</p></article>`;
        })}
        ${isPending && html`<article class="turn assistant"><h3>Answer</h3><${Answer} run=${run} showSources=${showSources} /></article>`}
        <div ref=${end}></div>
      </div>
      ${shown && shown.trace.steps.length > 0 && html`<div class="row spread underline">
        <${Legend} trace=${shown.trace} />
        <label class="check small"><input type="checkbox" checked=${showSources} onChange=${(event) => setShowSources(event.target.checked)} />Show where tokens came from</label>
      </div>`}
      ${!shown && html`<div class="underline">
        <p class="muted small">What is guessed comes in the colour and with the line of who guessed it:</p>
        <${Legend} sources=${sourcesOf(state)} />
      </div>`}
      <form class="composer" onSubmit=${(event) => { event.preventDefault(); send(); }}>
        <label class="visually-hidden" for="prompt">Message</label>
        <textarea id="prompt" rows="3" value=${prompt} placeholder="Ask something"
          onInput=${(event) => setPrompt(event.target.value)}
          onKeyDown=${(event) => { if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); send(); } }}></textarea>
        <div class="row spread">
          <div class="row">
            ${run.isRunning
              ? html`<button type="button" class="stop" onClick=${stop}>Stop</button>`
              : html`<button class="primary" disabled=${!prompt.trim() || !model}>Send</button>`}
            <button type="button" disabled=${run.isRunning || !turns.length} onClick=${regenerate}>Regenerate</button>
            <button type="button" class="quiet" disabled=${!turns.length && !run.error} onClick=${restart}>New conversation</button>
          </div>
          <${CopyAs} body=${bodyForCopy} />
        </div>
        ${problem && html`<p class="error" role="alert">${problem}</p>`}
      </form>
      <div class="row examples">
        <span class="muted small">Try</span>
        ${EXAMPLES.map((example) => html`<button type="button" class="small chip" onClick=${() => choose(example)}>${example.name}</button>`)}
      </div>
    </section>
    <aside class="panel" aria-label="Settings">
      <details open=${!matchMedia("(max-width: 980px)").matches}><summary>Settings</summary>
        <${Settings} settings=${settings} change=${change} state=${state} />
      </details>
    </aside>
  </div>`;
}
