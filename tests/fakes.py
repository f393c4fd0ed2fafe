"""A tokenizer of bytes and an engine that plays back texts: the server's tests need neither weights nor time."""

from __future__ import annotations

import asyncio
import codecs
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

from helix import (
    BlockUse,
    ContextLengthExceededError,
    DecodeStep,
    EngineBusyError,
    EngineDeadError,
    EngineInfo,
    EngineSnapshot,
    EngineStats,
    EngineStoppedError,
    FinishReason,
    Grammar,
    InvalidRequestError,
    RequestMetrics,
    RequestOutput,
    RequestSnapshot,
    SamplingParams,
    StepDraft,
    TokenLogprob,
)

EOS = 256
MODEL = "fake/model-1"
LETTERS = b"abcd"
"""A fake embedding counts them."""


class ByteTokenizer:
    """One token per byte, and one that ends a sequence."""

    vocab_size = 257
    eos_token_ids = frozenset({EOS})
    bos_token_id: int | None = None
    eos_token_id: int | None = EOS
    chat_template: str | None = None

    def encode(self, text: str, *, add_special_tokens: bool = True) -> list[int]:
        return list(text.encode())

    def decode(self, token_ids: Sequence[int], *, skip_special_tokens: bool = True) -> str:
        shown = [token_id for token_id in token_ids if token_id < EOS or not skip_special_tokens]
        return b"".join(map(self.token_bytes, shown)).decode(errors="replace")

    def is_special(self, token_id: int) -> bool:
        return token_id == EOS

    def token_bytes(self, token_id: int) -> bytes:
        return bytes([token_id]) if token_id < EOS else b"<eos>"

    def token_text(self, token_id: int) -> str:
        return self.token_bytes(token_id).decode(errors="replace")

    def apply_chat_template(
        self,
        messages: list[dict[str, Any]],
        *,
        tools: list[dict[str, Any]] | None = None,
        add_generation_prompt: bool = True,
        continue_final_message: bool = False,
        **kwargs: Any,
    ) -> list[int]:
        """Render one line per message; a template that knows no role "nobody" and shows what it was given."""
        lines = [f"tools: {tools}\n"] if tools else []
        lines += [f"{name}={value}\n" for name, value in sorted(kwargs.items())]
        for message in messages:
            calls = f" calls {message['tool_calls']}" if "tool_calls" in message else ""
            lines.append(f"{message['role']}: {message['content']}{calls}\n")
        text = "".join(lines)
        if "!refuse!" in text:
            raise InvalidRequestError("the chat template refuses this conversation", param="messages")
        if continue_final_message:
            return self.encode(text.rstrip("\n"))
        return self.encode(text + ("assistant: " if add_generation_prompt else ""))


Reply = Callable[[str, SamplingParams], str]
"""From prompt and parameters to the text that the fake model would write, before stops and limits."""


def echo_reply(prompt: str, params: SamplingParams) -> str:
    """Say something that depends on the prompt's last line and the seed."""
    last = [line for line in prompt.splitlines() if line][-2:] if prompt else [""]
    return f"You said: {last[0].removeprefix('user: ')}" + (f" ({params.seed})" if params.seed is not None else "")


