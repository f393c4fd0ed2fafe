// A real answer, pass by pass: what was guessed, what the model said to it.

import { html, useState } from "../../vendor/htm-preact.js";
import { chat } from "../api.js";
import { SOURCES } from "../trace.js";

const PROMPT = "Tell me a short story about a bear named Otto in the mountains.";

function decode(tokens) {
  const bytes = tokens.flatMap((token) => token.bytes ?? []);
  return new TextDecoder().decode(new Uint8Array(bytes));
}

function Boxes({ name, tokens, marks }) {
  return html`<div>
    <p class="strip-name">${name}</p>
    <div class="strip">
      ${tokens.length
        ? tokens.map((token, place) => html`<span class="box" data-mark=${marks(place)}>${token.bytes?.length === 0 ? token.token : decode([token]) || "·"}</span>`)
        : html`<span class="muted small">nothing</span>`}
    </div>
  </div>`;
}

export function Passes({ model, state }) {
  const most = state?.max_speculation_depth;
  const [depth, setDepth] = useState(4);
  const [steps, setSteps] = useState(null);
  const [place, setPlace] = useState(0);
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState(null);

  async function ask() {
    setBusy(true);
    setProblem(null);
    try {
      const method = state?.draft_model ? "draft" : "auto";
      const speculation = depth ? { depth, method, adaptive: false } : { method: "none" };
      const answer = await chat({ model, messages: [{ role: "user", content: PROMPT }], temperature: 0, max_tokens: 60, speculation, speculation_trace: true });
      setSteps(answer.choices[0].speculation_trace);
      setPlace(0);
    } catch (error) {
      setProblem(error.message);
    }
    setBusy(false);
  }

  const step = steps?.[place];
  const guesses = step?.drafts.flatMap((draft) => draft.tokens) ?? [];
  const sources = [...new Set(step?.drafts.map((draft) => SOURCES[draft.source]))].join(", then ");
  const before = steps ? decode(steps.slice(0, place).flatMap((one) => one.tokens)) : "";
  const numTokens = steps?.reduce((sum, one) => sum + one.tokens.length, 0);
  return html`<div class="picture">
    <div class="row spread">
      <label class="row small">Guesses per pass
        <input type="range" class="narrow" min="0" max=${Math.min(8, most ?? 8)} value=${depth} onInput=${(event) => setDepth(Number(event.target.value))} /><b class="number">${depth}</b></label>
      <button type="button" class="primary" disabled=${isBusy || !model} onClick=${ask}>${steps ? "Ask again" : "Ask the engine"}</button>
    </div>
    ${problem && html`<p class="error" role="alert">${problem}</p>`}
    ${!steps && html`<p class="muted small">“${PROMPT}” Sixty tokens of a real answer, to be looked at pass by pass.</p>`}
    ${step && html`
      <div><p class="strip-name">Written so far</p><p class="so-far">${before || "nothing yet"}</p></div>
      <${Boxes} name=${guesses.length ? `Guessed by the ${sources}` : "Guessed"} tokens=${guesses} marks=${(at) => (at < step.accepted ? "accepted" : "rejected")} />
      <${Boxes} name="Written after this pass" tokens=${step.tokens} marks=${(at) => (at < step.accepted ? "accepted" : "own")} />
      <div class="row spread">
        <div class="row">
          <button type="button" disabled=${place === 0} onClick=${() => setPlace(place - 1)}>Back</button>
          <button type="button" disabled=${place === steps.length - 1} onClick=${() => setPlace(place + 1)}>Next pass</button>
        </div>
        <span class="small muted number">Pass ${place + 1} of ${steps.length}, for ${numTokens} tokens</span>
      </div>`}
  </div>`;
}
