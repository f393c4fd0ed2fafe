// The frame: which view is shown, the key, light and dark, and what the engine says of itself.

import { html, render, useCallback, useEffect, useState } from "../vendor/htm-preact.js";
import { engineState, servedModel, setKey } from "./api.js";
import { Explained } from "./explained.js";
import { Memory } from "./memory.js";
import { Playground } from "./playground.js";
import { Speculation } from "./speculation.js";

const VIEWS = [
  ["playground", "Playground", Playground],
  ["speculation", "Live speculation", Speculation],
  ["memory", "Live memory", Memory],
  ["explained", "How it works", Explained],
];

function currentView() {
  const name = location.hash.slice(1).split("/")[0];
  return VIEWS.some(([view]) => view === name) ? name : VIEWS[0][0];
}

const RETRY_MS = 3000;
const THEMES = [["", "Auto"], ["light", "Light"], ["dark", "Dark"]];

function ThemeSwitch() {
  const [theme, setTheme] = useState(document.documentElement.dataset.theme ?? "");
  const next = THEMES[(THEMES.findIndex(([name]) => name === theme) + 1) % THEMES.length];
  const choose = () => {
    const [name] = next;
    if (name) document.documentElement.dataset.theme = name;
    else delete document.documentElement.dataset.theme;
    try {
      localStorage.setItem("helix-theme", name);
    } catch {
      // it holds until the page is left
    }
    setTheme(name);
    dispatchEvent(new Event("helix-theme"));
  };
  const words = THEMES.find(([name]) => name === theme)[1];
  return html`<button type="button" class="quiet small" onClick=${choose} aria-label=${`Colours: ${words}. Switch to ${next[1]}`}>${words}</button>`;
}

function KeyField({ isWanted, onKey }) {
  return html`<details class="key" open=${isWanted}>
    <summary class="small">API key</summary>
    <form class="key-body" onSubmit=${(event) => event.preventDefault()}>
      <span class="small muted">Kept in this page's memory, and nowhere else.</span>
      <input type="password" autocomplete="off" aria-label="API key" placeholder="only if the server asks for one"
        onChange=${(event) => { setKey(event.target.value); onKey(); }} />
    </form>
  </details>`;
}

function App() {
  const [view, setView] = useState(currentView);
  const [model, setModel] = useState(null);
  const [state, setState] = useState(null);
  const [problem, setProblem] = useState(null);

  const connect = useCallback(async () => {
    try {
      setModel(await servedModel());
      setState(await engineState());
      setProblem(null);
    } catch (error) {
      setProblem(error);
    }
  }, []);
  useEffect(() => {
    connect();
    const onHash = () => {
      setView(currentView());
      scrollTo(0, 0);
    };
    addEventListener("hashchange", onHash);
    return () => removeEventListener("hashchange", onHash);
  }, []);
  useEffect(() => {
    if (!problem || problem.status === 401) return undefined;
    const timer = setTimeout(connect, RETRY_MS); // the model may still be loading
    return () => clearTimeout(timer);
  }, [problem]);
  useEffect(() => {
    document.querySelector("nav [aria-current]").scrollIntoView({ block: "nearest", inline: "nearest" });
    document.title = view === "playground" ? "Helix" : `${VIEWS.find(([name]) => name === view)[1]} · Helix`;
  }, [view]);

  return html`
    <header class="masthead">
      <a class="skip" href="#main" onClick=${(event) => { event.preventDefault(); document.getElementById("main").focus(); }}>To the content</a>
      <div class="brand"><img src="/playground/icon.svg" alt="" width="24" height="24" /><h1>Helix</h1></div>
      <nav aria-label="Views">
        ${VIEWS.map(([name, title]) => html`<a href=${`#${name}`} aria-current=${name === view ? "page" : null}>${title}</a>`)}
        <a href="/docs">API</a>
      </nav>
      <div class="side">
        ${state && html`<div class="served">
          <span class="mono">${model}</span>
          <span class="muted">${state.device}, ${state.dtype}${state.draft_model ? ", with a draft model" : ""}</span>
        </div>`}
        <${KeyField} isWanted=${problem?.status === 401} onKey=${connect} />
        <${ThemeSwitch} />
      </div>
    </header>
    <main id="main" tabindex="-1">
      ${problem && html`<p class="error" role="alert">${problem.status === 401 ? "This server asks for an API key. Give it above, at the right." : `The server does not answer: ${problem.message}`}</p>`}
      ${VIEWS.map(([name, title, View]) => html`<div class="view" id=${`view-${name}`} key=${name} hidden=${name !== view}>
        <${View} model=${model} state=${state} isShown=${name === view} />
      </div>`)}
    </main>`;
}

render(html`<${App} />`, document.getElementById("app"));
