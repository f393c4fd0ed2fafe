// The same requests in a bus that waits and in one that does not, and real ones in the engine.

import { html, useState } from "../../vendor/htm-preact.js";
import { NAMES, useRecording } from "./recording.js";

const LENGTHS = [9, 3, 6, 2, 7, 4, 5, 3];
const MOST_STEPS = 32;

/** Return for each seat the request in it at each step, null where it is empty. */
function planned(lengths, numSeats, isContinuous) {
  const waiting = lengths.map((length, name) => ({ name, left: length }));
  const seats = Array.from({ length: numSeats }, () => []);
  let seated = Array(numSeats).fill(null);
  while (waiting.length || seated.some(Boolean)) {
    if (isContinuous || seated.every((one) => one === null)) seated = seated.map((one) => one ?? waiting.shift() ?? null);
    seated.forEach((one, seat) => seats[seat].push(one?.name ?? null));
    seated = seated.map((one) => (one && --one.left ? one : null));
  }
  return seats;
}

function Game() {
  const [numSeats, setNumSeats] = useState(3);
  const [isContinuous, setContinuous] = useState(true);
  const [lengths, setLengths] = useState(LENGTHS);
  const seats = planned(lengths, numSeats, isContinuous);
  const numSteps = seats[0].length;
  const numEmpty = seats.flat().filter((name) => name === null).length;
  const other = planned(lengths, numSeats, !isContinuous)[0].length;
  return html`
    <div class="row spread">
      <div class="segmented small" role="radiogroup" aria-label="How requests are batched">
        ${[[false, "Group by group"], [true, "Continuous"]].map(
          ([value, words]) => html`<label><input type="radio" name="batching" checked=${isContinuous === value} onChange=${() => setContinuous(value)} /><span>${words}</span></label>`,
        )}
      </div>
      <label class="row small">Seats
        <input type="range" class="narrow" min="2" max="4" value=${numSeats} onInput=${(event) => setNumSeats(Number(event.target.value))} /><b>${numSeats}</b></label>
      <button type="button" class="quiet small" onClick=${() => setLengths([...lengths.slice(1), 2 + ((lengths[0] * 5 + lengths[3]) % 8)])}>Other answers</button>
    </div>
    <div class="scroll"><svg viewBox=${`0 0 ${MOST_STEPS * 16 + 4} ${numSeats * 30 + 22}`} role="img" aria-label=${`${numSteps} steps, ${numEmpty} empty seats`}>
      ${seats.map((row, seat) => row.map(
        (name, step) => html`<g>
          <rect class=${name === null ? "request-none frame" : `request-${"ABCD"[name % 4]}`} x=${2 + step * 16} y=${2 + seat * 30} width="14" height="26" rx="2" />
          ${name !== null && (step === 0 || row[step - 1] !== name) && html`<text class="on" x=${9 + step * 16} y=${19 + seat * 30} text-anchor="middle">${name + 1}</text>`}
        </g>`,
      ))}
      <text x="2" y=${numSeats * 30 + 16}>steps of the engine, to the right; one row for each seat</text>
    </svg></div>
    <p class="small muted">${numSteps} steps for ${lengths.reduce((sum, one) => sum + one, 0)} tokens, ${Math.round((100 * numEmpty) / (numSteps * numSeats))}% of the seats empty. ${isContinuous ? "Group by group" : "Continuously"} it would be ${other} steps.</p>`;
}

const ASKED = [96, 40, 72, 48, 80, 56]; // long enough for each to be seen in some look
const SEATS = 3;

/** What a group of SEATS would have cost: it leaves when its longest answer has ended. */
function inGroups(lengths) {
  let sum = 0;
  for (let at = 0; at < lengths.length; at += SEATS) sum += Math.max(...lengths.slice(at, at + SEATS));
  return sum;
}

/** Who was in which step of the real engine. */
function Real({ recording, forget }) {
  const { looks } = recording;
  const from = looks[0].step;
  const numSteps = Math.max(1, looks.at(-1).step - from);
  const at = (step) => 20 + (496 * (step - from)) / numSteps;
  return html`
    <div class="scroll"><svg viewBox=${`0 0 520 ${NAMES.length * 24 + 20}`} role="img" aria-label=${`${ASKED.length} answers in ${numSteps} steps of the engine`}>
      ${NAMES.map((name, row) => html`<g class="real-row">
        <text x="2" y=${17 + row * 24} class="name">${name}</text>
        ${looks.slice(0, -1).map((look, number) => {
          const request = look.requests.find((one) => one.name === name);
          const width = at(looks[number + 1].step) - at(look.step);
          return request && width > 0 && html`<rect class=${request.is_running ? `request-${"ABCD"[row % 4]}` : "request-none frame"} x=${at(look.step)} y=${4 + row * 24} width=${width + 0.4} height="18" />`;
        })}
      </g>`)}
      <text x="20" y=${NAMES.length * 24 + 14}>${numSteps} steps of this engine, to the right</text>
    </svg></div>
    <p class="small muted">Answers of ${ASKED.join(", ")} tokens, a step for each token and without guesses: ${numSteps} steps together, because each got on at the step after it came and got off at its last token. One behind the other they take ${ASKED.reduce((sum, one) => sum + one, 0)} steps, in groups of three ${inGroups(ASKED)}.</p>
    <div class="row"><button type="button" class="quiet small" onClick=${forget}>Back to the game</button></div>`;
}

export function Seats({ model }) {
  const { record, recording, isBusy, problem, forget } = useRecording();
  const ask = () => record(ASKED.map((most, number) => ({ model, messages: [{ role: "user", content: `Tell me story number ${number + 1}.` }], max_tokens: most, temperature: 1, ignore_eos: true, speculation: { method: "none" } })));
  return html`<div class="picture">
    <div class="row spread">
      <span class="small muted">${recording ? "Six real requests" : "A bus to play with"}</span>
      <button type="button" class="primary" disabled=${isBusy || !model} onClick=${ask}>${isBusy ? "It answers" : recording ? "Send them again" : "Send six to the engine"}</button>
    </div>
    ${problem && html`<p class="error" role="alert">${problem}</p>`}
    ${recording ? html`<${Real} recording=${recording} forget=${forget} />` : html`<${Game} />`}
  </div>`;
}
