"""Inputs become vectors, group by group, in the engine's own steps."""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence

from helix import SamplingParams
from openai_compat.caller import Caller
from openai_compat.choice_outputs import ChoiceOutputs
from openai_compat.engine import Engine
from openai_compat.responses.answer import fresh_id
from openai_compat.schemas.embeddings import Embedding, EmbeddingList, EmbeddingRequest, EmbeddingUsage

MAX_AT_ONCE = 16
"""Inputs in the engine at a time, so that one long list does not fill its queue."""
_PARAMS = SamplingParams(max_tokens=0, pooling="mean", speculation_depth=0)


async def embedding_list(
    engine: Engine, request: EmbeddingRequest, inputs: Sequence[Sequence[int]], caller: Caller, *, model: str
) -> EmbeddingList:
    """Return the embedding of each input.

    Raises:
        InvalidRequestError, EngineBusyError, EngineDeadError: As ChoiceOutputs.
    """
    vectors: list[tuple[float, ...]] = []
    step = min(MAX_AT_ONCE, engine.info.max_num_requests)
    for start in range(0, len(inputs), step):
        vectors += await _embed(engine, inputs[start : start + step], caller)
    num_tokens = sum(map(len, inputs))
    is_base64 = request.encoding_format == "base64"
    return EmbeddingList(
        data=[
            Embedding(index=index, embedding=encoded(vector) if is_base64 else list(vector))
            for index, vector in enumerate(vectors)
        ],
        model=model,
        usage=EmbeddingUsage(prompt_tokens=num_tokens, total_tokens=num_tokens),
    )


def encoded(vector: Sequence[float]) -> str:
    """Return a vector as base64 of little-endian float32."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii")


async def _embed(engine: Engine, inputs: Sequence[Sequence[int]], caller: Caller) -> list[tuple[float, ...]]:
    vectors: list[tuple[float, ...]] = [()] * len(inputs)
    with ChoiceOutputs(engine, inputs, [_PARAMS], fresh_id("embd"), caller) as outputs:
        while not outputs.is_finished:
            for index, output in await outputs.take():
                vectors[index] = output.embedding or vectors[index]
    return vectors
