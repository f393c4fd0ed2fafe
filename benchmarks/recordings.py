"""Records answers and what the draft model would say at each of their places, and answers again without a model.

A draft depends on the tokens before it and on nothing else, and the accept rules never change the answer. So one pass
through an answer tells what becomes of every draft at every place, whoever chooses how deep it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from benchmarks.arms import HelixArm
from benchmarks.traces import compute_prompts
from benchmarks.workloads import Prompt
from helix import LLMEngine
from helix.request import Request
from helix.spec_decode.chain import ProposerChain
from helix.spec_decode.proposer import Draft, DraftRequest, Drafts, ModelProposer


@dataclass(frozen=True, slots=True)
class Recording:
    """One answer."""

    prompt: Prompt
    max_tokens: int
    token_ids: list[int]
    drafts: Mapping[int, Draft] = field(repr=False)
    """As deep as allowed, by the number of output tokens before it; empty without a draft model."""


class DraftRecorder:
    """A draft model that is listened to and never obeyed."""

    def __init__(self, model: ModelProposer) -> None:
        self.model = model
        self.name = model.name
        self.drafts: dict[int, Draft] = {}

    def num_tokens_behind(self, asked: DraftRequest) -> int:
        """Return what the model does."""
        return self.model.num_tokens_behind(asked)

    def num_passes_through_prefix(self, asked: DraftRequest) -> int:
        """Return what the model does."""
        return self.model.num_passes_through_prefix(asked)

    def propose(self, asked: Sequence[DraftRequest]) -> Drafts:
        """Keep the draft of the one request there is, and return none."""
        for draft in self.model.propose(asked).values():
            self.drafts[asked[0].request.num_output_tokens] = draft
        return {}

    def forget(self, request: Request) -> None:
        """Pass it on."""
        self.model.forget(request)


def record(engine: LLMEngine, prompts: Sequence[Prompt], max_tokens: int) -> list[Recording]:
    """Answer prompts plainly, one after another, and ask the draft model at each place for all it may draft."""
    compute_prompts(engine, prompts)
    model = next((model for model in engine.proposer.models if model.name == "draft"), None)
    arm = HelixArm(engine, "none" if model is None else "draft")
    recordings = []
    for prompt in prompts:
        recorder = None if model is None else DraftRecorder(model)
        with _proposing(engine, recorder):
            trace = arm.answer(prompt, max_tokens)
        drafts = {} if recorder is None else recorder.drafts
        recordings.append(Recording(prompt, max_tokens, trace.token_ids, drafts))
    return recordings


@contextmanager
def _proposing(engine: LLMEngine, recorder: DraftRecorder | None) -> Iterator[None]:
    chain = engine.proposer
    models = [] if recorder is None else [recorder]
    engine.proposer = ProposerChain(models=models, method="draft", is_adaptive=False)
    try:
        yield
    finally:
        engine.proposer = chain
