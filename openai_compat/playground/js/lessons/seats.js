// The same requests in a bus that waits and in one that does not.

import { html, useState } from "../../vendor/htm-preact.js";

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

export function Seats() {
  const [numSeats, setNumSeats] = useState(3);
  const [isContinuous, setContinuous] = useState(true);
  const [lengths, setLengths] = useState(LENGTHS);
  const seats = planned(lengths, numSeats, isContinuous);
  const numSteps = seats[0].length;
  const numEmpty = seats.flat().filter((name) => name === null).length;
  const other = planned(lengths, numSeats, !isContinuous)[0].length;
  return html`<div class="picture">
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
    <p class="small muted">${numSteps} steps for ${lengths.reduce((sum, one) => sum + one, 0)} tokens, ${Math.round((100 * numEmpty) / (numSteps * numSeats))}% of the seats empty. ${isContinuous ? "Group by group" : "Continuously"} it would be ${other} steps.</p>
  </div>`;
}
