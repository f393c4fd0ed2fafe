"""One table decides what a client is told; nothing internal gets out."""

from __future__ import annotations

import logging

import pytest
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
from openai_compat.errors import (
    ApiError,
    AuthenticationError,
    GenerationAborted,
    ModelNotFound,
    UnsupportedParameter,
    to_api_error,
)


@pytest.mark.parametrize(
    ("error", "status", "kind", "param", "code"),
    [
        (InvalidRequestError("bad", param="top_p"), 400, "invalid_request_error", "top_p", "invalid_value"),
        (
            ContextLengthExceededError(num_prompt_tokens=9, max_model_len=4),
            400,
            "invalid_request_error",
            "messages",
            "context_length_exceeded",
        ),
        (
            TextTooLongError(num_chars=99, max_model_len=1, max_chars=64),
            400,
            "invalid_request_error",
            "prompt",
            "context_length_exceeded",
        ),
        (EngineBusyError("full"), 429, "rate_limit_error", None, "rate_limit_exceeded"),
        (EngineDeadError("boom"), 500, "server_error", None, "engine_dead"),
        (EngineStoppedError("bye"), 503, "server_error", None, "shutting_down"),
        (QueueTimeoutError("long"), 503, "server_error", None, "queue_timeout"),
        (DeadlineExceededError("late"), 504, "server_error", None, "deadline_exceeded"),
        (RequestFailedError("a bug"), 500, "server_error", None, "request_failed"),
        (UnsupportedParameter("audio"), 400, "invalid_request_error", "audio", "unsupported_parameter"),
        (ModelNotFound("x", ["y"]), 404, "invalid_request_error", "model", "model_not_found"),
        (AuthenticationError("who?"), 401, "invalid_request_error", None, None),
        (GenerationAborted(), 503, "server_error", None, "request_aborted"),
        (HTTPException(status_code=413), 413, "invalid_request_error", None, "request_too_large"),
    ],
)
def test_each_error_has_its_status_and_envelope(
    error: Exception, status: int, kind: str, param: str | None, code: str | None
) -> None:
    answer = to_api_error(error)
    body = answer.envelope.error
    assert (answer.status, body.type, body.param, body.code) == (status, kind, param, code)
    assert body.message


def test_the_context_error_names_both_numbers() -> None:
    message = str(to_api_error(ContextLengthExceededError(num_prompt_tokens=5000, max_model_len=4096)))
    assert "4096" in message and "5000" in message


def test_a_busy_engine_says_when_to_come_back() -> None:
    headers = to_api_error(EngineBusyError("full", retry_after_s=1.5)).headers
    assert headers == {"retry-after": "2", "retry-after-ms": "1500"}


@pytest.mark.parametrize("error", [RequestFailedError("again"), DeadlineExceededError("late"), EngineDeadError("boom")])
def test_an_sdk_is_told_not_to_try_again_what_would_fail_again(error: Exception) -> None:
    assert to_api_error(error).headers == {"x-should-retry": "false"}


@pytest.mark.parametrize("error", [KeyError("secret"), HTTPException(status_code=500, detail="secret")])
def test_a_bug_is_logged_and_not_told(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, logger="openai_compat"):
        answer = to_api_error(error)
    assert answer.status == 500
    assert "secret" not in str(answer)
    assert answer.headers["x-should-retry"] == "false"
    assert "secret" in caplog.text


def test_an_api_error_stays_itself() -> None:
    error = ApiError(418, "teapot")
    assert to_api_error(error) is error
