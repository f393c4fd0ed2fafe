"""Who starts next: first come, first served among the requests of one tenant, and the least served tenant first.

Source: the virtual token counter of Sheng et al., arXiv 2401.00588. Each tenant has a counter of the tokens that were
computed for it; one that comes back after a pause starts at the lowest counter of those who are there, so that nobody
saves up service by staying away.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator

from helix.request import Request

Tenant = str | None


class WaitingQueue:
    """Requests without a seat. Those that had one and lost it come first, whoever they belong to."""

    def __init__(self) -> None:
        self._preempted: deque[Request] = deque()
        self._by_tenant: dict[Tenant, deque[Request]] = {}
        self._num_served_tokens: dict[Tenant, int] = {}
        self._num_waiting = 0

    def __len__(self) -> int:
        return self._num_waiting

    def __iter__(self) -> Iterator[Request]:
        return self.candidates()

    def append(self, request: Request) -> None:
        """Queue a new request."""
        queue = self._by_tenant.setdefault(request.tenant, deque())
        if not queue:
            present = [self._num_served_tokens.get(tenant, 0) for tenant, one in self._by_tenant.items() if one]
            own = self._num_served_tokens.get(request.tenant, 0)
            self._num_served_tokens[request.tenant] = max(own, min(present, default=0))
        queue.append(request)
        self._num_waiting += 1

    def appendleft(self, request: Request) -> None:
        """Queue a request that was preempted."""
        self._preempted.appendleft(request)
        self._num_waiting += 1

    def remove(self, request: Request) -> None:
        """Take a request out; it starts, or has ended.

        Raises:
            ValueError: It does not wait.
        """
        if request in self._preempted:
            self._preempted.remove(request)
        else:
            queue = self._by_tenant.get(request.tenant)
            if queue is None:
                raise ValueError(f"{request} does not wait")
            queue.remove(request)
            if not queue:
                del self._by_tenant[request.tenant]
        self._num_waiting -= 1

    def charge(self, request: Request, num_tokens: int) -> None:
        """Count tokens that are computed for a request."""
        self._num_served_tokens[request.tenant] = self._num_served_tokens.get(request.tenant, 0) + num_tokens

    def forget_tenants(self) -> None:
        """Begin to count anew; for when nobody waits and nothing runs."""
        self._num_served_tokens.clear()

    def candidates(self) -> Iterator[Request]:
        """Yield waiting requests in the order in which they should start.

        One that was yielded may be removed, and its tenant charged, before the next is asked for.
        """
        num_passed = 0
        while num_passed < len(self._preempted):
            request = self._preempted[num_passed]
            yield request
            num_passed += num_passed < len(self._preempted) and self._preempted[num_passed] is request
        passed: Counter[Tenant] = Counter()
        while left := [tenant for tenant, queue in self._by_tenant.items() if passed[tenant] < len(queue)]:
            tenant = min(left, key=lambda tenant: self._priority(tenant, passed[tenant]))
            queue = self._by_tenant[tenant]
            request = queue[passed[tenant]]
            yield request
            passed[tenant] += passed[tenant] < len(queue) and queue[passed[tenant]] is request

    def _priority(self, tenant: Tenant, place: int) -> tuple[int, float]:
        """Least served first; among equals, whose turn came first."""
        return self._num_served_tokens.get(tenant, 0), self._by_tenant[tenant][place].metrics.arrival_s
