// How it works, told to whoever asks.

import { html, useState } from "../vendor/htm-preact.js";
import { Blocks } from "./lessons/blocks.js";
import { Passes } from "./lessons/passes.js";
import { Seats } from "./lessons/seats.js";
import { BATCHING, LEVELS, PAGING, SPECULATION } from "./lessons/words.js";

function Lesson({ title, words, children, more }) {
  return html`<section class="lesson">
    <div class="words">
      <h3>${title}</h3>
      ${words.map((paragraph) => html`<p>${paragraph}</p>`)}
      ${more}
    </div>
    ${children}
  </section>`;
}

export function Explained({ model, state }) {
  const [level, setLevel] = useState("student");
  return html`
    <div class="heading">
      <h2>How it works</h2>
      <p class="lead">Three ideas, told to five people. Each picture can ask the engine behind this page; two can be played with first.</p>
    </div>
    <div class="levels"><div class="segmented" role="radiogroup" aria-label="Explain it to">
      ${LEVELS.map(
        ([name, words]) => html`<label><input type="radio" name="level" value=${name} checked=${name === level} onChange=${() => setLevel(name)} /><span>${words}</span></label>`,
      )}
    </div></div>
    <${Lesson} title="Speculative decoding" words=${SPECULATION[level]} more=${html`<p><a href="#speculation">See it race</a></p>`}>
      <${Passes} model=${model} state=${state} />
    <//>
    <${Lesson} title="PagedAttention" words=${PAGING[level]} more=${html`<p><a href="#memory">See this engine's blocks</a></p>`}>
      <${Blocks} model=${model} />
    <//>
    <${Lesson} title="Continuous batching" words=${BATCHING[level]} more=${html`<p><a href="#memory">See this engine's last step</a></p>`}>
      <${Seats} model=${model} />
    <//>`;
}
