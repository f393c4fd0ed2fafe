// From the steps of a stream to pieces of text with their sources; knows nothing of the page.

export const SOURCES = {
  draft: "draft model",
  mtp: "heads",
  suffix: "suffix",
  ngram: "n-gram",
  predicted: "prediction",
  grammar: "grammar",
  target: "target model",
};

/** Text of a guess that was copied from somebody else's answer, which is not told. */
const UNTOLD = "·";

/** Reads traced steps one by one, and keeps what they say of the whole answer. */
export class Trace {
  constructor() {
    this.pieces = [];
    this.steps = [];
    this.decoder = new TextDecoder();
  }

  /** Take steps in their order; pieces grows by their tokens and by the guesses that fell. */
  add(steps) {
    for (const step of steps) {
      const guesses = step.drafts.flatMap((draft) => draft.tokens.map((token) => ({ ...token, source: draft.source })));
      step.tokens.forEach((token, place) => {
        const isGuess = place < step.accepted;
        if (place === step.accepted) this.addRejected(guesses.slice(step.accepted));
        this.pieces.push({
          kind: token.bytes.length ? "token" : "special",
          source: isGuess ? guesses[place].source : "target",
          text: this.decoder.decode(new Uint8Array(token.bytes), { stream: true }),
          name: token.token,
          id: token.id,
          step: this.steps.length,
        });
      });
      this.steps.push({
        elapsed: step.elapsed_s,
        drafted: guesses.length,
        accepted: step.accepted,
        committed: step.tokens.length,
        sources: step.drafts.map((draft) => draft.source),
      });
    }
  }

  addRejected(guesses) {
    if (!guesses.length) return;
    const decoder = new TextDecoder();
    for (const guess of guesses) {
      const text = guess.bytes === null ? UNTOLD : decoder.decode(new Uint8Array(guess.bytes), { stream: true });
      this.pieces.push({
        kind: "rejected",
        source: guess.source,
        text: text.replaceAll("\n", "↵") || (guess.bytes?.length === 0 ? guess.token : ""),
        name: guess.token,
        id: guess.id,
        step: this.steps.length,
      });
    }
  }

  get text() {
    return this.pieces.filter((piece) => piece.kind === "token").map((piece) => piece.text).join("");
  }

  /** Number of committed tokens of each source, most first. */
  get counts() {
    const counts = {};
    for (const piece of this.pieces) {
      if (piece.kind !== "rejected") counts[piece.source] = (counts[piece.source] ?? 0) + 1;
    }
    return counts;
  }

  get drafted() {
    return this.steps.reduce((sum, step) => sum + step.drafted, 0);
  }

  get accepted() {
    return this.steps.reduce((sum, step) => sum + step.accepted, 0);
  }

  get committed() {
    return this.steps.reduce((sum, step) => sum + step.committed, 0);
  }

  /** Tokens after the first per second of decoding; null for fewer than two. */
  get speed() {
    const first = this.steps[0];
    const seconds = first ? this.steps.at(-1).elapsed - first.elapsed : 0;
    return seconds > 0 ? (this.committed - 1) / seconds : null;
  }
}
