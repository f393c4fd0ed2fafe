"""Decides each step's tokens under the block and token budgets; applies results.

There is one rule. A request is its tokens and num_computed_tokens; a step computes what it is behind, and drafts on
top when it catches up. Prefill, chunked prefill, prefix hits, decoding and verification are that rule with different
numbers.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from helix.config import SchedulerConfig
from helix.errors import DeadlineExceededError, EngineBusyError, HelixError, InvalidRequestError, QueueTimeoutError
from helix.kv_cache.block_manager import BlockManager
from helix.outputs import FinishReason
from helix.request import Request, RequestStatus
from helix.waiting_queue import WaitingQueue


@dataclass(slots=True)
class ScheduledRequest:
    """One request's share of a step: tokens [num_computed_tokens, num_computed_tokens + num_tokens), then drafts."""

    request: Request
    num_tokens: int
    """Committed tokens to compute; at least one."""
    max_draft_tokens: int = 0
    """Slots reserved for drafts behind them."""
    max_predicted_tokens: int = 0
    """The same for drafts from the request's prediction; the slots are shared."""
    is_resting: bool = False
    """Whether it could have had slots for drafts, and was asked for none."""
    num_draft_tokens: int = 0
    """Drafts that the step verified, noted when it is done."""

    @property
    def catches_up(self) -> bool:
        """Whether the last committed token is computed, so that the step brings new ones."""
        return self.request.num_computed_tokens + self.num_tokens == self.request.num_tokens


@dataclass(slots=True)
class SchedulerOutput:
    """What one step computes."""

    scheduled: list[ScheduledRequest] = field(default_factory=list)
    block_copies: list[tuple[int, int]] = field(default_factory=list)
    """(source, destination) blocks to copy in every pool before the step: on write, and to and from host memory."""

    @property
    def num_prompt_logits(self) -> int:
        """Rows of logits at most that are kept for prompts."""
        return sum(item.num_tokens for item in self.scheduled if item.request.needs_prompt_logits)

    def __len__(self) -> int:
        return len(self.scheduled)


