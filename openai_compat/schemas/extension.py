"""What Helix adds to OpenAI's API: speculation as a request parameter, and the `helix` object of every answer."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class SpeculationOptions(Struct, kw_only=True):
    """The request's `speculation`. It changes how fast tokens come, never which."""

    depth: int | None = None
    """Draft tokens per step; 0 is off."""
    method: Literal["auto", "draft", "ngram", "none"] | None = None
    enabled: bool | None = None


class ProposerReport(Struct, kw_only=True):
    """Draft tokens of one proposer."""

    drafted: int
    accepted: int


class Timings(Struct, kw_only=True):
    """How long the answer took, in seconds; with several choices, from the first to the last of them."""

    queue_s: float | None
    """Waiting before the first step."""
    ttft_s: float | None
    """From arrival to the first token."""
    total_s: float
    """From arrival to the last token."""
    tokens_per_s: float | None
    """Tokens after the first one per second of decoding; null for fewer than two tokens."""
    inter_token_p50_s: float | None
    inter_token_p99_s: float | None
    """Median and 99th percentile of the time between two tokens of a choice."""


class HelixReport(Struct, kw_only=True):
    """What speculation did for one answer, summed over its choices, and how long the answer took."""

    method: str
    depth: int
    drafted: int
    accepted: int
    acceptance_rate: float | None
    """Accepted over drafted; null when nothing was drafted."""
    mean_accepted_length: float | None
    """Tokens per pass of the target model; 1 is plain decoding."""
    by_proposer: dict[str, ProposerReport]
    drafted_per_position: list[int]
    accepted_per_position: list[int]
    """Entry i counts drafts at position i that were accepted, out of drafted_per_position[i]."""
    timings: Timings
