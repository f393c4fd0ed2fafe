"""Engine outputs become a Completion, whole or in chunks of the same shape."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, Literal

from msgspec import UNSET

from helix import FinishReason, RequestOutput
from openai_compat.choice_outputs import ChoiceOutputs
from openai_compat.responses.answer import Answer
from openai_compat.responses.logprobs import CompletionLogprobsBuilder, shown_logprobs
from openai_compat.schemas.completions import Completion, CompletionChoice, CompletionLogprobs


async def completion(answer: Answer, outputs: ChoiceOutputs, echoes: Sequence[str]) -> Completion:
    """Return the whole answer; echoes are the texts in front of each prompt's choices, or empty."""
    choices = _choices(answer, outputs, echoes)
    while not outputs.is_finished:
        for index, output in await outputs.take():
            answer.tally.add(index, output)
            choices[index].collect(output)
    return Completion(
        **_identity(answer),
        choices=[choice.whole for choice in choices],
        usage=answer.tally.usage(outputs.num_choices),
        helix=answer.tally.report(),
    )


async def completion_chunks(
    answer: Answer, outputs: ChoiceOutputs, echoes: Sequence[str]
) -> AsyncIterator[Completion | None]:
    """Yield the answer in pieces, None when nothing came for a while, and the numbers with the last piece."""
    choices = _choices(answer, outputs, echoes)
    usage = None if answer.includes_usage else UNSET
    with outputs:
        while not outputs.is_finished:
            taken = await outputs.take(answer.keep_alive_s)
            if not taken:
                yield None
            for index, output in taken:
                answer.tally.add(index, output)
            pieces = [piece for index, output in taken for piece in choices[index].pieces(output)]
            for number, piece in enumerate(pieces):
                is_last = outputs.is_finished and not answer.includes_usage and number == len(pieces) - 1
                helix = answer.tally.report() if is_last else UNSET
                yield Completion(**_identity(answer), choices=[piece], usage=usage, helix=helix)
    if answer.includes_usage:
        total = answer.tally.usage(outputs.num_choices)
        yield Completion(**_identity(answer), choices=[], usage=total, helix=answer.tally.report())


def _identity(answer: Answer) -> dict[str, Any]:
    return {
        "id": answer.id,
        "created": answer.created,
        "model": answer.model,
        "system_fingerprint": answer.system_fingerprint,
    }


def _choices(answer: Answer, outputs: ChoiceOutputs, echoes: Sequence[str]) -> list[_Choice]:
    per_prompt = outputs.num_choices // len(echoes) if echoes else 1
    return [
        _Choice(answer, index, echoes[index // per_prompt] if echoes else "") for index in range(outputs.num_choices)
    ]


class _Choice:
    """One choice on its way from outputs to text."""

    def __init__(self, answer: Answer, index: int, echo: str) -> None:
        self._answer = answer
        self._index = index
        self._echo = echo
        self._logprobs = CompletionLogprobsBuilder(answer.tokenizer)
        wants_logprobs = answer.params.logprobs is not None
        self.whole = CompletionChoice(index=index, text="", logprobs=CompletionLogprobs() if wants_logprobs else None)
        """The choice as collected so far."""

    def collect(self, output: RequestOutput) -> None:
        """Take one output of a text that is answered as a whole."""
        for piece in self.pieces(output):
            self.whole.text += piece.text
            self.whole.finish_reason = piece.finish_reason
            if self.whole.logprobs is not None and piece.logprobs is not None:
                self.whole.logprobs.extend(piece.logprobs)

    def pieces(self, output: RequestOutput) -> list[CompletionChoice]:
        """Return what one output adds to a stream: text, and at last finish_reason alone."""
        pieces: list[CompletionChoice] = []
        entries = shown_logprobs(output, self._answer.params, self._answer.tokenizer)
        text = self._echo + output.text
        self._echo = ""
        if text or entries:
            logprobs = self._logprobs.build(entries) if entries else None
            pieces.append(CompletionChoice(index=self._index, text=text, logprobs=logprobs))
        if output.is_finished:
            reason: Literal["stop", "length"] = "length" if output.finish_reason is FinishReason.LENGTH else "stop"
            pieces.append(CompletionChoice(index=self._index, text="", finish_reason=reason))
        return pieces
