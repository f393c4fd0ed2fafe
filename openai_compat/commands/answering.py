"""One answer at a time from an engine in this process, as it is written, until it ends or Ctrl-C stops it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from helix import RequestMetrics, RequestOutput, SamplingParams

if TYPE_CHECKING:
    from helix import LLMEngine


def answer(
    engine: LLMEngine, prompt_token_ids: Sequence[int], params: SamplingParams, show: Callable[[RequestOutput], None]
) -> RequestMetrics:
    """Hand every output to show, the last one included, and return what the request came to.

    Ctrl-C ends the answer between two steps, so that the engine can take the next one.

    Raises:
        InvalidRequestError: The engine refuses the request.
    """
    request = engine.make_request(prompt_token_ids, params)
    with _interrupts() as is_interrupted:
        engine.add_request(request)
        while engine.has_requests:
            for output in engine.step():
                show(output)
            if is_interrupted() and not request.is_finished and (last := engine.abort(request.request_id)):
                show(last)
    return request.metrics


def summary(metrics: RequestMetrics) -> str:
    """Say in a line how fast an answer was and what speculation did for it."""
    spec = metrics.spec
    parts = [f"{metrics.num_generated_tokens} tokens"]
    if metrics.tokens_per_s is not None:
        parts.append(f"{metrics.tokens_per_s:.0f} tokens/s")
    if metrics.ttft_s is not None:
        parts.append(f"first after {metrics.ttft_s:.2f} s")
    if spec.mean_accepted_length is not None and spec.num_draft_tokens:
        parts.append(f"{spec.mean_accepted_length:.1f} tokens a pass")
    if spec.acceptance_rate is not None:
        by_proposer = ", ".join(
            f"{name} {one.num_accepted_tokens}/{one.num_draft_tokens}" for name, one in spec.by_proposer.items()
        )
        parts.append(f"{spec.acceptance_rate:.0%} of guesses accepted ({by_proposer})")
    if spec.estimated_speed_up is not None:
        parts.append(f"about {spec.estimated_speed_up:.1f}x plain decoding")
    return ", ".join(parts)


@contextmanager
def _interrupts() -> Iterator[Callable[[], bool]]:
    """Note Ctrl-C instead of raising wherever the engine happens to be."""
    was_pressed = False

    def note(*_: object) -> None:
        nonlocal was_pressed
        was_pressed = True

    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: was_pressed
    finally:
        signal.signal(signal.SIGINT, before)
