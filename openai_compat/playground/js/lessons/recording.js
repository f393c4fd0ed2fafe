// Requests of one's own in the real engine, and looks at its state from the first to the end of the last.

import { useEffect, useRef, useState } from "../../vendor/htm-preact.js";
import { engineState, streamChat } from "../api.js";

const PAUSE_MS = 25;
export const NAMES = ["A", "B", "C", "D", "E", "F"];

/** The name under which the state shows the first choice of an answer; see short_id of the server. */
function shortId(id) {
  return `${id.slice(0, id.search(/[-_]/) + 9)}-0`;
}

/** Send bodies, each when the one before has begun to answer; call look(state) meanwhile; return ids and passes. */
async function run(bodies, look, signal) {
  const ids = [];
  const passes = bodies.map(() => 0);
  let isOver = false;
  const answered = async (number) => {
    let next = null;
    for await (const chunk of streamChat({ ...bodies[number], speculation_trace: true }, signal)) {
      ids[number] = shortId(chunk.id);
      passes[number] += chunk.choices[0]?.speculation_trace?.length ?? 0;
      if (next === null && passes[number]) next = number + 1 < bodies.length ? answered(number + 1) : Promise.resolve();
    }
    await next;
  };
  const looking = (async () => {
    while (!isOver) {
      look(await engineState());
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  })();
  try {
    await answered(0);
  } finally {
    isOver = true;
    await looking;
  }
  return { ids, passes };
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
      const { ids, passes } = await run(bodies, (state) => states.push(state), stopper.current.signal);
      const looks = states.map((state) => ({
        step: state.num_steps,
        requests: state.requests.filter((one) => ids.includes(one.id)).map((one) => ({ ...one, name: NAMES[ids.indexOf(one.id)] })),
      }));
      const first = looks.findIndex((look) => look.requests.length);
      const last = looks.findLastIndex((look) => look.requests.length);
      if (first < 0) throw new Error("The answers were over before anybody could look. Ask again.");
      setRecording({ looks: looks.slice(first, last + 2), passes, blockSize: states[0].block_size, numBlocks: states[0].num_blocks });
    } catch (error) {
      if (!stopper.current.signal.aborted) setProblem(error.message);
    }
    setBusy(false);
  }
  return { record, recording, isBusy, problem, forget: () => setRecording(null) };
}
