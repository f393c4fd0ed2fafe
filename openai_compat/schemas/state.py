"""GET /helix/state."""

from __future__ import annotations

from msgspec import Struct


class RequestState(Struct, kw_only=True):
    """One unfinished request: counts and block numbers, never its text."""

    id: str
    """The beginning of its answer's id, and its choice: enough to find one's own again, too little to guess another."""
    is_running: bool
    """False: it waits."""
    num_prompt_tokens: int
    num_cached_tokens: int
    """Of the prompt, found in the prefix cache."""
    num_output_tokens: int
    max_tokens: int
    num_computed_tokens: int
    """Tokens whose keys and values are in its blocks."""
    num_draft_computed_tokens: int
    """The same for the draft model or the heads, whichever came further."""
    num_preemptions: int
    num_scheduled_tokens: int
    """What the last step computed of it."""
    num_draft_tokens: int
    """Guesses that the last step checked behind them."""
    block_table: list[int]


class EngineState(Struct, kw_only=True):
    """What the engine runs, and how its memory and its queue stand between two steps."""

    model: str
    draft_model: str | None
    has_mtp: bool
    device: str
    dtype: str
    num_parameters: int
    max_model_len: int
    max_num_requests: int
    kv_cache_bytes: int
    speculation_method: str
    speculation_depth: int
    max_speculation_depth: int
    num_steps: int
    num_generated_tokens: int
    num_preemptions: int
    block_size: int
    num_blocks: int
    blocks: list[tuple[str, int]]
    """Runs of blocks of one use (free, cached, private or shared), in the order of their ids: use and length."""
    draft_blocks: list[tuple[bool, int]]
    """The same blocks in runs by whether the pool of the draft model or of the heads holds tokens in them."""
    requests: list[RequestState]
    """Those of the key that asks: running ones in their order of arrival, then waiting ones."""
