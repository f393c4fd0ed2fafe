// One answer on its way: the stream, its trace, its numbers, and the button that ends it.

import { useRef, useState } from "../vendor/htm-preact.js";
import { streamChat } from "./api.js";
import { Trace } from "./trace.js";

/** Return an answer that has not begun. */
export function emptyRun() {
  return { id: null, trace: new Trace(), text: "", thoughts: "", calls: [], helix: null, finish: null, error: null, isRunning: false };
}

/** Feed a chunk into a run; a call's name comes once, its arguments in pieces. */
function take(run, chunk) {
  run.id = chunk.id;
  if (chunk.helix) run.helix = chunk.helix;
  for (const choice of chunk.choices) {
    const { delta } = choice;
    run.text += delta.content ?? "";
    run.thoughts += delta.reasoning_content ?? "";
    for (const call of delta.tool_calls ?? []) {
      run.calls[call.index] ??= { id: call.id, name: "", arguments: "" };
      run.calls[call.index].name += call.function?.name ?? "";
      run.calls[call.index].arguments += call.function?.arguments ?? "";
    }
    if (choice.speculation_trace) run.trace.add(choice.speculation_trace);
    if (choice.finish_reason) run.finish = choice.finish_reason;
  }
}

/**
 * Return [run, start, stop] of a component. start takes a body and returns the run when it has ended, however it
 * did; the component is drawn again once per frame at most.
 */
export function useRun() {
  const [run, show] = useState(emptyRun);
  const [, draw] = useState(0);
  const stopper = useRef(null);

  async function start(body) {
    stopper.current?.abort();
    const mine = { ...emptyRun(), isRunning: true };
    const abort = new AbortController();
    stopper.current = abort;
    show(mine);
    let isDue = false;
    const drawSoon = () => {
      if (isDue) return;
      isDue = true;
      requestAnimationFrame(() => {
        isDue = false;
        draw((count) => count + 1);
      });
    };
    try {
      for await (const chunk of streamChat({ ...body, speculation_trace: true }, abort.signal)) {
        take(mine, chunk);
        drawSoon();
      }
    } catch (error) {
      if (abort.signal.aborted) mine.finish = "stopped";
      else mine.error = error.message;
    }
    mine.isRunning = false;
    drawSoon();
    return mine;
  }

  return [run, start, () => stopper.current?.abort(), () => show(emptyRun())];
}
