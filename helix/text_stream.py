"""The text side of a running request: its tokens become characters, stop strings are found, outputs are written."""

from __future__ import annotations

from collections.abc import Sequence

from helix.model.pooling import embedding
from helix.outputs import DecodeStep, FinishReason, RequestOutput
from helix.request import Request
from helix.text.stop_strings import StopStringMatcher
from helix.text.tokenizer import Tokenizer


class TextStream:
    """The text side of one request: tokens to characters, stop strings, outputs."""

    def __init__(self, tokenizer: Tokenizer, request: Request) -> None:
        params = request.params
        self.request = request
        self._detokenizer = tokenizer.detokenizer(
            skip_special_tokens=params.skip_special_tokens, prompt_token_ids=request.prompt_token_ids
        )
        self._matcher = StopStringMatcher(params.stop, include_in_output=params.include_stop_str_in_output)

    def feed(self, token_id: int) -> str:
        """Push a token that was just committed; may finish the request at a stop string."""
        request = self.request
        if request.finish_reason is FinishReason.ABORT:
            return ""  # its grammar could not be followed
        is_stop_token = request.finish_reason is FinishReason.STOP and token_id in request.stop_token_ids
        if is_stop_token and not request.params.include_stop_str_in_output:
            return ""
        text = self._detokenizer.feed([token_id])
        if request.num_output_tokens < request.params.min_tokens:
            return text
        printable, matched = self._matcher.feed(text)
        if matched is not None:
            request.finish(FinishReason.STOP, matched)
        return printable

    def finish(self) -> str:
        """Return the text that was held back."""
        request = self.request
        if request.finish_reason is FinishReason.STOP and isinstance(request.stop_reason, str):
            return ""
        printable, matched = self._matcher.feed(self._detokenizer.finish())
        return printable + ("" if matched is not None else self._matcher.finish())

    def output(
        self, token_ids: Sequence[int], text: str, num_emitted: int, steps: tuple[DecodeStep, ...] = ()
    ) -> RequestOutput:
        """Wrap what a step added."""
        request = self.request
        logprobs = None
        if request.params.logprobs is not None:
            logprobs = tuple(request.output_logprobs[len(request.output_logprobs) - num_emitted :])
        prompt_logprobs = pooled = None
        if num_emitted == request.num_output_tokens:  # the first one
            prompt_logprobs = tuple(request.prompt_logprobs) if request.params.prompt_logprobs is not None else None
            pooled = embedding(request) if request.params.pooling is not None else None
        return RequestOutput(
            request_id=request.request_id,
            text=text,
            token_ids=tuple(token_ids),
            logprobs=logprobs,
            finish_reason=request.finish_reason,
            stop_reason=request.stop_reason,
            metrics=request.metrics,
            prompt_logprobs=prompt_logprobs,
            embedding=pooled,
            steps=steps,
        )
