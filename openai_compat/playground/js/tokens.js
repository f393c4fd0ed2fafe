// Shows tokens by where they came from.

import { html } from "../vendor/htm-preact.js";
import { SOURCES } from "./trace.js";

/** The text of a trace; rejected guesses stand struck through where they fell. */
export function Tokens({ trace, showRejected = true }) {
  return html`<div class="tokens">
    ${trace.pieces.map((piece) => {
      if (piece.kind === "special") {
        return html`<span class="ending" data-source=${piece.source} title=${`${SOURCES[piece.source]}, token ${piece.id}`}>${piece.name}</span>`;
      }
      if (piece.kind === "rejected") {
        return showRejected
          ? html`<del class="rejected" data-source=${piece.source} title=${`${SOURCES[piece.source]}: rejected in pass ${piece.step + 1}`}>${piece.text}</del>`
          : null;
      }
      const word = piece.text.trimStart();
      return html`${piece.text.slice(0, piece.text.length - word.length)}<span class="token" data-source=${piece.source} data-step=${piece.step} title=${`${SOURCES[piece.source]}, pass ${piece.step + 1}`}>${word}</span>`;
    })}
  </div>`;
}

/** What the colours mean, with the number of tokens where there is a trace. */
export function Legend({ trace, sources = Object.keys(SOURCES) }) {
  const counts = trace?.counts ?? {};
  const shown = sources.filter((source) => !trace || counts[source] || source === "target");
  const rejected = trace ? trace.drafted - trace.accepted : null;
  return html`<ul class="legend" aria-label="Where tokens came from">
    ${shown.map(
      (source) => html`<li>
        <span class="token" data-source=${source}>${SOURCES[source]}</span>${trace && html`<b>${counts[source] ?? 0}</b>`}
      </li>`,
    )}
    <li><del class="rejected" data-source="target">rejected</del>${trace && html`<b>${rejected}</b>`}</li>
  </ul>`;
}

/** The numbers of one answer: from its trace while it runs, and from the helix object once it is there. */
export function Figures({ trace, helix }) {
  const rate = trace.drafted ? `${Math.round((100 * trace.accepted) / trace.drafted)}%` : "none";
  const speed = helix?.timings.tokens_per_s ?? trace.speed;
  const figures = [
    ["tokens", trace.committed],
    ["tokens per second", speed === null ? "…" : speed.toFixed(speed < 20 ? 1 : 0)],
    ["tokens per pass", trace.steps.length ? (trace.committed / trace.steps.length).toFixed(2) : "…"],
    ["guesses accepted", rate],
  ];
  if (helix) {
    figures.push(["to the first token", `${Math.round(1000 * (helix.timings.ttft_s ?? 0))} ms`]);
    const gain = helix.speculation.estimated_speed_up;
    if (gain !== null && helix.speculation.drafted) figures.push(["estimated speed-up", `${gain.toFixed(2)}×`]);
  }
  return html`<dl class="figures">
    ${figures.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}
  </dl>`;
}
