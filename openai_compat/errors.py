"""Every failure becomes OpenAI's error envelope: one class that carries it, and one table from other exceptions."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException

from helix import (
    ContextLengthExceededError,
    DeadlineExceededError,
    EngineBusyError,
    EngineDeadError,
    EngineStoppedError,
    InvalidRequestError,
    QueueTimeoutError,
    RequestFailedError,
    TextTooLongError,
)
from openai_compat.schemas.errors import ErrorBody, ErrorResponse

logger = logging.getLogger("openai_compat")

INVALID_REQUEST, RATE_LIMIT, SERVER = "invalid_request_error", "rate_limit_error", "server_error"
INTERNAL_MESSAGE = "The server had an error while processing your request."
_MAX_SHOWN = 128
"""Characters of a client's own that a message repeats."""


class ApiError(Exception):
    """A failure in OpenAI's terms."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str = INVALID_REQUEST,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.type = type
        self.param = param
        self.code = code
        self.headers = dict(headers or {})

    @property
    def envelope(self) -> ErrorResponse:
        """The body that tells the client."""
        return ErrorResponse(ErrorBody(message=str(self), type=self.type, param=self.param, code=self.code))


class InvalidParameter(ApiError):
    """A field whose value makes no sense, alone or beside another."""

    def __init__(self, param: str, message: str) -> None:
        super().__init__(400, message, param=param, code="invalid_value")


class UnsupportedParameter(ApiError):
    """A field of OpenAI's API that Helix would have to ignore or approximate, and therefore refuses."""

    def __init__(self, param: str, message: str | None = None) -> None:
        message = message or f"Unsupported parameter: '{param}' is not supported by this server."
        super().__init__(400, message, param=param, code="unsupported_parameter")


class ModelNotFound(ApiError):
    """A model this server does not have."""

    def __init__(self, name: str, served: list[str]) -> None:
        super().__init__(
            404,
            f"The model '{name[:_MAX_SHOWN]}' does not exist. This server has: {', '.join(served)}.",
            param="model",
            code="model_not_found",
        )


class AuthenticationError(ApiError):
    """No key, or a wrong one."""

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(401, message, code=code, headers={"www-authenticate": "Bearer"})


def retry_headers(retry_after_s: float) -> dict[str, str]:
    """Return the headers that say when to come again: whole seconds for everybody, milliseconds for OpenAI's SDKs."""
    return {
        "retry-after": str(max(1, math.ceil(retry_after_s))),
        "retry-after-ms": str(max(1, math.ceil(retry_after_s * 1000))),
    }


class TooManyRequests(ApiError):
    """More at once than a client may have; one of them has to end first."""

    def __init__(self, message: str, *, retry_after_s: float = 1.0) -> None:
        headers = retry_headers(retry_after_s)
        super().__init__(429, message, type=RATE_LIMIT, code="rate_limit_exceeded", headers=headers)


class ClientClosedRequest(ApiError):
    """Nobody is left to be told; the status is nginx's for it."""

    def __init__(self) -> None:
        super().__init__(499, "The client closed the connection.")


class SlowReader(ApiError):
    """The client of a stream did not read what was sent."""

    def __init__(self) -> None:
        super().__init__(408, "The stream was not read for too long.", type=SERVER, code="slow_reader")


class GenerationAborted(ApiError):
    """The engine gave a request up, because it stops or because an operator told it to."""

    def __init__(self) -> None:
        super().__init__(
            503,
            "The request was aborted by the server.",
            type=SERVER,
            code="request_aborted",
            headers={"retry-after": "1"},
        )


class ShuttingDown(ApiError):
    """A request to a server that only finishes what it has begun."""

    def __init__(self, *, retry_after_s: float = 1.0) -> None:
        headers = retry_headers(retry_after_s)
        super().__init__(503, "The server is shutting down.", type=SERVER, code="shutting_down", headers=headers)


class GrammarFailed(ApiError):
    """An answer's grammar turned out, while it was written, to be too complex or to have no way on."""

    def __init__(self, reason: str) -> None:
        super().__init__(400, f"The answer's grammar cannot be followed: {reason}.", code="grammar_failed")


def _invalid_request(error: InvalidRequestError) -> ApiError:
    return ApiError(400, str(error), param=error.param, code="invalid_value" if error.param else None)


def _context_length(error: ContextLengthExceededError | TextTooLongError) -> ApiError:
    return ApiError(400, str(error), param=error.param, code="context_length_exceeded")


def _busy(error: EngineBusyError) -> ApiError:
    return TooManyRequests(str(error), retry_after_s=error.retry_after_s)


def _queue_timeout(error: QueueTimeoutError) -> ApiError:
    return ApiError(503, str(error), type=SERVER, code="queue_timeout", headers=retry_headers(error.retry_after_s))


def _deadline(error: DeadlineExceededError) -> ApiError:
    return ApiError(504, str(error), type=SERVER, code="deadline_exceeded", headers={"x-should-retry": "false"})


def _failed(error: RequestFailedError) -> ApiError:
    return ApiError(500, str(error), type=SERVER, code="request_failed", headers={"x-should-retry": "false"})


def _stopped(error: EngineStoppedError) -> ApiError:
    return ShuttingDown()


def _dead(error: EngineDeadError) -> ApiError:
    return ApiError(500, INTERNAL_MESSAGE, type=SERVER, code="engine_dead", headers={"x-should-retry": "false"})


def _http(error: HTTPException) -> ApiError:
    if error.status_code >= 500:
        return _unforeseen(error)
    code, message = _HTTP_CODES.get(error.status_code, (None, error.detail))
    return ApiError(error.status_code, message, code=code, headers=error.headers)


def _unforeseen(error: Exception) -> ApiError:
    logger.error("unexpected error", exc_info=error)
    return ApiError(500, INTERNAL_MESSAGE, type=SERVER, code="internal_error", headers={"x-should-retry": "false"})


_HTTP_CODES = {
    404: ("unknown_url", "Invalid URL ({method} {path})"),
    405: ("method_not_allowed", "Not allowed to {method} on {path}"),
    413: ("request_too_large", "The request body is larger than this server accepts."),
}

# The first entry whose class matches decides: subclasses stand before their bases.
_TRANSLATIONS: list[tuple[type[Exception], Callable[[Any], ApiError]]] = [
    (ContextLengthExceededError, _context_length),
    (TextTooLongError, _context_length),
    (InvalidRequestError, _invalid_request),
    (QueueTimeoutError, _queue_timeout),
    (EngineBusyError, _busy),
    (DeadlineExceededError, _deadline),
    (RequestFailedError, _failed),
    (EngineStoppedError, _stopped),
    (EngineDeadError, _dead),
    (HTTPException, _http),
]


def to_api_error(error: Exception) -> ApiError:
    """Return what the client is told; anything unforeseen is logged and says nothing of its cause."""
    if isinstance(error, ApiError):
        return error
    for kind, translate in _TRANSLATIONS:
        if isinstance(error, kind):
            return translate(error)
    return _unforeseen(error)


def on_error(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Answer with the envelope; Litestar calls this for whatever a handler, a guard or the router raises."""
    answer = to_api_error(error)
    envelope = answer.envelope
    if isinstance(error, HTTPException) and error.status_code in _HTTP_CODES:
        envelope.error.message = str(answer).format(method=request.method, path=request.url.path[:_MAX_SHOWN])
    return Response(
        msgspec.json.encode(envelope), status_code=answer.status, headers=answer.headers, media_type="application/json"
    )
