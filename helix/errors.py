"""What can go wrong, as a tree, split by who has to act.

HelixError
├── InvalidRequestError              the caller: this request cannot be served as asked (HTTP 400)
│   ├── ContextLengthExceededError   prompt and max_tokens do not fit the model
│   └── TextTooLongError             so long that it is not even encoded
├── ConfigError                      the operator: the settings contradict each other or the machine
├── ModelLoadError                   the operator: this model cannot be loaded, or would be served wrongly
├── EngineBusyError                  time: the queue is full, or the engine is loading or draining (HTTP 429, 503)
│   └── QueueTimeoutError            the request waited for its first step as long as it may (HTTP 503)
├── DeadlineExceededError            time: the request is not done when its caller has stopped waiting (HTTP 504)
├── RequestFailedError               nobody: a bug, or memory, ended this request alone (HTTP 500)
└── EngineDeadError                  nobody: the engine stopped on a bug; every waiting request receives it (HTTP 500)
    └── EngineStoppedError           the operator: the engine was shut down (HTTP 503)
"""

from __future__ import annotations


class HelixError(Exception):
    """Anything Helix raises on purpose."""


class InvalidRequestError(HelixError):
    """A request that cannot be served as asked."""

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param
        """Name of the offending field as the caller wrote it, or None."""


class ContextLengthExceededError(InvalidRequestError):
    """Prompt and completion do not fit the model's context."""

    def __init__(self, *, num_prompt_tokens: int, max_model_len: int, max_tokens: int | None = None) -> None:
        asked = f"{num_prompt_tokens} in the prompt"
        total = num_prompt_tokens
        if max_tokens is not None:
            asked += f", {max_tokens} in the completion"
            total += max_tokens
        super().__init__(
            f"This model's maximum context length is {max_model_len} tokens. "
            f"However, you requested {total} tokens ({asked}). Please shorten the prompt or the completion.",
            param="messages" if max_tokens is None else "max_tokens",
        )
        self.num_prompt_tokens = num_prompt_tokens
        self.max_model_len = max_model_len


class TextTooLongError(InvalidRequestError):
    """A text that is refused before it is encoded, because no context has room for so many characters."""

    def __init__(self, *, num_chars: int, max_model_len: int, max_chars: int) -> None:
        super().__init__(
            f"This model's maximum context length is {max_model_len} tokens. However, the prompt has {num_chars} "
            f"characters, and more than {max_chars} are not encoded. Please shorten the prompt.",
            param="prompt",
        )


class ConfigError(HelixError):
    """Settings that contradict each other or the machine."""


class ModelLoadError(HelixError):
    """A model that cannot be loaded, or that Helix would serve wrongly."""


class EngineBusyError(HelixError):
    """The engine takes no more requests for the moment."""

    def __init__(self, message: str, *, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class QueueTimeoutError(EngineBusyError):
    """A request waited for its first step as long as it may."""


class DeadlineExceededError(HelixError):
    """A request is not done when its caller has stopped waiting for it."""


class RequestFailedError(HelixError):
    """One request cannot be computed, for a reason that is not the caller's; the others go on."""


class EngineDeadError(HelixError):
    """The engine stopped on a bug; whoever waited for it waits in vain."""


class EngineStoppedError(EngineDeadError):
    """The engine was shut down on purpose."""
