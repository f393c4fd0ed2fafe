"""POST /v1/embeddings."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from openai_compat.schemas.limits import CacheSalt, ModelName


class EmbeddingRequest(Struct, kw_only=True):
    """Texts, or the token ids of texts, to be embedded."""

    input: str | list[str | int | list[int]]
    model: ModelName
    dimensions: Annotated[int, Meta(ge=1)] | None = None
    """Only as many as the model has: a language model's numbers are not ordered by weight, so none can be cut off."""
    encoding_format: Literal["float", "base64"] | None = None
    """Null is float; base64 is that of little-endian float32."""
    user: str | None = None
    cache_salt: CacheSalt | None = None


class Embedding(Struct, kw_only=True):
    """One input as a vector of length 1."""

    object: str = "embedding"
    index: int
    embedding: list[float] | str


class EmbeddingUsage(Struct, kw_only=True):
    """Tokens of all inputs."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingReport(Struct, kw_only=True, frozen=True):
    """What these embeddings are, for people who compare them with those of an embedding model."""

    pooling: str = "mean"
    layer: str = "last"
    normalized: bool = True
    trained_for_similarity: bool = False


class EmbeddingList(Struct, kw_only=True):
    """The vectors in the order of the inputs."""

    object: str = "list"
    data: list[Embedding]
    model: str
    usage: EmbeddingUsage
    helix: EmbeddingReport = EmbeddingReport()
