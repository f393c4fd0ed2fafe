"""How much of a thing one request may bring: far beyond what anybody needs, and far below what hurts."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

ModelName = Annotated[str, Meta(max_length=512)]
Identifier = Annotated[str, Meta(max_length=128)]
CacheSalt = Annotated[str, Meta(min_length=1, max_length=1024)]
StopString = Annotated[str, Meta(max_length=1024)]
StopStrings = Annotated[list[StopString], Meta(max_length=64)]
StopTokenIds = Annotated[list[int], Meta(max_length=1024)]
LogitBias = Annotated[dict[int, float], Meta(max_length=8192)]
Choices = Annotated[list[str], Meta(max_length=8192)]
MAX_MESSAGES = 16_384
MAX_TOOLS = 1024

Metadata = Annotated[
    dict[Annotated[str, Meta(max_length=64)], Annotated[str, Meta(max_length=512)]], Meta(max_length=16)
]
"""OpenAI's own limits."""
