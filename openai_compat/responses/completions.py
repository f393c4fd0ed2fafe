"""Engine outputs become a Completion, whole or in chunks of the same shape."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from msgspec.structs import replace

from helix import FinishReason, RequestOutput, TokenLogprob
from openai_compat import sse
from openai_compat.choice_outputs import Batches, ChoiceOutputs, Taken
from openai_compat.echo import Echo
from openai_compat.responses.answer import Answer
from openai_compat.responses.chunks import answer_chunks
from openai_compat.responses.logprobs import LOWEST_LOGPROB, CompletionLogprobsBuilder, shown_logprobs
from openai_compat.schemas.completions import Completion, CompletionChoice, CompletionLogprobs, CompletionRequest


async def completion(
    answer: Answer, outputs: ChoiceOutputs, request: CompletionRequest, echoes: Sequence[Echo]
) -> Completion:
    """Return the whole answer; echoes are what stands in front of each prompt's choices, or empty.

    Of best_of choices the n best are shown; usage counts all of them.
    """
    choices = _choices(answer, outputs, request, echoes)
    while not outputs.is_finished:
        for index, output in await outputs.take():
            answer.tally.add(index, output)
            choices[index].collect(output)
        for choice in choices:
            choice.collect_held()
    return Completion(
        **_identity(answer),
        choices=_best(choices, n=request.n or 1, best_of=request.best_of or request.n or 1),
        usage=answer.tally.usage(outputs.num_choices),
        helix=answer.tally.report(),
    )


def completion_chunks(
    answer: Answer, outputs: ChoiceOutputs, request: CompletionRequest, echoes: Sequence[Echo]
) -> Batches[list[Completion]]:
    """Return the answer in pieces, those that came together in one list; the last piece has the numbers."""
    choices = _choices(answer, outputs, request, echoes)

    def pieces(taken: Taken) -> list[CompletionChoice]:
        shown = [piece for index, output in taken for piece in choices[index].pieces(output)]
        return shown + [piece for choice in choices for piece in choice.held_pieces()]

    text = CompletionChoice(index=0, text=sse.TEXT) if choices[0].adds_text else None
    return answer_chunks(answer, outputs, functools.partial(Completion, **_identity(answer)), pieces, text)


def _identity(answer: Answer) -> dict[str, Any]:
    return {
        "id": answer.id,
        "created": answer.created,
        "model": answer.model,
        "system_fingerprint": answer.system_fingerprint,
    }


def _choices(
    answer: Answer, outputs: ChoiceOutputs, request: CompletionRequest, echoes: Sequence[Echo]
) -> list[_Choice]:
    per_prompt = outputs.num_choices // len(echoes) if echoes else 1
    echoed = [_Echoed(echo, waits=request.logprobs is not None) for echo in echoes]
    return [
        _Choice(answer, request, index, echoed[index // per_prompt] if echoes else None)
        for index in range(outputs.num_choices)
    ]


def _best(choices: Sequence[_Choice], *, n: int, best_of: int) -> list[CompletionChoice]:
    """Return for each prompt the n of best_of choices with the highest log probability per token, best first."""
    if best_of == n:
        return [choice.whole for choice in choices]
    shown: list[CompletionChoice] = []
    for start in range(0, len(choices), best_of):
        ranked = sorted(choices[start : start + best_of], key=lambda choice: choice.mean_logprob, reverse=True)
        shown += [replace(choice.whole, index=len(shown) + place) for place, choice in enumerate(ranked[:n])]
    return shown


@dataclass(slots=True)
class _Echoed:
    """A prompt in front of its choices, the first of which scores it for all of them."""

    echo: Echo
    waits: bool
    """Whether nothing can be shown without the scores."""
    scores: Sequence[TokenLogprob] | None = None


class _Choice:
    """One choice on its way from outputs to text."""

    def __init__(self, answer: Answer, request: CompletionRequest, index: int, echoed: _Echoed | None) -> None:
        self._answer = answer
        self._index = index
        self._echoed = echoed
        self._is_scored = False  # whether the prompt's scores were shown
        self._held: list[RequestOutput] = []  # until the prompt is scored
        self._pending_echo = "" if echoed is None else echoed.echo.text
        self._logprobs = CompletionLogprobsBuilder(answer.tokenizer, skips_special=answer.params.skip_special_tokens)
        self._wants_logprobs = request.logprobs is not None
        self._sum_logprobs, self._num_logprobs = 0.0, 0
        self.whole = CompletionChoice(
            index=index, text="", logprobs=CompletionLogprobs() if self._wants_logprobs else None
        )
        """The choice as collected so far."""

    @property
    def mean_logprob(self) -> float:
        """Log probability per token so far, the one that ended the text included; 0 without logprobs."""
        return self._sum_logprobs / max(1, self._num_logprobs)

    def collect(self, output: RequestOutput) -> None:
        """Take one output of a text that is answered as a whole."""
        for entry in output.logprobs or ():
            self._sum_logprobs += max(entry.logprob, LOWEST_LOGPROB)
            self._num_logprobs += 1
        self._extend(self.pieces(output))

    def collect_held(self) -> None:
        """Take what was held back, as soon as the prompt is scored."""
        self._extend(self.held_pieces())

    def _extend(self, pieces: Sequence[CompletionChoice]) -> None:
        for piece in pieces:
            self.whole.text += piece.text
            self.whole.finish_reason = piece.finish_reason
            if self.whole.logprobs is not None and piece.logprobs is not None:
                self.whole.logprobs.extend(piece.logprobs)

    def pieces(self, output: RequestOutput) -> list[CompletionChoice]:
        """Return what one output adds to a stream: text, and at last finish_reason alone."""
        if self._echoed is not None and output.prompt_logprobs is not None:
            self._echoed.scores = output.prompt_logprobs
        self._held.append(output)
        return self.held_pieces()

    @property
    def adds_text(self) -> bool:
        """Whether an output that is not the last adds its text to a stream and nothing else."""
        return self._echoed is None and not self._wants_logprobs

    def held_pieces(self) -> list[CompletionChoice]:
        """Return what can be shown of what has come."""
        if self._echoed is not None and self._echoed.waits and self._echoed.scores is None:
            return []
        held, self._held = self._held, []
        return [piece for output in held for piece in self._pieces(output)]

    def _pieces(self, output: RequestOutput) -> list[CompletionChoice]:
        pieces: list[CompletionChoice] = []
        logprobs = self._built(output) if self._wants_logprobs else None
        text = self._pending_echo + output.text
        self._pending_echo = ""
        if text or logprobs is not None:
            pieces.append(CompletionChoice(index=self._index, text=text, logprobs=logprobs))
        if output.is_finished:
            reason: Literal["stop", "length"] = "length" if output.finish_reason is FinishReason.LENGTH else "stop"
            pieces.append(CompletionChoice(index=self._index, text="", finish_reason=reason))
        return pieces

    def _built(self, output: RequestOutput) -> CompletionLogprobs | None:
        """Return the lists that an output adds, None if there is nothing in them.

        With an echo they cover every token that was computed, the one that ended the text too: clients that score
        prompts count on as many entries as there are tokens.
        """
        if self._echoed is None:
            entries = shown_logprobs(output, self._answer.params, self._answer.tokenizer)
            return self._logprobs.build(entries) if entries else None
        built = CompletionLogprobs()
        if self._echoed.scores is not None and not self._is_scored:
            built, self._is_scored = self._logprobs.echo(self._echoed.echo, self._echoed.scores), True
        built.extend(self._logprobs.build(output.logprobs or ()))
        return built if built.tokens else None
