// What a request asks for besides its messages.

import { html } from "../vendor/htm-preact.js";

export const DEFAULTS = {
  system: "",
  temperature: "0",
  top_p: "",
  max_tokens: "400",
  seed: "",
  stop: "",
  method: "",
  depth: "4",
  adaptive: false,
  format: "text",
  schema: "",
  tools: "",
  prediction: "",
};

const METHODS = [
  ["", "the server's own"],
  ["auto", "auto: whatever promises most"],
  ["draft", "draft model"],
  ["mtp", "heads of the model"],
  ["suffix", "suffix: its text, earlier answers"],
  ["ngram", "n-gram: its own text"],
  ["grammar", "grammar alone"],
  ["none", "none"],
];

/** A setting that cannot be sent, with the words for it. */
export class SettingError extends Error {}

function parse(name, text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new SettingError(`${name}: ${error.message}`);
  }
}

/** Return the body of a request; raises SettingError where JSON is wanted and none is written. */
export function requestBody(model, settings, messages) {
  const system = settings.system.trim() ? [{ role: "system", content: settings.system }] : [];
  const body = { model, messages: [...system, ...messages] };
  for (const name of ["temperature", "top_p", "max_tokens", "seed"]) {
    if (settings[name] !== "") body[name] = Number(settings[name]);
  }
  if (settings.stop) body.stop = settings.stop.split("\n").filter(Boolean);
  const speculation = {};
  if (settings.method) speculation.method = settings.method;
  if (settings.depth !== "" && settings.method !== "none") speculation.depth = Number(settings.depth);
  if (!settings.adaptive) speculation.adaptive = false;
  if (Object.keys(speculation).length) body.speculation = speculation;
  if (settings.format === "json_object") body.response_format = { type: "json_object" };
  if (settings.format === "json_schema") {
    const schema = parse("JSON schema", settings.schema || "{}");
    body.response_format = { type: "json_schema", json_schema: { name: "answer", schema, strict: true } };
  }
  if (settings.tools.trim()) body.tools = parse("Tools", settings.tools);
  if (settings.prediction) body.prediction = { type: "content", content: settings.prediction };
  return body;
}

/** Whether a method can be asked of this engine. */
function isOffered(method, state) {
  if (!state) return true;
  return (method !== "draft" || state.draft_model !== null) && (method !== "mtp" || state.has_mtp);
}

export function MethodField({ value, onChange, state }) {
  return html`<label class="field">
    <span>Who guesses</span>
    <select value=${value} onChange=${(event) => onChange(event.target.value)}>
      ${METHODS.filter(([method]) => isOffered(method, state)).map(
        ([method, words]) => html`<option value=${method} selected=${method === value}>${words}</option>`,
      )}
    </select>
  </label>`;
}

export function NumberField({ label, value, onChange, ...limits }) {
  return html`<label class="field">
    <span>${label}</span>
    <input type="number" inputmode="decimal" value=${value} onInput=${(event) => onChange(event.target.value)} ...${limits} />
  </label>`;
}

function TextField({ label, value, onChange, rows = 2, placeholder = "", isCode = false }) {
  return html`<label class="field">
    <span>${label}</span>
    <textarea class=${isCode ? "code" : ""} rows=${rows} placeholder=${placeholder} spellcheck=${!isCode} value=${value}
      onInput=${(event) => onChange(event.target.value)}></textarea>
  </label>`;
}

/** All settings of the playground; change takes a name and a value. */
export function Settings({ settings, change, state }) {
  const set = (name) => (value) => change({ [name]: value });
  return html`<div class="settings">
    <${TextField} label="System prompt" value=${settings.system} onChange=${set("system")} placeholder="none" />
    <fieldset>
      <legend>Sampling</legend>
      <div class="pairs">
        <${NumberField} label="Temperature" value=${settings.temperature} onChange=${set("temperature")} min="0" max="2" step="0.1" placeholder="default" />
        <${NumberField} label="Top p" value=${settings.top_p} onChange=${set("top_p")} min="0" max="1" step="0.05" placeholder="default" />
        <${NumberField} label="Most tokens" value=${settings.max_tokens} onChange=${set("max_tokens")} min="1" placeholder="no limit" />
        <${NumberField} label="Seed" value=${settings.seed} onChange=${set("seed")} placeholder="fresh" />
      </div>
      <${TextField} label="Stop strings, one per line" rows="1" value=${settings.stop} onChange=${set("stop")} placeholder="none" />
    </fieldset>
    <fieldset>
      <legend>Speculation</legend>
      <${MethodField} value=${settings.method} onChange=${set("method")} state=${state} />
      <div class="pairs">
        <${NumberField} label="Guesses per pass" value=${settings.depth} onChange=${set("depth")} min="0" max=${state?.max_speculation_depth ?? 16} placeholder=${state ? String(state.speculation_depth) : "default"} />
        <label class="check"><input type="checkbox" checked=${settings.adaptive} onChange=${(event) => change({ adaptive: event.target.checked })} />Only as many as pay</label>
      </div>
      <${TextField} label="Prediction: what the answer may repeat" value=${settings.prediction} onChange=${set("prediction")} placeholder="none" />
    </fieldset>
    <fieldset>
      <legend>Form of the answer</legend>
      <label class="field">
        <span>Response format</span>
        <select value=${settings.format} onChange=${(event) => change({ format: event.target.value })}>
          ${[["text", "text"], ["json_object", "a JSON object"], ["json_schema", "JSON by schema"]].map(
            ([format, words]) => html`<option value=${format} selected=${format === settings.format}>${words}</option>`,
          )}
        </select>
      </label>
      ${settings.format === "json_schema" &&
      html`<${TextField} label="JSON schema" isCode rows="6" value=${settings.schema} onChange=${set("schema")} />`}
      <${TextField} label="Tools, a JSON list" isCode rows=${settings.tools ? 8 : 1} value=${settings.tools} onChange=${set("tools")} placeholder="none" />
    </fieldset>
  </div>`;
}
