"""How much time drafts may lose: what is spent in vain comes out of a budget, and what is gained goes into it.

Where every step drafts only what the budget can bear if all of it is refused, n tokens take no longer than plain
decoding of n tokens, but for SHARE of it or the advance, whatever is drafted and whatever becomes of it.
"""

from __future__ import annotations

from collections.abc import Sequence


class RegretBudget:
    """Seconds that one text, or all of them together, may lose against plain decoding.

    At first an advance, to find out; with time SHARE of the plain time, whichever is more; and what drafts have gained,
    up to a limit, so that a long good time does not pay for a long bad one.
    """

    def __init__(self, *, advance: float, most_kept: float) -> None:  # both in passes
        self.advance = advance
        self.most_kept = most_kept
        self._plain_s = 0.0
        self._gained_s = 0.0

    def left_s(self, pass_s: float) -> float:
        """Return what may be lost now, if a pass takes pass_s; may be negative."""
        return max(self.advance * pass_s, SHARE * self._plain_s) + self._gained_s

    def observe(self, *, gained_s: float, plain_s: float, pass_s: float, invested_s: float = 0.0) -> None:
        """Count a step.

        Args:
            gained_s: How much less time it took than plain decoding; negative if it took more.
            plain_s: Time of plain decoding for as many tokens.
            pass_s: What a pass takes now.
            invested_s: Part of the time spent that later drafts have the use of; it takes what is left and no more.
        """
        self._plain_s += plain_s
        self._gained_s = min(self._gained_s + gained_s, self.most_kept * pass_s)
        if (left_s := self.left_s(pass_s)) < 0:
            self._gained_s += min(-left_s, invested_s)


class Budgets:
    """The budget of all requests together, and of each of them."""

    def __init__(self) -> None:
        self._of_all = RegretBudget(advance=ADVANCE_OF_ALL, most_kept=MOST_KEPT_OF_ALL)
        self._own: dict[str, RegretBudget] = {}
        self._invested_s: dict[str, float] = {}
        self._pass_s = self._token_s = self._lost_per_token_s = 0.0

    def limit_s(self, pass_s: float) -> float:
        """Return how much longer a step may take than its plain pass of pass_s."""
        return self._of_all.left_s(pass_s)

    def limits_s(self, request_ids: Sequence[str], pass_s: float) -> list[float]:
        """Return the same for what each request adds to it: a part of what is left, so that a mistake is not the last.

        Requests in one step make the same mistakes together; of their advances they have two at most.
        """
        share = min(1.0, 2 / len(request_ids))
        return [RISK * self._budget_of(request_id).left_s(share * pass_s) for request_id in request_ids]

    def invest(self, request_id: str, seconds: float) -> None:
        """Note what a request's draft took this time and will not take again."""
        self._invested_s[request_id] = seconds

    def observe_step(
        self, spent_s: float, pass_s: float, *, num_requests: int, num_tokens: int, num_drafted: int
    ) -> None:
        """Count a step that took spent_s, brought num_requests num_tokens, and without drafts would take pass_s."""
        self._pass_s, self._token_s = pass_s, pass_s / num_requests
        self._lost_per_token_s = (spent_s - pass_s) / num_drafted if num_drafted else 0.0
        plain_s = self._token_s * num_tokens
        gained_s = plain_s - spent_s if num_drafted else 0.0  # else it is the machine that was slow
        invested_s = sum(self._invested_s.values())
        self._of_all.observe(gained_s=gained_s, plain_s=plain_s, pass_s=pass_s, invested_s=invested_s)

    def observe(self, request_id: str, *, num_drafted: int, num_accepted: int) -> None:
        """Count a request's part in the step."""
        self._budget_of(request_id).observe(
            gained_s=num_accepted * self._token_s - num_drafted * self._lost_per_token_s,
            plain_s=(num_accepted + 1) * self._token_s,
            pass_s=self._pass_s,
            invested_s=self._invested_s.pop(request_id, 0.0),
        )

    def forget(self, request_id: str) -> None:
        """Drop what is kept for a request that ended."""
        self._own.pop(request_id, None)
        self._invested_s.pop(request_id, None)

    def _budget_of(self, request_id: str) -> RegretBudget:
        return self._own.setdefault(request_id, RegretBudget(advance=ADVANCE, most_kept=MOST_KEPT))


SHARE = 0.02
"""What may be lost of plain time in the long run."""
ADVANCE, ADVANCE_OF_ALL = 1.0, 16.0
"""What may be lost before anything is gained, by a request and by all together, in passes."""
MOST_KEPT, MOST_KEPT_OF_ALL = 16.0, 32.0
"""Most that counts of what was gained, in passes."""
RISK = 0.5
"""Part of what is left that a request may lose at once."""
