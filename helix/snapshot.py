"""How an engine's memory and requests stand at one moment: numbers and ids, nobody's tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from helix.kv_cache.block_manager import BlockUse
from helix.request import Request, RequestStatus
from helix.scheduler import ScheduledRequest, Scheduler


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestSnapshot:
    """One unfinished request."""

    request_id: str
    cache_salt: str | None = None
    """Whose it is: that of the requests which share its memory."""
    is_running: bool
    """False: it waits to be admitted, at first or again."""
    num_prompt_tokens: int
    num_cached_tokens: int
    """Of the prompt, found in the prefix cache."""
    num_output_tokens: int
    max_tokens: int
    num_computed_tokens: int
    """Tokens whose KV is valid."""
    num_draft_computed_tokens: int
    """The same in the pool of the draft model or of the heads, whichever came further."""
    num_preemptions: int
    block_table: tuple[int, ...]
    num_scheduled_tokens: int = 0
    """What the last step computed of it; 0: it was not in that step."""
    num_draft_tokens: int = 0
    """Drafts that the last step verified behind them."""

    @classmethod
    def of(cls, request: Request, item: ScheduledRequest | None) -> RequestSnapshot:
        """Return how a request stands; item is its share of the last step, if it had one."""
        return cls(
            request_id=request.request_id,
            cache_salt=request.cache_salt,
            is_running=request.status is RequestStatus.RUNNING,
            num_prompt_tokens=request.num_prompt_tokens,
            num_cached_tokens=request.metrics.num_cached_tokens,
            num_output_tokens=request.num_output_tokens,
            max_tokens=request.max_tokens,
            num_computed_tokens=request.num_computed_tokens,
            num_draft_computed_tokens=max(request.num_draft_computed_tokens, request.num_mtp_computed_tokens),
            num_preemptions=request.metrics.num_preemptions,
            block_table=tuple(request.block_table),
            num_scheduled_tokens=0 if item is None else item.num_tokens,
            num_draft_tokens=0 if item is None else item.num_draft_tokens,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSnapshot:
    """The block pool and every unfinished request."""

    num_steps: int
    """Steps since the start."""
    block_size: int
    block_uses: tuple[BlockUse, ...]
    """Of every block, in the order of their ids."""
    draft_block_ids: frozenset[int]
    """Of those, the blocks in which the pool of the draft model or that of the heads holds tokens as well: all pools
    have the same block tables."""
    requests: tuple[RequestSnapshot, ...]
    """Running ones in their order of arrival, then waiting ones."""

    @classmethod
    def of(cls, scheduler: Scheduler, scheduled: Sequence[ScheduledRequest], *, num_steps: int) -> EngineSnapshot:
        """Return how the requests of a scheduler and their blocks stand; scheduled is the last step."""
        manager, requests = scheduler.block_manager, (*scheduler.running, *scheduler.waiting)
        draft_block_ids = manager.draft_computed_blocks()
        for request in requests:  # a block that is not full yet is nobody else's
            num_tokens = max(request.num_draft_computed_tokens, request.num_mtp_computed_tokens)
            draft_block_ids.update(request.block_table[: manager.num_blocks_for(num_tokens)])
        items = {item.request.request_id: item for item in scheduled}
        return cls(
            num_steps=num_steps,
            block_size=manager.block_size,
            block_uses=tuple(manager.uses()),
            draft_block_ids=frozenset(draft_block_ids),
            requests=tuple(RequestSnapshot.of(request, items.get(request.request_id)) for request in requests),
        )
