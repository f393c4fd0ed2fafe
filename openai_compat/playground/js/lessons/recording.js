// Requests of one's own in the real engine, and looks at its state from the first to the end of the last.

import { useEffect, useRef, useState } from "../../vendor/htm-preact.js";
import { engineState, streamChat } from "../api.js";

const PAUSE_MS = 25;
export const NAMES = ["A", "B", "C", "D", "E", "F"];

/** The name under which the state shows the first choice of an answer; see short_id of the server. */
function shortId(id) {
  return `${id.slice(0, id.search(/[-_]/) + 9)}-0`;
}

/** Send bodies, each when the one before has begun to answer; call look(state) from before to after; return ids. */
async function run(bodies, look, signal) {
  const ids = [];
  let isOver = false;
  const answered = async (number) => {
    let next = null;
    for await (const chunk of streamChat(bodies[number], signal)) {
      ids[number] = shortId(chunk.id);
      if (next === null && chunk.choices[0]?.delta.content) next = number + 1 < bodies.length ? answered(number + 1) : Promise.resolve();
    }
    await next;
  };
  look(await engineState());
  const looking = (async () => {
    while (!isOver) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      look(await engineState());
    }
  })();
  try {
    await answered(0);
  } finally {
    isOver = true;
    await looking;
  }
  look(await engineState());
  return ids;
}

/** Return {record, recording, isBusy, problem, forget}: a recording has looks, each a step and requests by name. */
export function useRecording() {
  const [recording, setRecording] = useState(null);
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState(null);
  const stopper = useRef(null);
  useEffect(() => () => stopper.current?.abort(), []);

  async function record(bodies) {
    stopper.current = new AbortController();
    setBusy(true);
    setProblem(null);
    const states = [];
    try {
      const ids = await run(bodies, (state) => states.push(state), stopper.current.signal);
      const looks = states.map((state) => ({
        step: state.num_steps,
        requests: state.requests.filter((one) => ids.includes(one.id)).map((one) => ({ ...one, name: NAMES[ids.indexOf(one.id)] })),
      }));
      const first = looks.findIndex((look) => look.requests.length);
      const last = looks.findLastIndex((look) => look.requests.length);
      if (first < 1) throw new Error("The answers were over before anybody could look. Ask again.");
      setRecording({ looks: looks.slice(first - 1, last + 2), blockSize: states[0].block_size, numBlocks: states[0].num_blocks });
    } catch (error) {
      if (!stopper.current.signal.aborted) setProblem(error.message);
    }
    setBusy(false);
  }
  return { record, recording, isBusy, problem, forget: () => setRecording(null) };
}
