"""Assembles the parts and runs one synchronous step; no threads, no HTTP."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Sequence

from helix.admission import admit
from helix.computed_step import ComputedStep, span_of
from helix.config import EngineConfig
from helix.decode_step import decode_step
from helix.errors import HelixError, InvalidRequestError, RequestFailedError
from helix.generation import Prompt, generation_of, prompt_list
from helix.kv_cache.block_manager import BlockManager
from helix.measured_costs import measure_draft, measure_target
from helix.model.pooling import caught_hidden_states, pool_prompts
from helix.outputs import DecodeStep, EngineInfo, FinishReason, Generation, RequestOutput
from helix.recovery import Recovery, failure_of
from helix.request import Request
from helix.sampling.prompt_logprobs import max_prompt_logits, take_prompt_logprobs
from helix.sampling.sampler import Sampler, Verified
from helix.sampling_params import SamplingParams
from helix.scheduler import ScheduledRequest, Scheduler, SchedulerOutput
from helix.snapshot import EngineSnapshot
from helix.spec_decode.chain import ProposerChain
from helix.spec_decode.forced_tokens import ForcedTokensProposer
from helix.spec_decode.ngram import NgramProposer
from helix.spec_decode.predicted_output import PredictedOutputProposer
from helix.spec_decode.proposer import Draft, Proposer
from helix.spec_decode.suffix import SuffixProposer
from helix.stats import EngineStats
from helix.structured.compiler import GrammarCompiler
from helix.structured.grammar import Grammar
from helix.text_stream import TextStream
from helix.worker import Worker, load_worker

logger = logging.getLogger(__name__)


class LLMEngine:
    """Continuous batching with speculation over one target model.

    Not thread-safe: one thread calls add_request, step and abort (AsyncEngine owns that thread). make_request and
    info touch nothing that changes and may be used from any thread.

    Raises:
        ConfigError, ModelLoadError: The model cannot be served as configured.
    """

    def __init__(self, config: EngineConfig | None = None, *, worker: Worker | None = None) -> None:
        self.config = config or EngineConfig()
        self.worker = worker or load_worker(self.config)
        self.tokenizer = self.worker.tokenizer
        self.info: EngineInfo = self.worker.info(self.config)
        self._grammars = GrammarCompiler(self.tokenizer)
        self._stats = EngineStats(num_blocks=self.worker.target.pool.num_blocks)
        speculates = self.config.speculative.speculation_method != "none"
        drafters = self.worker.drafters if speculates else {}
        with self.worker.threads():
            self._costs = measure_target(self.worker.target) if speculates else None
            self._draft_costs = {name: measure_draft(runner) for name, runner in drafters.items()}
        self.recovery = Recovery(self.config.scheduler.max_num_batched_tokens)
        self.reset()

    def reset(self) -> None:
        """Begin anew with the loaded weights: no request, no block in use, nothing cached, nothing learnt."""
        speculative = self.config.speculative
        pool = self.worker.target.pool
        self.block_manager = BlockManager(
            pool.num_blocks,
            pool.block_size,
            enable_prefix_caching=self.config.cache.enable_prefix_caching,
            num_swap_blocks=self.worker.num_swap_blocks,
        )
        self.scheduler = Scheduler(
            self.config.scheduler,
            self.block_manager,
            max_num_prompt_logits=max_prompt_logits(self.worker.target.loaded.vocab_size),
        )
        self.sampler = Sampler(self.tokenizer.vocab_size, acceptance_rule=speculative.acceptance_rule)
        copying: list[Proposer] = [
            ForcedTokensProposer(),
            PredictedOutputProposer(),
            SuffixProposer(pool_tokens=speculative.suffix_pool_tokens),
            NgramProposer(ngram_min=speculative.ngram_min, ngram_max=speculative.ngram_max),
        ]
        self.proposer = ProposerChain(
            copying,
            self.worker.draft_proposers(self.sampler, self.config),
            method=speculative.speculation_method,
            is_adaptive=speculative.speculation_adaptive,
            costs=self._costs,
            draft_costs=self._draft_costs,
        )
        self.recovery.suspects.acquit()
        self._streams: dict[str, TextStream] = {}
        self._failures: list[tuple[str, HelixError]] = []
        self._last_scheduled: list[ScheduledRequest] = []
        self._around_s = 0.0
        """What the last step took besides drafting and verifying; of small models a good part, and of every step."""

    def make_request(
        self,
        prompt_token_ids: Sequence[int],
        params: SamplingParams,
        *,
        request_id: str | None = None,
        cache_salt: str | None = None,
        tenant: str | None = None,
        deadline_s: float | None = None,
        queue_timeout_s: float | None = None,
    ) -> Request:
        """Validate a prompt with its parameters and return a request that is not queued yet.

        It is given up at deadline_s of the monotonic clock, and where its first step takes longer than queue_timeout_s.

        Raises:
            InvalidRequestError: Something in it cannot be served as asked; param names the field.
            RequestFailedError: An equal request made steps fail before.
        """
        if self.recovery.suspects.is_blamed(prompt_token_ids, params):
            raise RequestFailedError("an equal request could not be computed before, and is not tried again")
        return admit(
            prompt_token_ids,
            params,
            info=self.info,
            tokenizer=self.tokenizer,
            grammars=self._grammars,
            request_id=request_id,
            cache_salt=cache_salt,
            tenant=tenant,
            deadline_s=deadline_s,
            queue_timeout_s=queue_timeout_s,
        )

    def compile_grammar(self, grammar: Grammar) -> None:
        """Compile a grammar ahead of make_request, which then finds it ready; from any thread.

        Raises:
            InvalidRequestError: It cannot be enforced; param is "grammar".
        """
        self._grammars.compile(grammar)

    def add_request(self, request: Request) -> None:
        """Queue a request.

        Raises:
            EngineBusyError: The queue is full.
            InvalidRequestError: Its id is in use, or it can never fit.
            RequestFailedError: The tokenizer fails at it.
        """
        if request.request_id in self._streams:
            raise InvalidRequestError(f"request id {request.request_id} is in use", param="request_id")
        try:
            stream = TextStream(self.tokenizer, request)
        except Exception as bug:
            logger.exception("a request's text cannot be read")
            raise failure_of(bug) from bug
        self.scheduler.add(request)
        self._streams[request.request_id] = stream
        self._stats.num_prompt_tokens += request.num_prompt_tokens

    @property
    def has_requests(self) -> bool:
        """Whether step has anything to do."""
        return self.scheduler.has_requests

    def step(self) -> list[RequestOutput]:
        """Compute one batch and return what it added to each request that got tokens.

        A step that fails is undone and tried again, smaller, by the next call. Whoever ends without an output is found
        in take_failures.

        Raises:
            Exception: A bug that no single request is to blame for; only reset helps.
        """
        for request, error in self.scheduler.expire(time.monotonic()):
            self._fail(request, error)
        began_s = time.perf_counter()
        step = self.recovery.schedule(self.scheduler, self.proposer.rests)
        if not step.scheduled:
            return []
        self._last_scheduled = step.scheduled
        try:
            with self.worker.threads():
                computed = self._compute(step)
        except Exception as bug:
            for request, failure in self.recovery.failed(self.scheduler, step, bug).items():
                self._fail(request, failure)
            return []
        self.recovery.passed([item.request for item in step.scheduled])
        within_s = computed.drafting_s + computed.verifying_s
        computed.verifying_s += self._around_s
        self._note(step, computed)
        outputs = []
        for item in step.scheduled:
            try:
                output = self._apply(item, computed)
            except Exception as bug:  # in its text or grammar, which are its own: the others go on
                logger.exception("a request failed")
                self._fail(item.request, failure_of(bug))
            else:
                outputs += [output] if output is not None else []
        self._around_s = time.perf_counter() - began_s - within_s
        return outputs

    def release_memory(self) -> None:
        """Give back to the system what KV blocks without content take, and prefixes beyond kv_idle_memory_gib.

        To be called between steps, best when nothing runs: what is written again takes its memory again.
        """
        limit_gib = self.config.cache.kv_idle_memory_gib
        if limit_gib is not None:
            self.block_manager.forget_cached(int(limit_gib * 2**30 * self.info.num_blocks // self.info.kv_cache_bytes))
        self.worker.release_blocks(self.block_manager.free_runs())

    def take_failures(self) -> list[tuple[str, HelixError]]:
        """Return the requests that ended with an error in place of an output since the last call, by id."""
        failures, self._failures = self._failures, []
        return failures

    def _compute(self, step: SchedulerOutput) -> ComputedStep:
        """Draft, compute and verify; no request is any further until _apply."""
        self.worker.copy_blocks(step.block_copies)
        started_s = time.perf_counter()
        drafts = self.proposer.propose(step.scheduled)
        drafted_s = time.perf_counter()
        is_paused = self.proposer.is_paused
        spans = [span_of(item, drafts.get(item.request.request_id)) for item in step.scheduled]
        wants_hidden_states = any(item.request.needs_hidden_states for item in step.scheduled)
        with caught_hidden_states(self.worker.target.loaded.module, wanted=wants_hidden_states) as hidden_states:
            logits = self.worker.target.forward(spans)
        for states in hidden_states:
            pool_prompts(states, step.scheduled, spans)
        logits = take_prompt_logprobs(logits, step.scheduled, spans, self.tokenizer.vocab_size)
        requests = [item.request for item in step.scheduled if item.catches_up]
        verified = self.sampler.verify(logits, requests, [drafts.get(request.request_id) for request in requests])
        return ComputedStep(
            drafts=drafts,
            results=dict(zip((request.request_id for request in requests), verified, strict=True)),
            drafting_s=drafted_s - started_s,
            verifying_s=time.perf_counter() - drafted_s,
            is_paused=is_paused,
        )

    def _note(self, step: SchedulerOutput, computed: ComputedStep) -> None:
        """Learn what the step cost."""
        drafting_s, verifying_s = computed.drafting_s, computed.verifying_s
        computed.num_tokens = sum(len(result.token_ids) for result in computed.results.values())
        computed.plain_s = self.proposer.observe_step(
            step.scheduled,
            computed.drafts,
            drafting_s=drafting_s,
            verifying_s=verifying_s,
            num_tokens=computed.num_tokens,
        )
        self._stats.num_steps += 1
        self._stats.spec.observe_time(drafting_s, verifying_s, computed.plain_s, is_paused=computed.is_paused)
        if computed.results:
            num_draft_tokens = sum(len(draft.token_ids) for draft in computed.drafts.values())
            self._stats.draft_depth = num_draft_tokens / len(computed.results)
            self._stats.is_speculation_paused = computed.is_paused

    def _apply(self, item: ScheduledRequest, computed: ComputedStep) -> RequestOutput | None:
        """Give a request its part of a step; returns None where that brought no tokens."""
        request = item.request
        result = computed.results.get(request.request_id)
        if result is None:
            self.scheduler.update(item, 0)
            return None
        draft = computed.drafts.get(request.request_id)
        item.num_draft_tokens = len(draft.token_ids) if draft is not None else 0
        self.proposer.observe(request, draft, result.num_accepted_tokens)
        plain_s = computed.plain_s
        if plain_s is not None:
            plain_s *= len(result.token_ids) / computed.num_tokens * len(computed.results)
        request.metrics.spec.observe_time(
            computed.drafting_s, computed.verifying_s, plain_s, is_paused=computed.is_paused
        )
        output = self._commit(request, result, draft)
        self.scheduler.update(item, result.num_accepted_tokens)
        if request.is_finished:
            self._forget(request)
        return output

    def abort(self, request_id: str) -> RequestOutput | None:
        """End a request and free its blocks; returns its last output, or None when it is not known any more."""
        stream = self._streams.get(request_id)
        if stream is None:
            return None
        self.scheduler.abort(stream.request)
        try:
            text = stream.finish()
        except Exception:
            logger.exception("the last text of a request cannot be read")
            text = ""
        output = stream.output([], text, 0)
        self._forget(stream.request)
        return output

    def generate(self, prompts: Prompt | Sequence[Prompt], params: SamplingParams | None = None) -> list[Generation]:
        """Complete one prompt or a list of them, each a text or token ids, batched; answers in their order.

        Without params, info.default_sampling_params apply.

        Raises:
            RequestFailedError: One of them could not be computed; the others are aborted.
        """
        params = params or self.info.default_sampling_params
        requests = []
        for prompt in prompt_list(prompts):
            ids = self.tokenizer.encode(prompt) if isinstance(prompt, str) else prompt
            requests.append(self.make_request(ids, params))
        texts: dict[str, list[str]] = {request.request_id: [] for request in requests}
        pending = deque(requests)
        while pending or any(not request.is_finished for request in requests):
            while pending and len(self._streams) < self.config.scheduler.max_num_requests:
                self.add_request(pending.popleft())
            for output in self.step():
                if output.request_id in texts:
                    texts[output.request_id].append(output.text)
            for _, error in self.take_failures():
                for request in requests:
                    self.abort(request.request_id)
                raise error
        return [generation_of(request, "".join(texts[request.request_id])) for request in requests]

    def stats(self) -> EngineStats:
        """Return the live counters; one object, updated in place."""
        stats, manager = self._stats, self.block_manager
        stats.num_running = len(self.scheduler.running)
        stats.num_waiting = len(self.scheduler.waiting)
        stats.num_free_blocks = manager.num_free_blocks
        stats.num_cached_blocks = manager.num_cached_blocks
        stats.num_prefix_query_tokens = manager.num_prefix_query_tokens
        stats.num_prefix_hit_tokens = manager.num_prefix_hit_tokens
        stats.num_preemptions = self.scheduler.num_preemptions
        stats.num_swap_blocks = manager.swap_space.num_blocks
        stats.num_used_swap_blocks = manager.swap_space.num_used_blocks
        stats.num_swapped_in_blocks = manager.num_swapped_in_blocks
        return stats

    def snapshot(self) -> EngineSnapshot:
        """Return how memory and requests stand between two steps; it keeps nothing of the engine alive."""
        scheduled = self._last_scheduled if self.has_requests else []
        return EngineSnapshot.of(self.scheduler, scheduled, num_steps=self._stats.num_steps)

    def _commit(self, request: Request, result: Verified, draft: Draft | None) -> RequestOutput:
        """Commit new tokens one by one until the request stops, and report what came of it.

        Accepted and drawn tokens pass the same checks in the same order as in plain decoding.
        """
        stream = self._streams[request.request_id]
        if not request.max_tokens:
            request.finish(FinishReason.LENGTH)
            return stream.output([], "", 0)
        text = ""
        num_emitted = 0
        for i, token_id in enumerate(result.token_ids):
            goes_on = request.commit_token(token_id, result.logprobs[i] if result.logprobs is not None else None)
            num_emitted += 1
            text += stream.feed(token_id)
            if request.is_finished or not goes_on:
                break
        now = time.monotonic()
        parts = [(part.proposer, len(part.token_ids)) for part in draft.parts] if draft is not None else ()
        for spec in (request.metrics.spec, self._stats.spec):
            spec.observe(parts, num_accepted_tokens=result.num_accepted_tokens, num_emitted=num_emitted)
        self._stats.num_generated_tokens += num_emitted
        self._stats.times.observe_tokens(request.metrics, num_emitted, now)
        if request.is_finished:
            text += stream.finish()
        token_ids = result.token_ids[:num_emitted]
        steps: tuple[DecodeStep, ...] = ()
        if request.params.reports_steps:
            steps = (decode_step(request, draft, result.num_accepted_tokens, token_ids, now),)
        return stream.output(token_ids, text, num_emitted, steps)

    def _fail(self, request: Request, error: HelixError) -> None:
        """End a request with an error, wherever it stands."""
        self.scheduler.abort(request)
        self._stats.num_failed += isinstance(error, RequestFailedError)
        self._failures.append((request.request_id, error))
        self._forget(request)

    def _forget(self, request: Request) -> None:
        self.proposer.forget(request)
        del self._streams[request.request_id]
        self._stats.num_finished += 1
        self._stats.times.observe_end(request.metrics)
        if request.finish_reason is not None:
            self._stats.finish_reasons[request.finish_reason] += 1
        self._stats.num_cached_tokens += request.metrics.num_cached_tokens
