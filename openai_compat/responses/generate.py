"""Engine outputs become the answers of Helix's own API, whole or event by event."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from helix import EngineInfo, FinishReason, RequestOutput
from openai_compat.choice_outputs import Batches, ChoiceOutputs, Taken
from openai_compat.engine import ChatTokenizer
from openai_compat.responses.answer import Answer
from openai_compat.responses.tally import Tally
from openai_compat.responses.trace import traced_steps
from openai_compat.schemas.generate import (
    GeneratedText,
    GenerateMetrics,
    Generation,
    GenerationBatch,
    GenerationEvent,
)
from openai_compat.schemas.trace import TracedStep


async def generation(answer: Answer, outputs: ChoiceOutputs) -> Generation:
    """Return the whole answer to one prompt."""
    (text,) = await _texts(answer, outputs, [answer.tally])
    return Generation(**_identity(answer), **_fields(text, answer.tally, answer))


async def generation_batch(
    answer: Answer, outputs: ChoiceOutputs, prompts: Sequence[Sequence[int]], info: EngineInfo
) -> GenerationBatch:
    """Return the answers to several prompts; answer's tally counts all of them."""
    tallies = [Tally.of([prompt], answer.params, info) for prompt in prompts]
    texts = await _texts(answer, outputs, tallies)
    return GenerationBatch(
        **_identity(answer),
        results=[GeneratedText(**_fields(*one, answer)) for one in zip(texts, tallies, strict=True)],
        **_numbers(answer.tally, len(prompts)),
    )


def generation_events(answer: Answer, outputs: ChoiceOutputs) -> Batches[list[GenerationEvent]]:
    """Return an event for each output of one prompt's answer; the last one has the numbers."""

    def feed(taken: Taken) -> list[GenerationEvent]:
        for index, output in taken:
            answer.tally.add(index, output)
        return [_event(output, answer) for _, output in taken]

    return Batches(outputs, feed)


class _Text:
    """One answer as collected so far."""

    def __init__(self) -> None:
        self.text = ""
        self.token_ids: list[int] = []
        self.steps: list[TracedStep] = []
        self.last: RequestOutput | None = None

    def collect(self, output: RequestOutput, tokenizer: ChatTokenizer) -> None:
        """Take one output."""
        self.text += output.text
        self.token_ids += output.token_ids
        self.steps += traced_steps(output, tokenizer)
        self.last = output


async def _texts(answer: Answer, outputs: ChoiceOutputs, tallies: Sequence[Tally]) -> list[_Text]:
    """Collect all texts, counting each in its own tally and in the answer's."""
    texts = [_Text() for _ in tallies]
    while not outputs.is_finished:
        for index, output in await outputs.take():
            answer.tally.add(index, output)
            if tallies[index] is not answer.tally:
                tallies[index].add(0, output)
            texts[index].collect(output, answer.tokenizer)
    return texts


def _identity(answer: Answer) -> dict[str, Any]:
    return {"id": answer.id, "created": answer.created, "model": answer.model}


def _fields(text: _Text, tally: Tally, answer: Answer) -> dict[str, Any]:
    assert text.last is not None, "a finished text has a last output"
    return {
        "text": text.text,
        "token_ids": text.token_ids,
        **_ending(text.last),
        **_trace(text.steps, answer),
        **_numbers(tally, 1),
    }


def _event(output: RequestOutput, answer: Answer) -> GenerationEvent:
    end = {**_ending(output), **_numbers(answer.tally, 1)} if output.is_finished else {}
    trace = _trace(traced_steps(output, answer.tokenizer), answer)
    return GenerationEvent(
        token=output.text, token_ids=list(output.token_ids), is_final=output.is_finished, **trace, **end
    )


def _trace(steps: list[TracedStep], answer: Answer) -> dict[str, Any]:
    return {"speculation_trace": steps} if answer.params.reports_steps else {}


def _ending(output: RequestOutput) -> dict[str, Any]:
    reason: Literal["stop", "length"] = "length" if output.finish_reason is FinishReason.LENGTH else "stop"
    return {"finish_reason": reason, "stop_reason": output.stop_reason}


def _numbers(tally: Tally, num_choices: int) -> dict[str, Any]:
    usage, report = tally.usage(num_choices), tally.report()
    metrics = GenerateMetrics(
        prompt_tokens=usage.prompt_tokens,
        cached_tokens=usage.prompt_tokens_details.cached_tokens,
        completion_tokens=usage.completion_tokens,
        ttft_s=report.timings.ttft_s,
        total_s=report.timings.total_s,
        tokens_per_s=report.timings.tokens_per_s,
        acceptance_rate=report.speculation.acceptance_rate,
    )
    return {"metrics": metrics, "helix": report}
