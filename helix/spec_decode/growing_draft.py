"""A draft while a model makes it, token after token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from helix.sampling.sampler import Sampler
from helix.spec_decode.proposer import Draft, DraftRequest


@dataclass(slots=True)
class GrowingDraft:
    """What was drafted for one request so far."""

    asked: DraftRequest
    is_coupled: bool
    token_ids: list[int] = field(default_factory=list)
    probs: list[Tensor] = field(default_factory=list)
    confidence: list[float] = field(default_factory=list)

    @property
    def goes_on(self) -> bool:
        """Whether one more token may and should be drafted."""
        if len(self.token_ids) >= self.asked.max_draft_tokens:
            return False
        if self.asked.request.ends_behind(self.asked.prefix + self.token_ids):
            return False
        return self.asked.goes_on is None or self.asked.goes_on(self.confidence)

    def draft(self, proposer: str) -> Draft:
        """Return what was drafted; at least one token."""
        probs = None if self.is_coupled else torch.stack(self.probs)
        return Draft(self.token_ids, proposer, probs, confidence=self.confidence)


def draw_next(
    sampler: Sampler,
    logits: Tensor,  # [len(drafts), >= vocab_size]
    drafts: Sequence[GrowingDraft],
) -> None:
    """Add one token to each draft, with what it was drawn from where the rejection rule will ask."""
    drawn = sampler.draw(
        logits,
        [one.asked.request for one in drafts],
        [one.asked.prefix + one.token_ids for one in drafts],
        coupled=[one.is_coupled for one in drafts],
    )
    for row, one in enumerate(drafts):
        one.token_ids.append(drawn.token_ids[row])
        one.confidence.append(drawn.confidence[row])
        if not one.is_coupled:
            assert drawn.probs is not None, "a draft that is not coupled comes with its distribution"
            one.probs.append(drawn.probs[row])
