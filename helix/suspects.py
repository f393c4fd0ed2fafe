"""Finds the request that makes steps fail, by halving, and knows it when it comes again."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence

from helix.request import Request
from helix.sampling_params import SamplingParams

_MAX_REMEMBERED = 256
MAX_BLAMED_IN_A_ROW = 3
"""So many requests at fault without one good step among them: it is not the requests."""


class Suspects:
    """The requests of steps that failed.

    A failed step can be tried again, because nothing counts as computed before it is over. It is tried with half of
    its requests, then with half of those that are left, and whoever fails alone, the second time at least, is at fault.
    """

    def __init__(self) -> None:
        self._suspects: list[Request] = []
        self._failed_before: set[str] = set()
        self._blamed: OrderedDict[bytes, None] = OrderedDict()
        self._blamed_in_a_row: list[bytes] = []

    @property
    def trial(self) -> list[Request]:
        """Requests that make up the next step; empty: nobody is suspected, and all may take part."""
        self._suspects = [request for request in self._suspects if not request.is_finished]
        return self._suspects[: -(-len(self._suspects) // 2)]

    @property
    def is_systemic(self) -> bool:
        """Whether everybody fails."""
        return len(self._blamed_in_a_row) >= MAX_BLAMED_IN_A_ROW

    def failed(self, batch: Sequence[Request]) -> Request | None:
        """Note a step that failed; returns the request that is at fault once that is clear, and remembers it."""
        if len(batch) == 1 and batch[0].request_id in self._failed_before:
            self.clear()
            self._blame(batch[0])
            return batch[0]
        self._suspects = list(batch)
        self._failed_before.update(request.request_id for request in batch)
        return None

    def passed(self, batch: Sequence[Request]) -> None:
        """Note a step that went well: nobody in it is at fault."""
        self._blamed_in_a_row.clear()
        if self._suspects:
            good = {request.request_id for request in batch}
            self._suspects = [request for request in self._suspects if request.request_id not in good]
        if not self._suspects:
            self._failed_before.clear()

    def clear(self) -> None:
        """Suspect nobody; who was at fault stays known."""
        self._suspects.clear()
        self._failed_before.clear()

    def acquit(self) -> None:
        """Forget those who were blamed since the last good step: it was not they."""
        for fingerprint in self._blamed_in_a_row:
            self._blamed.pop(fingerprint, None)
        self._blamed_in_a_row.clear()
        self.clear()

    def is_blamed(self, prompt_token_ids: Sequence[int], params: SamplingParams) -> bool:
        """Return whether an equal request was at fault before."""
        return bool(self._blamed) and _fingerprint(prompt_token_ids, params) in self._blamed

    def _blame(self, request: Request) -> None:
        fingerprint = _fingerprint(request.prompt_token_ids, request.params)
        self._blamed[fingerprint] = None
        self._blamed_in_a_row.append(fingerprint)
        if len(self._blamed) > _MAX_REMEMBERED:
            self._blamed.popitem(last=False)


def _fingerprint(prompt_token_ids: Sequence[int], params: SamplingParams) -> bytes:
    return hashlib.sha256(repr((list(prompt_token_ids), params)).encode()).digest()