class Scheduler:
    """Waiting and running requests; first come, first served within a tenant, tenants in turn.

    Running requests keep their order of arrival. When blocks run out, the last one is preempted: its blocks are
    freed and it waits at the front of the queue to be computed again (often from the prefix cache).
    """

    def __init__(
        self, config: SchedulerConfig, block_manager: BlockManager, *, max_num_prompt_logits: int | None = None
    ) -> None:
        self.config = config
        self.block_manager = block_manager
        self.max_num_prompt_logits = max_num_prompt_logits or config.max_num_batched_tokens
        """Most tokens per step of requests that want the logits of their prompts, which take memory."""
        self.waiting = WaitingQueue()
        self.running: list[Request] = []
        self.num_preemptions = 0
        self._next_expiry_s = math.inf

    @property
    def has_requests(self) -> bool:
        """Whether a step would have anything to do, now or later."""
        return bool(self.waiting or self.running)

    def add(self, request: Request) -> None:
        """Queue a request.

        Raises:
            EngineBusyError: The queue is full.
            InvalidRequestError: It would not fit even if it ran alone.
        """
        num_unfinished = len(self.running) + len(self.waiting)
        if num_unfinished >= self.config.max_num_requests:
            raise EngineBusyError(f"{num_unfinished} requests are running or waiting; try again later")
        capacity = self.block_manager.num_blocks * self.block_manager.block_size
        if request.num_prompt_tokens + request.max_tokens > capacity:
            raise InvalidRequestError(
                f"prompt and completion need {request.num_prompt_tokens + request.max_tokens} tokens of KV cache, "
                f"and there are {capacity}",
                param="max_tokens",
            )
        if not num_unfinished:
            self.waiting.forget_tenants()
        self.waiting.append(request)
        self._next_expiry_s = min(self._next_expiry_s, request.expires_s)

    def expire(self, now_s: float) -> list[tuple[Request, HelixError]]:
        """End the requests whose time is over by now_s and return them, each with the reason."""
        if now_s < self._next_expiry_s:
            return []
        unfinished = [*self.running, *self.waiting]
        expired = [request for request in unfinished if request.expires_s <= now_s]
        self._next_expiry_s = min(
            (request.expires_s for request in unfinished if request.expires_s > now_s), default=math.inf
        )
        for request in expired:
            self.abort(request)
        return [(request, _too_late(request, now_s)) for request in expired]

    def schedule(
        self,
        *,
        only: Collection[Request] = (),
        max_num_tokens: int | None = None,
        rests: Callable[[Request], bool] = lambda _: False,
    ) -> SchedulerOutput:
        """Choose the tokens of the next step and reserve their slots; running requests first, then waiting ones.

        Args:
            only: Requests that may take part; empty: all of them.
            max_num_tokens: Most tokens of the step, where max_num_batched_tokens are too many.
            rests: Whether a request, which might draft, is not going to in this step.
        """
        output = SchedulerOutput()
        num_preemptions = self.num_preemptions
        budget = self.config.max_num_batched_tokens
        if max_num_tokens is not None:
            budget = min(budget, max_num_tokens)
        budget = self._schedule_running(output, budget, only)
        if self.num_preemptions == num_preemptions:  # else the victim would come straight back
            budget = self._schedule_waiting(output, budget, only)
        self._reserve_drafts(output, budget, rests)
        output.block_copies = self.block_manager.take_copies()
        now = time.monotonic()
        for item in output.scheduled:
            if item.request.metrics.scheduled_s is None:
                item.request.metrics.scheduled_s = now
        return output

    def update(self, item: ScheduledRequest, num_accepted_tokens: int) -> None:
        """Apply one request's step after its new tokens were committed.

        KV is valid for what was computed and for accepted drafts that were committed; whatever lies beyond is
        rolled back by this arithmetic alone and its slots are overwritten. Then full blocks become findable.
        """
        request, manager = item.request, self.block_manager
        block_table, num_tokens = request.block_table, request.num_tokens
        if request.num_output_tokens:
            self.waiting.charge(request, num_accepted_tokens + 1)
        num_computed = min(request.num_computed_tokens + item.num_tokens + num_accepted_tokens, num_tokens)
        request.num_computed_tokens = num_computed
        manager.truncate(block_table, num_tokens)
        if request.num_draft_computed_tokens:
            request.num_draft_computed_tokens = min(request.num_draft_computed_tokens, num_computed)
            manager.mark_draft_computed(block_table, request.num_draft_computed_tokens, "draft")
        if request.num_mtp_computed_tokens:
            request.num_mtp_computed_tokens = min(request.num_mtp_computed_tokens, num_computed)
            manager.mark_draft_computed(block_table, request.num_mtp_computed_tokens, "mtp")
        manager.commit(block_table, request.token_ids, num_computed, salt=request.cache_salt)
        if request.is_finished:
            self.running.remove(request)
            manager.free(block_table)

    def abort(self, request: Request) -> None:
        """End a request wherever it stands, in the middle of an update too, and free its blocks."""
        if request in self.running:
            self.running.remove(request)
        elif request.status is RequestStatus.WAITING:
            self.waiting.remove(request)
        request.finish(FinishReason.ABORT)
        self.block_manager.free(request.block_table)

    def preempt(self, request: Request) -> None:
        """Free a running request's blocks and queue it first; its tokens stay, its KV is computed again."""
        self.running.remove(request)
        self.block_manager.free(request.block_table)
        request.num_computed_tokens = 0
        request.num_draft_computed_tokens = request.num_mtp_computed_tokens = 0
        request.status = RequestStatus.WAITING
        request.metrics.num_preemptions += 1
        self.num_preemptions += 1
        self.waiting.appendleft(request)

    def _schedule_running(self, output: SchedulerOutput, budget: int, only: Collection[Request]) -> int:
        """Schedule what running requests are behind, those in decoding first, and return the budget left."""
        config = self.config
        by_need = sorted(self.running, key=lambda request: request.num_tokens - request.num_computed_tokens > 1)
        for request in by_need:
            if request.status is not RequestStatus.RUNNING:  # preempted for a request before it
                continue
            if only and request not in only:
                continue
            num_tokens = min(request.num_tokens - request.num_computed_tokens, budget)
            if num_tokens > 1 and output.scheduled:
                num_tokens = min(num_tokens, config.max_num_prefill_tokens_beside_decode)
            if request.needs_prompt_logits:
                num_tokens = min(num_tokens, self.max_num_prompt_logits - output.num_prompt_logits)
            if num_tokens < 1:
                continue
            while not self.block_manager.allocate(request.block_table, request.num_computed_tokens + num_tokens):
                victim = self.running[-1]
                budget += self._unschedule(output, victim)
                self.preempt(victim)
                if victim is request:
                    break
            else:
                output.scheduled.append(ScheduledRequest(request, num_tokens))
                budget -= num_tokens
        return budget

    def _schedule_waiting(self, output: SchedulerOutput, budget: int, only: Collection[Request]) -> int:
        """Admit waiting requests in turn while seats, tokens and blocks for the whole of each suffice.

        One whose beginning a running request is computing keeps its seat and waits, so that it is computed once.
        """
        manager = self.block_manager
        num_postponed = 0
        for request in self.waiting.candidates():
            if len(self.running) + num_postponed >= self.config.max_num_seqs or budget < 1:
                break
            if only and request not in only:
                continue
            if self._is_under_way(request):
                num_postponed += 1
                continue
            limit = budget
            if output.scheduled:
                limit = min(limit, self.config.max_num_prefill_tokens_beside_decode)
            num_cached = 0
            if request.needs_prompt_logits:
                limit = min(limit, self.max_num_prompt_logits - output.num_prompt_logits)
                if limit < 1:
                    break
            if not request.needs_whole_prompt:
                num_cached = manager.acquire_prefix(request.block_table, request.token_ids, salt=request.cache_salt)
            is_writable = True
            if num_cached >= request.num_tokens:
                # All of it is cached, yet its last token must be computed for the logits: into a copy of that block.
                num_cached = request.num_tokens - 1
                is_writable = manager.make_writable(request.block_table, num_cached, request.num_tokens)
            num_tokens = min(request.num_tokens + 1, request.num_prompt_tokens + request.max_tokens)
            num_needed = manager.num_blocks_for(num_tokens) - len(request.block_table)
            if not is_writable or num_needed > manager.num_free_blocks:
                manager.free(request.block_table)
                break
            num_tokens = min(request.num_tokens - num_cached, limit)
            allocated = manager.allocate(request.block_table, num_cached + num_tokens)
            assert allocated, "num_free_blocks promised these blocks"
            self.waiting.remove(request)
            self.running.append(request)
            request.status = RequestStatus.RUNNING
            request.num_computed_tokens = num_cached
            request.num_draft_computed_tokens = manager.num_draft_computed(request.block_table, num_cached, "draft")
            request.num_mtp_computed_tokens = manager.num_draft_computed(request.block_table, num_cached, "mtp")
            if request.metrics.scheduled_s is None:
                request.metrics.num_cached_tokens = num_cached
                self.waiting.charge(request, request.num_prompt_tokens - num_cached)
            output.scheduled.append(ScheduledRequest(request, num_tokens))
            budget -= num_tokens
        return budget

    def _is_under_way(self, request: Request) -> bool:
        """Whether a running request computes a block of this one's beginning now, which can be shared afterwards."""
        manager = self.block_manager
        if not manager.enable_prefix_caching or request.needs_whole_prompt:
            return False
        for other in self.running:
            is_behind = other.num_tokens - other.num_computed_tokens > 1
            if is_behind and other.cache_salt == request.cache_salt:
                end = (other.num_computed_tokens // manager.block_size + 1) * manager.block_size
                fits = end <= min(request.num_tokens, other.num_tokens)
                if fits and request.token_ids[:end] == other.token_ids[:end]:
                    return True
        return False

    def _reserve_drafts(self, output: SchedulerOutput, budget: int, rests: Callable[[Request], bool]) -> None:
        """Reserve slots for drafts with what is left; a request that has no room decodes plainly this step."""
        for item in output.scheduled:
            request = item.request
            # The first token comes as fast as without speculation; only a prediction knows how an answer begins.
            depth = request.speculation_depth if request.num_output_tokens else 0
            if not (depth or request.prediction_depth) or not item.catches_up:
                continue
            if rests(request):
                item.is_resting = True
                continue
            num_left = request.max_tokens - request.num_output_tokens - 1
            num_draft_tokens = max(0, min(max(depth, request.prediction_depth), num_left, budget))
            while num_draft_tokens and not self.block_manager.allocate(
                request.block_table, request.num_tokens + num_draft_tokens
            ):
                num_draft_tokens -= 1
            item.max_draft_tokens = min(depth, num_draft_tokens)
            item.max_predicted_tokens = min(request.prediction_depth, num_draft_tokens)
            budget -= num_draft_tokens

    def _unschedule(self, output: SchedulerOutput, request: Request) -> int:
        """Take a request out of the step and return the tokens this frees."""
        for item in output.scheduled:
            if item.request is request:
                output.scheduled.remove(item)
                return item.num_tokens
        return 0


def _too_late(request: Request, now_s: float) -> HelixError:
    """Say which of a request's limits ended it."""
    waited_s = now_s - request.metrics.arrival_s
    if request.deadline_s is not None and request.deadline_s <= now_s:
        return DeadlineExceededError("the request was not done within the time it was given")
    return QueueTimeoutError(f"the request waited {waited_s:.0f} s for its turn; try again later")
