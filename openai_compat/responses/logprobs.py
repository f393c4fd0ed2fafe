"""The engine's log probabilities in OpenAI's two shapes."""

from __future__ import annotations

import codecs
from collections.abc import Sequence

from helix import FinishReason, RequestOutput, SamplingParams, TokenLogprob
from openai_compat.echo import Echo
from openai_compat.engine import ChatTokenizer
from openai_compat.schemas.chat import ChatLogprobs, ChatTokenLogprob, TopLogprob
from openai_compat.schemas.completions import CompletionLogprobs

LOWEST_LOGPROB = -9999.0
"""OpenAI's number for "very unlikely"; JSON has no infinity."""


def shown_logprobs(
    output: RequestOutput, params: SamplingParams, tokenizer: ChatTokenizer
) -> tuple[TokenLogprob, ...] | None:
    """Return an output's entries without the token that ended the request, which is no part of the text."""
    if output.logprobs is None or output.finish_reason is not FinishReason.STOP or isinstance(output.stop_reason, str):
        return output.logprobs
    last = output.token_ids[-1] if output.token_ids else None
    ended_by_token = last is not None and (last in tokenizer.eos_token_ids or last in params.stop_token_ids)
    return output.logprobs[:-1] if ended_by_token else output.logprobs


def chat_logprobs(entries: Sequence[TokenLogprob], tokenizer: ChatTokenizer) -> ChatLogprobs:
    """Return entries in the shape of chat completions."""
    return ChatLogprobs(
        content=[
            ChatTokenLogprob(
                token=tokenizer.token_text(entry.token_id),
                bytes=list(tokenizer.token_bytes(entry.token_id)),
                logprob=max(entry.logprob, LOWEST_LOGPROB),
                top_logprobs=[
                    TopLogprob(
                        token=tokenizer.token_text(token_id),
                        bytes=list(tokenizer.token_bytes(token_id)),
                        logprob=max(logprob, LOWEST_LOGPROB),
                    )
                    for token_id, logprob in entry.top
                ],
            )
            for entry in entries
        ]
    )


class CompletionLogprobsBuilder:
    """Builds the four parallel lists of legacy completions; remembers how much text went before."""

    def __init__(self, tokenizer: ChatTokenizer, *, skips_special: bool = True) -> None:
        self._tokenizer = tokenizer
        self._skips_special = skips_special
        self._text_offset = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def build(self, entries: Sequence[TokenLogprob]) -> CompletionLogprobs:
        """Return the lists for the next tokens."""
        built = CompletionLogprobs()
        for entry in entries:
            hidden = self._skips_special and self._tokenizer.is_special(entry.token_id)
            self._append(built, entry, b"" if hidden else self._tokenizer.token_bytes(entry.token_id))
        return built

    def echo(self, echo: Echo, entries: Sequence[TokenLogprob]) -> CompletionLogprobs:
        """Return the lists for a prompt in front of the answer; entries are those of all its tokens but the first."""
        built = CompletionLogprobs(
            tokens=[self._text(echo.token_ids[0])], token_logprobs=[None], top_logprobs=[None], text_offset=[0]
        )
        self._text_offset = len(self._decoder.decode(echo.pieces[0]))
        for entry, piece in zip(entries, echo.pieces[1:], strict=True):
            self._append(built, entry, piece)
        self._text_offset = len(echo.text)
        self._decoder.reset()
        return built

    def _append(self, built: CompletionLogprobs, entry: TokenLogprob, piece: bytes) -> None:
        logprob = max(entry.logprob, LOWEST_LOGPROB)
        token = self._text(entry.token_id)
        top = {self._text(token_id): max(value, LOWEST_LOGPROB) for token_id, value in entry.top}
        built.tokens.append(token)
        built.token_logprobs.append(logprob)
        built.top_logprobs.append(top | {token: logprob})
        built.text_offset.append(self._text_offset)
        self._text_offset += len(self._decoder.decode(piece))

    def _text(self, token_id: int) -> str:
        """Return a token as text; part of a character as OpenAI writes it, so that no two tokens look alike."""
        data = self._tokenizer.token_bytes(token_id)
        try:
            return data.decode() if data else self._tokenizer.token_text(token_id)
        except UnicodeDecodeError:
            return "bytes:" + "".join(f"\\x{byte:02x}" for byte in data)