class FakeEngine:
    """Plays back reply(prompt, params), some tokens per step, with numbers as if drafts had been verified."""

    def __init__(
        self,
        reply: Reply = echo_reply,
        *,
        step_s: float = 0.0,
        tokens_per_step: int = 3,
        draft_model: str | None = "fake/draft",
        max_model_len: int = 4096,
        default_sampling_params: SamplingParams | None = None,
    ) -> None:
        self._defaults = (reply, step_s, tokens_per_step)
        self.tokenizer = ByteTokenizer()
        self.info = EngineInfo(
            model=MODEL,
            architecture="FakeForCausalLM",
            num_parameters=1_234_567,
            draft_model=draft_model,
            device="cpu",
            dtype="float32",
            linear_route="none",
            max_model_len=max_model_len,
            max_num_requests=200,
            num_blocks=64,
            block_size=16,
            kv_cache_bytes=2**20,
            speculation_method="auto",
            speculation_depth=4,
            max_speculation_depth=16,
            speculation_adaptive=True,
            acceptance_rule="auto",
            prediction_depth=12,
            default_sampling_params=default_sampling_params or SamplingParams(),
            self_test_difference=0.0,
            hidden_size=len(LETTERS),
        )
        self.is_alive = False
        self.reset()

    def reset(self) -> None:
        """Forget what was asked, and play as at first."""
        self.reply, self.step_s, self.tokens_per_step = self._defaults
        self.max_num_running = self.info.max_num_requests
        """One more is refused as busy."""
        self.failure_after: int | None = None
        """Steps after which every request dies."""
        self.has_tap = True
        """Whether outputs are offered to taps."""
        self.prompts: list[str] = []
        self.params: list[SamplingParams] = []
        self.compiled: list[Grammar] = []
        self.cache_salts: list[str | None] = []
        self.tenants: list[str | None] = []
        self.limits_s: list[tuple[float | None, float | None]] = []
        """Deadline, and the longest wait for a first step."""
        self.running: set[str] = set()
        self.aborted: list[str] = []

    def start(self) -> None:
        self.is_alive = True

    def shutdown(self) -> None:
        self.is_alive = False

    def stats(self) -> EngineStats:
        return EngineStats(num_running=len(self.running), num_blocks=64, num_free_blocks=64 - len(self.running))

    async def snapshot(self) -> EngineSnapshot:
        """One block of the pool for each request, and one that the cache keeps."""
        running = sorted(self.running)
        uses = [BlockUse.PRIVATE] * len(running) + [BlockUse.CACHED] + [BlockUse.FREE] * (63 - len(running))
        requests = [
            RequestSnapshot(
                request_id=request_id,
                is_running=True,
                num_prompt_tokens=5,
                num_cached_tokens=1,
                num_output_tokens=2,
                max_tokens=100,
                num_computed_tokens=6,
                num_draft_computed_tokens=4,
                num_preemptions=0,
                block_table=(block_id,),
            )
            for block_id, request_id in enumerate(running)
        ]
        return EngineSnapshot(
            num_steps=3,
            block_size=16,
            block_uses=tuple(uses),
            draft_block_ids=frozenset(range(len(running))),
            requests=tuple(requests),
        )

    def end(self, request_id: str) -> None:
        if request_id in self.running:
            self.running.discard(request_id)
            self.aborted.append(request_id)

    def compile_grammar(self, grammar: Grammar) -> None:
        if "!refuse!" in grammar.text or "!too hard!" in grammar.text:
            raise InvalidRequestError("grammar cannot be enforced: grammar is refused", param="grammar")
        self.compiled.append(grammar)

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
    ) -> FakeOutputs:
        if len(self.running) >= self.max_num_running:
            raise EngineBusyError("the queue is full", retry_after_s=2)
        if not prompt_token_ids:
            raise InvalidRequestError("the prompt is empty", param="prompt")
        vocab_size = self.tokenizer.vocab_size
        for param, ids in (("prompt", prompt_token_ids), ("logit_bias", params.logit_bias)):
            if any(not 0 <= token_id < vocab_size for token_id in ids):
                raise InvalidRequestError(f"{param} has token ids outside 0 to {vocab_size - 1}", param=param)
        if len(prompt_token_ids) + (1 if params.max_tokens is None else params.max_tokens) > self.info.max_model_len:
            raise ContextLengthExceededError(
                num_prompt_tokens=len(prompt_token_ids),
                max_model_len=self.info.max_model_len,
                max_tokens=params.max_tokens,
            )
        prompt = self.tokenizer.decode(prompt_token_ids)
        self.prompts.append(prompt)
        self.params.append(params)
        self.cache_salts.append(cache_salt)
        self.tenants.append(tenant)
        self.limits_s.append((deadline_s, queue_timeout_s))
        assert request_id is not None, "the server names its requests"
        self.running.add(request_id)
        steps = self._play(request_id, prompt_token_ids, params, self.reply(prompt, params))
        return FakeOutputs(steps, ready or asyncio.Event(), lambda: self.end(request_id), has_tap=self.has_tap)

    async def _play(
        self, request_id: str, prompt: Sequence[int], params: SamplingParams, reply: str
    ) -> AsyncIterator[RequestOutput]:
        metrics = RequestMetrics(arrival_s=time.monotonic(), num_prompt_tokens=len(prompt), num_cached_tokens=1)
        metrics.scheduled_s = metrics.arrival_s
        try:
            for number, output in enumerate(self._outputs(request_id, prompt, params, reply, metrics)):
                if not self.is_alive:
                    raise EngineStoppedError("the fake engine was shut down")
                if self.failure_after == number:
                    raise EngineDeadError("the fake engine died")
                await asyncio.sleep(self.step_s)
                if output.is_finished:
                    self.running.discard(request_id)
                yield output
        finally:
            self.end(request_id)

    def _outputs(
        self, request_id: str, prompt: Sequence[int], params: SamplingParams, reply: str, metrics: RequestMetrics
    ) -> Iterator[RequestOutput]:
        """Yield the steps of a request; text and tokens end where an engine's would."""
        depth = self.info.speculation_depth if params.speculation_depth is None else params.speculation_depth
        proposer = "draft"
        if params.prediction and depth:
            proposer, depth = "predicted", self.info.prediction_depth
        token_ids, shown, reason, stop_reason = _end(list(reply.encode()), params)
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        per_step = self.tokens_per_step if depth else 1
        scored = params.prompt_logprobs
        for start in range(0, max(1, len(token_ids)), per_step):
            ids = token_ids[start : start + per_step]
            is_last = start + per_step >= len(token_ids)
            now_s = time.monotonic()
            metrics.first_token_s = metrics.first_token_s or now_s
            metrics.last_token_s = now_s
            metrics.num_generated_tokens += len(ids)
            metrics.inter_token_s += [0.01] * len(ids)
            metrics.spec.observe(
                [(proposer, depth)] if depth else [],
                num_accepted_tokens=len(ids) - 1,
                num_emitted=len(ids),
            )
            yield RequestOutput(
                request_id=request_id,
                text=decoder.decode(bytes(token_ids[start : min(start + per_step, shown)]), is_last),
                token_ids=tuple(ids),
                logprobs=None if params.logprobs is None else tuple(_logprob(token, params.logprobs) for token in ids),
                finish_reason=reason if is_last else None,
                stop_reason=stop_reason if is_last else None,
                metrics=metrics,
                prompt_logprobs=(
                    None if scored is None or start else tuple(_logprob(token, scored) for token in prompt[1:])
                ),
                steps=(_step(ids, proposer if depth else None),) if params.reports_steps else (),
                embedding=None if params.pooling is None or start else tuple(map(float, map(prompt.count, LETTERS))),
            )


