"""Pieces of the choices of one answer become the chunks of a stream."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from msgspec import UNSET

from helix import RequestOutput
from openai_compat import sse
from openai_compat.choice_outputs import Batches, ChoiceOutputs, Taken
from openai_compat.responses.answer import Answer
from openai_compat.schemas.chat import ChatCompletionChunk
from openai_compat.schemas.completions import Completion

ChunkT = TypeVar("ChunkT", ChatCompletionChunk, Completion)
PieceT = TypeVar("PieceT")


def answer_chunks(
    answer: Answer,
    outputs: ChoiceOutputs,
    chunk: Callable[..., ChunkT],
    pieces: Callable[[Taken], list[PieceT]],
    text_piece: PieceT | None,
) -> Batches[list[ChunkT]]:
    """Return the answer in chunks, those that came together in one list; the last one has the numbers.

    pieces returns what the choices make of what came at once; chunk makes a chunk of one of them and usage. text_piece
    is one with sse.TEXT for its text, where outputs behind an answer's first add nothing else.
    """
    usage, tally = None if answer.includes_usage else UNSET, answer.tally

    def feed(taken: Taken) -> list[ChunkT]:
        for index, output in taken:
            tally.add(index, output)
        chunks = [chunk(choices=[piece], usage=usage) for piece in pieces(taken)]
        if outputs.is_finished:
            if answer.includes_usage:
                chunks.append(chunk(choices=[], usage=tally.usage(outputs.num_choices)))
            chunks[-1].helix = tally.report()
        return chunks

    if text_piece is None:
        return Batches(outputs, feed)
    encode = sse.TextEvent(chunk(choices=[text_piece], usage=usage)).encode

    def text_event(output: RequestOutput) -> bytes:
        tally.completion_tokens += len(output.token_ids)
        text = output.text
        return encode(text) if text else b""

    return Batches(outputs, feed, text_event)
