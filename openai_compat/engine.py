"""What the server needs of an engine; helix.AsyncEngine has it, and so has the fake of the tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from helix import EngineInfo, EngineSnapshot, EngineStats, Grammar, RequestOutput, SamplingParams


class ChatTokenizer(Protocol):
    """Text to ids and back, and the chat template; may be called from several threads."""

    @property
    def vocab_size(self) -> int:
        """Number of token ids."""
        ...

    @property
    def eos_token_ids(self) -> frozenset[int]:
        """Ids that end a sequence."""
        ...

    @property
    def bos_token_id(self) -> int | None:
        """What begins a sequence; None: nothing does."""
        ...

    @property
    def eos_token_id(self) -> int | None:
        """The tokenizer's own end of a sequence; None: it has none."""
        ...

    @property
    def chat_template(self) -> str | None:
        """The source of the chat template; None: there is none."""
        ...

    def is_special(self, token_id: int) -> bool:
        """Return whether a token is no text, and left out of it unless a request wants to see it."""
        ...

    def encode(self, text: str, *, add_special_tokens: bool = True) -> list[int]:
        """Return the ids of text."""
        ...

    def decode(self, token_ids: Sequence[int], *, skip_special_tokens: bool = True) -> str:
        """Return the text of ids."""
        ...

    def token_bytes(self, token_id: int) -> bytes:
        """Return the bytes one token adds to the text."""
        ...

    def token_text(self, token_id: int) -> str:
        """Return one token as printable text."""
        ...

    def apply_chat_template(
        self,
        messages: list[dict[str, Any]],
        *,
        tools: list[dict[str, Any]] | None = None,
        add_generation_prompt: bool = True,
        continue_final_message: bool = False,
        **kwargs: Any,
    ) -> list[int]:
        """Return the prompt of a conversation; raises InvalidRequestError where the template refuses it."""
        ...


class Outputs(Protocol):
    """What comes of one request."""

    tap: Callable[[RequestOutput], bool] | None
    """Is offered every output but the last before ready is set for it; returns False where it is to be taken as any
    other. May be set while there is nothing to take."""

    def take(self) -> RequestOutput | None:
        """Return what has come since the last time as one output, None if nothing has; errors are raised."""
        ...

    def close(self) -> None:
        """End the request unless it has ended."""
        ...


class Engine(Protocol):
    """Takes prompts, gives streams of outputs."""

    @property
    def info(self) -> EngineInfo:
        """What the engine runs."""
        ...

    @property
    def tokenizer(self) -> ChatTokenizer:
        """The target model's tokenizer."""
        ...

    @property
    def is_alive(self) -> bool:
        """Whether requests are being served."""
        ...

    def start(self) -> None:
        """Begin to serve."""
        ...

    def shutdown(self) -> None:
        """Stop serving; may block."""
        ...

    def compile_grammar(self, grammar: Grammar) -> None:
        """Make a grammar ready for generate; may take seconds, and raises InvalidRequestError where it is refused."""
        ...

    def generate(
        self,
        prompt_token_ids: Sequence[int],
        params: SamplingParams,
        *,
        request_id: str | None = None,
        cache_salt: str | None = None,
        tenant: str | None = None,
        deadline_s: float | None = None,
        queue_timeout_s: float | None = None,
        ready: asyncio.Event | None = None,
    ) -> Outputs:
        """Submit one request; a request that cannot be served raises here, before anything is sent.

        What is remembered of its text serves requests of equal cache_salt alone. Tenants are served in turn. A request
        is given up at deadline_s of the monotonic clock, and where its first step takes longer than queue_timeout_s.
        ready is set, on the caller's event loop, whenever there is something to take.
        """
        ...

    def stats(self) -> EngineStats:
        """Return what the engine does now."""
        ...

    async def snapshot(self) -> EngineSnapshot:
        """Return how memory and requests stand between two steps."""
        ...
