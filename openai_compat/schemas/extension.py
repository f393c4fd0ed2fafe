"""What Helix adds to OpenAI's API: speculation as a request parameter, and the `helix` object of every answer."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Method = Literal["auto", "draft", "mtp", "suffix", "ngram", "grammar", "none"]


class SpeculationOptions(Struct, kw_only=True):
    """The request's `speculation`. It changes how fast tokens come, never which."""

    enabled: bool | None = None
    method: Method | None = None
    depth: int | None = None
    """Most draft tokens per step; 0 is off."""
    adaptive: bool | None = None
    """False: draft depth tokens in every step, whether that pays or not."""
    acceptance: Literal["auto", "match", "rejection"] | None = None
    """How drafts are accepted. Under rejection a seed gives the same text only at the same depth."""


class ProposerReport(Struct, kw_only=True):
    """Draft tokens of one proposer."""

    drafted: int
    accepted: int


class SpeculationReport(Struct, kw_only=True):
    """What speculation did for one answer, summed over its choices."""

    method: str
    depth: int
    adaptive: bool
    acceptance: str
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
    drafting_s: float
    verifying_s: float
    """Seconds spent in the steps that brought this answer's tokens; requests of a batch share their steps."""
    estimated_speed_up: float | None
    """How much longer the same tokens would have taken without drafts, by measured costs; null if not known."""
    paused_steps: int
    """Steps without drafts because speculation had turned out slower than plain decoding."""


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
    """What Helix did for one answer."""

    speculation: SpeculationReport
    timings: Timings
