"""What is told of a step to a request that asked for it."""

from __future__ import annotations

from collections.abc import Sequence

from helix.outputs import DecodeStep, StepDraft
from helix.request import Request
from helix.spec_decode.proposer import Draft


def decode_step(
    request: Request, draft: Draft | None, num_accepted_tokens: int, token_ids: Sequence[int], now_s: float
) -> DecodeStep:
    """Return the report of a step that has just committed token_ids.

    What another request's answer lent to a draft is not told unless it was accepted and so is this one's answer too.
    """
    num_left = num_accepted_tokens = min(num_accepted_tokens, len(token_ids))
    drafts = []
    for part in draft.parts if draft is not None else ():
        num_accepted = min(num_left, len(part.token_ids))
        num_left -= num_accepted
        shown: list[int | None] = list(part.token_ids)
        if part.proposer == _COPIES_FROM_OTHERS and not _contains(request.token_ids, part.token_ids):
            shown[num_accepted:] = [None] * (len(shown) - num_accepted)
        drafts.append(StepDraft(part.proposer, tuple(shown)))
    return DecodeStep(tuple(drafts), num_accepted_tokens, tuple(token_ids), now_s - request.metrics.arrival_s)


def _contains(text: Sequence[int], part: Sequence[int]) -> bool:
    """Return whether part stands somewhere in text, in one piece."""
    wanted = list(part)
    return any(
        token_id == wanted[0] and list(text[start : start + len(wanted)]) == wanted
        for start, token_id in enumerate(text)
    )


_COPIES_FROM_OTHERS = "suffix"
"""Name of the proposer that copies from a pool of answers."""
