"""Counters of an engine, as plain numbers."""

from __future__ import annotations

from dataclasses import dataclass, field

from helix.outputs import SpecDecodeStats


@dataclass(slots=True)
class EngineStats:
    """What an engine does now and has done since it started."""

    num_running: int = 0
    num_waiting: int = 0
    num_blocks: int = 0
    num_free_blocks: int = 0
    """Blocks that could be handed out now, cached ones that nobody uses included."""
    num_cached_blocks: int = 0
    num_steps: int = 0
    num_prompt_tokens: int = 0
    num_cached_tokens: int = 0
    """Prompt tokens found in the prefix cache."""
    num_generated_tokens: int = 0
    num_finished: int = 0
    num_preemptions: int = 0
    spec: SpecDecodeStats = field(default_factory=SpecDecodeStats)