class FakeOutputs:
    """Plays the steps of one request, each once the one before was taken."""

    def __init__(
        self, steps: AsyncIterator[RequestOutput], ready: asyncio.Event, end: Callable[[], None], *, has_tap: bool
    ) -> None:
        self._steps, self._ready, self._end = steps, ready, end
        self.tap: Callable[[RequestOutput], bool] | None = None
        self._has_tap = has_tap
        self._play_on()

    def take(self) -> RequestOutput | None:
        if not self._step.done():
            return None
        output = self._step.result()
        if not output.is_finished:
            self._play_on()
        return output

    def close(self) -> None:
        self.tap = None
        self._step.cancel()
        self._end()

    def _play_on(self) -> None:
        self._step = asyncio.ensure_future(anext(self._steps))
        self._step.add_done_callback(self._played)

    def _played(self, step: asyncio.Task[RequestOutput]) -> None:
        if not step.cancelled():
            step.exception()  # seen, if nobody takes it
        if step.cancelled() or step.exception() or not self._is_tapped(step.result()):
            self._ready.set()
        else:
            self._play_on()

    def _is_tapped(self, output: RequestOutput) -> bool:
        return self._has_tap and self.tap is not None and not output.is_finished and self.tap(output)


def _step(token_ids: Sequence[int], proposer: str | None) -> DecodeStep:
    """Return a step in which everything but the last token was guessed, and one more guess was wrong."""
    if proposer is None:
        return DecodeStep((), 0, tuple(token_ids), 0.5)
    draft = StepDraft(proposer, (*token_ids[:-1], ord("?")))
    return DecodeStep((draft,), len(token_ids) - 1, tuple(token_ids), 0.5)


def _logprob(token_id: int, num_alternatives: int) -> TokenLogprob:
    top = tuple((token_id - rank, -0.25 - rank) for rank in range(num_alternatives))
    return TokenLogprob(token_id, -0.25, top)


def _end(token_ids: list[int], params: SamplingParams) -> tuple[list[int], int, FinishReason, str | int | None]:
    """Return the committed tokens, how many of them are text, and why they end."""
    ends: list[tuple[int, int, str | int]] = []  # committed, shown, reason
    for stop in params.stop:
        start = bytes(token_ids).find(stop.encode())
        if start >= 0:
            end = start + len(stop.encode())
            ends.append((end, end if params.include_stop_str_in_output else start, stop))
    ends += [
        (token_ids.index(stop) + 1, token_ids.index(stop), stop) for stop in params.stop_token_ids if stop in token_ids
    ]
    limit = 10**6 if params.max_tokens is None else params.max_tokens
    if ends and min(ends)[0] <= limit:
        committed, shown, reason = min(ends)
        return token_ids[:committed], shown, FinishReason.STOP, reason
    if len(token_ids) < limit:
        return [*token_ids, EOS], len(token_ids), FinishReason.STOP, None
    return token_ids[:limit], limit, FinishReason.LENGTH, None
