"""The life of one sequence: its tokens, progress, blocks and status."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from enum import Enum, auto

from helix.outputs import FinishReason, RequestMetrics, TokenLogprob
from helix.sampling_params import SamplingParams
from helix.structured.state import GrammarState


class RequestStatus(Enum):
    """Where a request stands between two steps."""

    WAITING = auto()
    RUNNING = auto()
    FINISHED = auto()


class Request:
    """One prompt and what becomes of it.

    The whole state of decoding is token_ids and num_computed_tokens: a step computes tokens
    [num_computed_tokens, num_tokens) plus drafts, and a rejected draft is a num_computed_tokens that stops short.
    """

    def __init__(
        self,
        request_id: str,
        prompt_token_ids: Sequence[int],
        params: SamplingParams,
        *,
        seed: int,
        eos_token_ids: frozenset[int] = frozenset(),
        max_tokens: int,
        speculation_depth: int = 0,
        prediction_depth: int = 0,
        cache_salt: str | None = None,
        grammar: GrammarState | None = None,
        tenant: str | None = None,
        deadline_s: float | None = None,
        queue_timeout_s: float | None = None,
    ) -> None:
        self.request_id = request_id
        self.params = params
        self.seed = seed
        """params.seed, or a fresh one: every draw of the request is a function of it and the output position."""
        self.stop_token_ids = frozenset(params.stop_token_ids) | (frozenset() if params.ignore_eos else eos_token_ids)
        self.eos_token_ids = eos_token_ids
        self.max_tokens = max_tokens
        """Most output tokens, the end of the context taken into account."""
        self.speculation_depth = speculation_depth
        """Most draft tokens per step; 0 decodes plainly."""
        self.prediction_depth = prediction_depth
        """Most of them that come from params.prediction, instead of speculation_depth."""
        self.cache_salt = cache_salt
        """Prefix-cache entries and the outputs that drafts copy are shared only between requests of equal salt."""
        self.grammar = grammar
        """How far the committed output has come in params.grammar; the request's own."""
        self.tenant = tenant
        """Who asks: the requests of equal tenants share what the scheduler gives to each tenant."""
        self.deadline_s = deadline_s
        """When nobody waits for it any more, on the monotonic clock; None: somebody always does."""
        self.queue_timeout_s = queue_timeout_s
        """Time from arrival to the first step after which the request is given up; None: it waits."""
        self.num_prompt_tokens = len(prompt_token_ids)
        self.token_ids = list(prompt_token_ids)
        """Prompt and committed output."""
        self.output_logprobs: list[TokenLogprob] = []
        """One per output token when params.logprobs is set, else empty."""
        self.prompt_logprobs: list[TokenLogprob] = []
        """Of the prompt's tokens from the second on, as far as computed, when params.prompt_logprobs is set."""
        self.hidden_sum: list[float] = []
        """Sum of the hidden states of the prompt's first num_pooled_tokens tokens, when params.pooling is set."""
        self.num_pooled_tokens = 0
        self.num_computed_tokens = 0
        """Tokens whose KV in the target pool is valid."""
        self.num_draft_computed_tokens = 0
        """Tokens whose KV in the draft model's pool is valid."""
        self.num_mtp_computed_tokens = 0
        """Tokens whose KV in the pool of the target's heads is valid."""
        self.block_table: list[int] = []
        self.status = RequestStatus.WAITING
        self.finish_reason: FinishReason | None = None
        self.stop_reason: str | int | None = None
        self.metrics = RequestMetrics(arrival_s=time.monotonic(), num_prompt_tokens=len(prompt_token_ids))

    def __repr__(self) -> str:
        return f"Request({self.request_id}, {self.num_computed_tokens}/{self.num_tokens} tokens, {self.status.name})"

    @property
    def num_tokens(self) -> int:
        """Prompt and committed output."""
        return len(self.token_ids)

    @property
    def num_output_tokens(self) -> int:
        """Committed output tokens."""
        return len(self.token_ids) - self.num_prompt_tokens

    @property
    def prompt_token_ids(self) -> list[int]:
        """A copy of the prompt."""
        return self.token_ids[: self.num_prompt_tokens]

    @property
    def output_token_ids(self) -> list[int]:
        """A copy of the committed output."""
        return self.token_ids[self.num_prompt_tokens :]

    @property
    def needs_prompt_logits(self) -> bool:
        """Whether the logits of prompt tokens are still to be read."""
        return self.params.prompt_logprobs is not None and len(self.prompt_logprobs) < self.num_prompt_tokens - 1

    @property
    def needs_hidden_states(self) -> bool:
        """Whether the hidden states of prompt tokens are still to be read."""
        return self.params.pooling is not None and self.num_pooled_tokens < self.num_prompt_tokens

    @property
    def needs_whole_prompt(self) -> bool:
        """Whether its prompt has to pass through the model, so that cached KV in its place is of no use."""
        return self.needs_prompt_logits or self.needs_hidden_states

    @property
    def expires_s(self) -> float:
        """When it is given up unless something happens before, on the monotonic clock; infinity: never."""
        limits = [math.inf]
        if self.deadline_s is not None:
            limits.append(self.deadline_s)
        if self.queue_timeout_s is not None and self.metrics.scheduled_s is None:
            limits.append(self.metrics.arrival_s + self.queue_timeout_s)
        return min(limits)

    @property
    def is_finished(self) -> bool:
        """Whether nothing more will be computed."""
        return self.status is RequestStatus.FINISHED

    def ends_behind(self, drafted: Sequence[int]) -> bool:
        """Return whether the answer ends with the last of some drafted tokens, should all of them be accepted."""
        if drafted[-1] in self.stop_token_ids and self.num_output_tokens + len(drafted) > self.params.min_tokens:
            return True
        return self.grammar is not None and self.grammar.ends_behind(drafted)

    def num_within_answer(self, drafted: Sequence[int], prefix: Sequence[int] = ()) -> int:
        """Return how many drafted tokens behind prefix could become part of the answer.

        Up to a token that ends it, which counts, or one that its grammar refuses, which does not.
        """
        num_tokens = len(drafted)
        if not self.stop_token_ids.isdisjoint(drafted):
            first = max(self.params.min_tokens - self.num_output_tokens - len(prefix), 0)
            places = range(first, num_tokens)
            num_tokens = next((place + 1 for place in places if drafted[place] in self.stop_token_ids), num_tokens)
        if self.grammar is not None:
            num_tokens = self.grammar.num_allowed(drafted[:num_tokens], prefix)
        return num_tokens

    def commit_token(self, token_id: int, logprob: TokenLogprob | None = None) -> bool:
        """Append one token and return whether the request goes on.

        Every token, accepted from a draft or drawn, passes here alone, so that end of sequence, stop tokens, the end of
        the grammar and max_tokens inside an accepted run cut it exactly where plain decoding would have stopped.
        A grammar that cannot be followed aborts the request; stop_reason then says why.
        """
        self.token_ids.append(token_id)
        if logprob is not None:
            self.output_logprobs.append(logprob)
        if self.grammar is not None and not self.grammar.accept(token_id):
            self.finish(FinishReason.ABORT, self.grammar.error)
        elif token_id in self.stop_token_ids and self.num_output_tokens > self.params.min_tokens:
            self.finish(FinishReason.STOP, token_id if token_id in self.params.stop_token_ids else None)
        elif self.grammar is not None and self.grammar.is_complete:
            self.finish(FinishReason.STOP)
        elif self.num_output_tokens >= self.max_tokens:
            self.finish(FinishReason.LENGTH)
        return not self.is_finished

    def finish(self, reason: FinishReason, stop_reason: str | int | None = None) -> None:
        """End the request; the scheduler frees its blocks.

        The first reason stays, except that a stop string in the text of the last token beats the length and the end of
        a grammar.
        """
        beats = (
            reason is FinishReason.STOP and self.finish_reason is not FinishReason.ABORT and self.stop_reason is None
        )
        if self.finish_reason is None or beats:
            self.finish_reason = reason
            self.stop_reason = stop_reason
            self.status = RequestStatus.FINISHED
