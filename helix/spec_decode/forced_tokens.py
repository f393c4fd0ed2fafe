"""Proposes what a request's grammar leaves no alternative to."""

from __future__ import annotations

from collections.abc import Sequence

from helix.request import Request
from helix.spec_decode.proposer import Draft, DraftRequest, Drafts


class ForcedTokensProposer:
    """Drafts tokens that are certain to be accepted, up to where the grammar leaves a choice again."""

    name = "grammar"

    def propose(self, asked: Sequence[DraftRequest]) -> Drafts:
        """Return a draft for every request whose grammar forces the token behind prefix."""
        drafts: dict[str, Draft] = {}
        for item in asked:
            if item.request.grammar is None:
                continue
            token_ids = item.request.grammar.forced_tokens(item.max_draft_tokens, item.prefix)
            if token_ids:
                drafts[item.request_id] = Draft(token_ids, self.name, confidence=[1.0] * len(token_ids))
        return drafts

    def forget(self, request: Request) -> None:
        """Nothing is kept outside the request."""
