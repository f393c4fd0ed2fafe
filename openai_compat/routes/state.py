"""GET /helix/state."""

from __future__ import annotations

import hashlib
import re
from itertools import groupby
from typing import Any

from litestar import Controller, Request, Response, get

from helix import EngineInfo, EngineSnapshot, EngineStats, RequestSnapshot
from openai_compat.auth import is_own
from openai_compat.delivery import json_response
from openai_compat.routes.dependencies import ServiceDependency
from openai_compat.schemas.state import EngineState, RequestState


class StateController(Controller):
    """How the engine's memory and queue stand, for the page; asked as often as somebody looks."""

    @get("/helix/state")
    async def engine_state(self, request: Request[Any, Any, Any], service: ServiceDependency) -> Response[Any]:
        """Return a snapshot that the engine thread takes between two steps, with the requests of the key that asks."""
        engine = service.engine
        snapshot = await engine.snapshot()
        own = [one for one in snapshot.requests if is_own(request, one.cache_salt)]
        return json_response(_state(engine.info, engine.stats(), snapshot, own), {"cache-control": "no-store"})


def _state(
    info: EngineInfo, stats: EngineStats, snapshot: EngineSnapshot, requests: list[RequestSnapshot]
) -> EngineState:
    return EngineState(
        model=info.model,
        draft_model=info.draft_model,
        has_mtp=info.has_mtp,
        device=info.device,
        dtype=info.dtype,
        num_parameters=info.num_parameters,
        max_model_len=info.max_model_len,
        max_num_requests=info.max_num_requests,
        kv_cache_bytes=info.kv_cache_bytes,
        speculation_method=info.speculation_method,
        speculation_depth=info.speculation_depth,
        max_speculation_depth=info.max_speculation_depth,
        num_steps=snapshot.num_steps,
        num_generated_tokens=stats.num_generated_tokens,
        num_preemptions=stats.num_preemptions,
        block_size=snapshot.block_size,
        num_blocks=len(snapshot.block_uses),
        blocks=[(use.value, len(list(run))) for use, run in groupby(snapshot.block_uses)],
        draft_blocks=[
            (is_held, len(list(run)))
            for is_held, run in groupby(block in snapshot.draft_block_ids for block in range(len(snapshot.block_uses)))
        ],
        requests=[_request(request) for request in requests],
    )


def _request(request: RequestSnapshot) -> RequestState:
    return RequestState(
        id=short_id(request.request_id),
        is_running=request.is_running,
        num_prompt_tokens=request.num_prompt_tokens,
        num_cached_tokens=request.num_cached_tokens,
        num_output_tokens=request.num_output_tokens,
        max_tokens=request.max_tokens,
        num_computed_tokens=request.num_computed_tokens,
        num_draft_computed_tokens=request.num_draft_computed_tokens,
        num_preemptions=request.num_preemptions,
        num_scheduled_tokens=request.num_scheduled_tokens,
        num_draft_tokens=request.num_draft_tokens,
        block_table=list(request.block_table),
    )


def short_id(request_id: str) -> str:
    """Return the beginning and the choice of an id of ours, or the beginning of the digest of any other."""
    ours = _OURS.match(request_id)
    return ours[1] + ours[2] if ours else hashlib.sha256(request_id.encode()).hexdigest()[:8]


_OURS = re.compile(r"([a-z]+[-_][0-9a-f]{8})[0-9a-f]{24}(-\d+)")
