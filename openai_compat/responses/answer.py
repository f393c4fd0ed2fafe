"""What is known about an answer before its first token."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field

from msgspec import UNSET, UnsetType

from helix import SamplingParams
from openai_compat.answer_format import DEFAULT_FORMAT, AnswerFormat
from openai_compat.engine import ChatTokenizer
from openai_compat.responses.tally import Tally
from openai_compat.tool_calls.choice import ToolUse


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Identity of one answer, how its text is to be read, and its counters."""

    id: str
    model: str
    system_fingerprint: str
    created: int = field(default_factory=lambda: int(time.time()))
    service_tier: str | UnsetType = UNSET
    tokenizer: ChatTokenizer
    params: SamplingParams
    """Of the first choice; the others differ in their seed."""
    tally: Tally
    answer_format: AnswerFormat = DEFAULT_FORMAT
    tools: ToolUse | None = None
    """What the model may do with tools; None: nothing in its answer is a call."""
    includes_usage: bool = False
    """Whether a stream ends with a chunk of usage."""


def fresh_id(prefix: str) -> str:
    """Return an id with one of OpenAI's prefixes, which end in "-" or "_"."""
    return f"{prefix}{uuid.uuid4().hex}"
