"""The error envelope."""

from __future__ import annotations

from msgspec import Struct


class ErrorBody(Struct, kw_only=True):
    """What went wrong; OpenAI's clients require all four keys."""

    message: str
    type: str
    param: str | None = None
    code: str | None = None


class ErrorResponse(Struct):
    """Body of every answer that is not a success, and the data of an error event in a stream."""

    error: ErrorBody
