"""Turns descriptions of grammars into states that requests own; bound to one tokenizer."""

from __future__ import annotations

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING, cast

import numpy as np
from llguidance import LLMatcher, LLParserLimits, LLTokenizer

from helix.structured.grammar import JSON_STYLE, Grammar
from helix.structured.state import GrammarState, Origin, refused
from helix.structured.terminal_size import terminals_fit
from helix.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    from llguidance import TokenizerWrapper
    from llguidance._lib import JsonCompileOptions

MAX_CACHED_GRAMMARS = 128
MAX_COMPILE_S = 5.0
"""CPU time after which a grammar is refused, with the first tokens tried."""
NUM_TRIED_TOKENS = 8

_LIMITS = LLParserLimits(
    initial_lexer_fuel=200_000, max_grammar_size=20_000, max_lexer_states=50_000, verbose_errors=False
)
"""A fifth of llguidance's defaults or less. A schema of 20 objects with 9 constrained properties each takes a seventh
of the fuel, one with 1,000 optional properties two fifths of the size."""
_STACK_BYTES = 256 * 2**20
"""llguidance recurses through chains of rules, up to 16 KiB each; MAX_GRAMMAR_BYTES spell at most 6,000 of them."""


class GrammarCompiler:
    """Compiles grammars and keeps the last ones; may be called from any thread.

    The vocabulary is indexed when the first grammar comes, which takes a second for 150,000 tokens.
    """

    def __init__(self, tokenizer: Tokenizer, *, max_cached: int = MAX_CACHED_GRAMMARS) -> None:
        self.tokenizer = tokenizer
        self.max_cached = max_cached
        self._compiled: OrderedDict[Grammar, LLMatcher] = OrderedDict()
        self._cache_lock = threading.Lock()
        self._compile_lock = threading.Lock()

    def compile(self, grammar: Grammar) -> GrammarState:
        """Return a fresh state at the beginning of grammar.

        Raises:
            InvalidRequestError: The grammar is wrong, has no sentence, uses what is not supported, or is too large;
                or the tokenizer's tokens have no bytes of their own. param is "grammar".
        """
        matcher = self._cached(grammar)
        if matcher is None:
            with self._compile_lock:
                matcher = self._cached(grammar) or self._compile(grammar)
        return GrammarState(Origin(matcher, self.tokenizer.vocab_size, lambda: self._compile(grammar).deep_copy()))

    def _cached(self, grammar: Grammar) -> LLMatcher | None:
        with self._cache_lock:
            if grammar not in self._compiled:
                return None
            self._compiled.move_to_end(grammar)
            return self._compiled[grammar]

    def _compile(self, grammar: Grammar) -> LLMatcher:
        """Compile a grammar and keep it for later requests, instead of an earlier one whose automaton is full."""
        matcher = _run_with_stack(lambda: self._build(grammar))
        with self._cache_lock:
            self._compiled[grammar] = matcher
            while len(self._compiled) > self.max_cached:
                self._compiled.popitem(last=False)
        return matcher

    def _build(self, grammar: Grammar) -> LLMatcher:
        started_s = time.thread_time()
        if grammar.kind == "lark" and not terminals_fit(grammar.text):
            raise refused("its terminals are too large")
        try:
            source = _source(grammar)
        except ValueError as error:
            raise refused(str(error)) from None
        matcher = LLMatcher(self._matcher_tokenizer, source, log_level=0, limits=_LIMITS)
        if matcher.is_error():
            raise refused(matcher.get_error())
        state = GrammarState(Origin(matcher, self.tokenizer.vocab_size, matcher.deep_copy, num_rebuilds_left=0))
        for number in range(NUM_TRIED_TOKENS):
            mask = state.masks()[0]
            if state.error is not None:
                raise refused(state.error)
            if time.thread_time() - started_s > MAX_COMPILE_S:
                raise refused("it is too complex")
            if state.is_complete:
                break
            allowed = np.unpackbits(mask, bitorder="little").nonzero()[0]
            state.accept(int(allowed[number * len(allowed) // NUM_TRIED_TOKENS]))
        return matcher

    @cached_property
    def _matcher_tokenizer(self) -> LLTokenizer:
        if not self.tokenizer.is_context_free:
            raise refused("the tokens of this model have no bytes of their own")
        if not self.tokenizer.eos_token_ids:
            raise refused("this model has no end of sequence")
        return _MatcherTokenizer(self.tokenizer).index()


class _MatcherTokenizer:
    """The tokenizer as llguidance wants it; its names are part of that interface.

    Special tokens and ends of sequence are no text, so that no string in an answer can contain them.
    """

    is_tokenizer_wrapper = True
    bos_token_id = None

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        ids = range(tokenizer.vocab_size)
        self.tokens = [tokenizer.token_bytes(token_id) for token_id in ids]
        self.special_token_ids = [i for i in ids if tokenizer.is_special(i) or i in tokenizer.eos_token_ids]
        self.eos_token_id = min(tokenizer.eos_token_ids)
        self._special = frozenset(self.special_token_ids)
        self._sentinel = tokenizer.encode(_SENTINEL, add_special_tokens=False)
        self._index: LLTokenizer | None = None

    def index(self) -> LLTokenizer:
        """Return the vocabulary as a trie; slow."""
        wrapper, eos_token_ids = cast("TokenizerWrapper", self), sorted(self._tokenizer.eos_token_ids)
        self._index = LLTokenizer(wrapper, n_vocab=len(self.tokens), eos_token=eos_token_ids)
        return self._index

    def __call__(self, text: str) -> list[int]:
        """Return the tokens that spell text exactly, by the model's own cut wherever that is possible.

        Its own cut adds a space where SentencePiece begins a text, which a character before it prevents, and reads the
        names of special tokens as these tokens, which the longest matches never do.
        """
        token_ids = self._tokenizer.encode(text, add_special_tokens=False)
        if self._spells(token_ids, text):
            return token_ids
        token_ids = self._tokenizer.encode(_SENTINEL + text, add_special_tokens=False)
        num_before = len(self._sentinel)
        if token_ids[:num_before] == self._sentinel and self._spells(token_ids[num_before:], text):
            return token_ids[num_before:]
        assert self._index is not None, "the matcher has no text before the vocabulary is indexed"
        return self._index.greedy_tokenize(text)

    def _spells(self, token_ids: Sequence[int], text: str) -> bool:
        if not self._special.isdisjoint(token_ids):
            return False
        return b"".join(self.tokens[token_id] for token_id in token_ids) == text.encode()


_SENTINEL = "\x02"
"""A character that no tokenizer joins with what follows."""


def _source(grammar: Grammar) -> str:
    """Return a grammar as llguidance reads it; raises ValueError where its JSON is not llguidance's."""
    if grammar.kind == "regex":
        return LLMatcher.grammar_from_regex(grammar.text)
    if grammar.kind == "lark":
        return json.dumps({"grammars": [{"lark_grammar": grammar.text}]})
    schema = grammar.text if grammar.kind == "json_schema" else '{"type": "object"}'
    return LLMatcher.grammar_from_json_schema(schema, overrides=cast("JsonCompileOptions", dict(JSON_STYLE)))


def _run_with_stack(function: Callable[[], LLMatcher]) -> LLMatcher:
    """Run function on a thread of its own that may recurse deeply; its exception is raised here."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        with _STACK_LOCK:  # the size is for all threads that start meanwhile
            before = threading.stack_size(_STACK_BYTES)
            try:
                future = pool.submit(function)
            finally:
                threading.stack_size(before)
        return future.result()


_STACK_LOCK = threading.Lock()
