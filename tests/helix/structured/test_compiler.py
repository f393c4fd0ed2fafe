"""What is refused and how fast, what is kept, and vocabularies of the families Helix meets."""

from __future__ import annotations

import gc
import json
import random
import threading
from collections.abc import Callable
from typing import Any, cast

import pytest
from llguidance import LLParserLimits
from transformers import PreTrainedTokenizerFast

from helix.errors import InvalidRequestError
from helix.structured.compiler import GrammarCompiler
from helix.structured.grammar import MAX_GRAMMAR_BYTES, Grammar
from helix.structured.state import GrammarState
from helix.text.tokenizer import Tokenizer
from tests.grammars import COMPILER, END, TextTokenizer, allowed, ids_of
from tests.helix.text.conftest import BACKENDS

RECORD = {
    "type": "object",
    "properties": {
        "name": {"enum": ["The \u00e9t\u00e9 of Stra\u00dfe", "na\u00efve <|end|> \u4f60\u597d", "</s><s>"]},
        "they have": {"type": "integer", "minimum": -5, "maximum": 12345},
        "is_it": {"type": "boolean"},
        "list": {
            "type": "array",
            "items": {"type": "number", "multipleOf": 0.5, "minimum": 0, "maximum": 2},
            "maxItems": 2,
        },
    },
    "required": ["name", "they have", "is_it", "list"],
    "additionalProperties": False,
}


def refusal(grammar: Callable[[], Grammar]) -> str:
    with pytest.raises(InvalidRequestError) as caught:
        COMPILER.compile(grammar())
    assert caught.value.param == "grammar"
    assert str(caught.value).startswith("grammar ")
    assert len(str(caught.value)) < 400
    return str(caught.value)


def finish(state: GrammarState, tokenizer: Any, seed: int, max_tokens: int = 400) -> str:
    """Return a random sentence."""
    rng, token_ids = random.Random(seed), list[int]()
    while not state.is_complete:
        assert len(token_ids) < max_tokens
        token_ids.append(rng.choice(sorted(allowed(state))))
        assert state.accept(token_ids[-1]), state.error
    text: str = tokenizer.decode(token_ids)
    return text


@pytest.mark.parametrize("family", [name for name in BACKENDS if name != "wordpiece"])
def test_sentences_are_json_whatever_the_vocabulary(family: str) -> None:
    """Fails where forced text is cut as at the beginning of a text, or read as special tokens."""
    end = {"sentencepiece": "</s>"}.get(family, "<|end|>")
    tokenizer = Tokenizer(PreTrainedTokenizerFast(tokenizer_object=BACKENDS[family](), eos_token=end))
    compiler = GrammarCompiler(tokenizer)
    names = set()
    for seed in range(12):
        record = json.loads(finish(compiler.compile(Grammar.json_schema(RECORD)), tokenizer, seed))
        names.add(record["name"])
        assert list(record) == list(RECORD["properties"])  # type: ignore[call-overload]
        assert -5 <= record["they have"] <= 12345
    assert names == set(RECORD["properties"]["name"]["enum"])  # type: ignore[index]


@pytest.mark.parametrize("family", ["gpt2", "qwen2", "llama3", "shuffled"])
def test_forced_tokens_are_the_models_own_cut(family: str) -> None:
    tokenizer = Tokenizer(PreTrainedTokenizerFast(tokenizer_object=BACKENDS[family](), eos_token="<|end|>"))
    text = json.dumps({"there are the other": "people would have been about"})
    state = GrammarCompiler(tokenizer).compile(Grammar.json_schema({"const": json.loads(text)}))
    own_cut = tokenizer.encode(text, add_special_tokens=False)
    assert state.forced_tokens(len(own_cut)) == own_cut


def test_a_tokenizer_whose_tokens_have_no_bytes_is_refused() -> None:
    tokenizer = Tokenizer(PreTrainedTokenizerFast(tokenizer_object=BACKENDS["wordpiece"](), eos_token="the"))
    with pytest.raises(InvalidRequestError, match="no bytes of their own"):
        GrammarCompiler(tokenizer).compile(Grammar.json_object())


def test_a_tokenizer_without_an_end_of_sequence_is_refused() -> None:
    tokenizer = Tokenizer(PreTrainedTokenizerFast(tokenizer_object=BACKENDS["gpt2"]()))
    with pytest.raises(InvalidRequestError, match="no end of sequence"):
        GrammarCompiler(tokenizer).compile(Grammar.json_object())


@pytest.mark.parametrize(
    ("schema", "word"),
    [
        ({"not": {"type": "string"}}, "not"),
        ({"if": {}, "then": {}}, "if"),
        ({"type": "array", "uniqueItems": True}, "uniqueItems"),
        ({"type": "array", "contains": {"const": 1}}, "contains"),
        ({"type": "object", "propertyNames": {"pattern": "a"}}, "propertyNames"),
        ({"type": "object", "dependentRequired": {"a": ["b"]}}, "dependentRequired"),
        ({"type": "string", "format": "weird"}, "weird"),
        ({"type": "strng"}, "strng"),
        ({"type": "string", "pattern": "(?=a)b"}, "look-ahead"),
        ({"type": "object", "properties": {"a": False}, "required": ["a"]}, "unsatisfiable"),
        ({"$ref": "#/$defs/missing"}, "missing"),
        ({"$ref": "http://127.0.0.1:1/schema.json"}, "127.0.0.1"),
        ({"$ref": "file:///etc/passwd"}, "passwd"),
        ({"x-guidance": {"lenient": True}, "uniqueItems": True, "type": "array"}, "uniqueItems"),
    ],
)
def test_what_a_schema_asks_and_cannot_get_is_named(schema: dict[str, Any], word: str) -> None:
    assert word in refusal(lambda: Grammar.json_schema(schema))


@pytest.mark.parametrize(
    "pattern", ["(", r"(a)\1", "(?<=a)b", "[z-a]", "a{2,1}", "\ud800", "(" * 5000 + "a" + ")" * 5000]
)
def test_a_broken_regex_is_refused(pattern: str) -> None:
    refusal(lambda: Grammar.regex(pattern))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "start: nothing",
        'start: "a',
        'start: start "a"',  # has no sentence
        '{"grammars": [{"regex": "a"}]}',  # llguidance's own format is not Lark
        "start: " + "(" * 20_000 + '"a"' + ")" * 20_000,
    ],
    ids=["empty", "undefined", "broken", "endless", "another format", "deep"],
)
def test_a_broken_grammar_is_refused(text: str) -> None:
    refusal(lambda: Grammar.lark(text))


def chain(make: Callable[[int], str], join: Callable[[list[str]], str]) -> str:
    """Return as long a chain of definitions as may be sent at all."""
    low, high = 1, MAX_GRAMMAR_BYTES
    while high - low > 1:
        middle = (low + high) // 2
        fits = len(join([make(i) for i in range(middle)])) <= MAX_GRAMMAR_BYTES
        low, high = (middle, high) if fits else (low, middle)
    return join([make(i) for i in range(low)])


def definitions(make: Callable[[int], str]) -> str:
    return chain(
        lambda i: f'"{i}": {make(i + 1)}',
        lambda parts: f'{{"$ref": "#/$defs/0", "$defs": {{{", ".join(parts)}, "{len(parts)}": {{}}}}}}',
    )


def rules(make: Callable[[int], str], name: str) -> str:
    return chain(make, lambda parts: "\n".join(["start: " + name + "0", *parts, f'{name}{len(parts)}: "a"']))


HOSTILE: dict[str, Callable[[], Grammar]] = {
    "rules in a chain": lambda: Grammar.lark(rules(lambda i: f"r{i}:r{i + 1}", "r")),
    "terminals in a chain": lambda: Grammar.lark(rules(lambda i: f"R{i}:R{i + 1}?", "R")),
    "rules that double": lambda: Grammar.lark(rules(lambda i: f"r{i}: r{i + 1} r{i + 1}", "r")),
    "terminals that double": lambda: Grammar.lark(
        "\n".join(["start: R0", *(f"R{i}: R{i + 1} R{i + 1}" for i in range(25)), 'R25: "a"'])
    ),
    "ambiguity": lambda: Grammar.lark('start: s\ns: s s | s s s | "a" | ""'),
    "references in a chain": lambda: Grammar("json_schema", definitions(lambda i: f'{{"$ref": "#/$defs/{i}"}}')),
    "objects in a chain": lambda: Grammar(
        "json_schema",
        definitions(lambda i: f'{{"type":"object","properties":{{"":{{"$ref":"#/$defs/{i}"}}}},"required":[""]}}'),
    ),
    "arrays in a chain": lambda: Grammar(
        "json_schema", definitions(lambda i: f'{{"type": "array", "items": {{"$ref": "#/$defs/{i}"}}}}')
    ),
    "a schema of itself": lambda: Grammar.json_schema({"$ref": "#"}),
    "an object of itself": lambda: Grammar.json_schema(
        {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}
    ),
    "many properties": lambda: Grammar.json_schema(
        {"type": "object", "properties": {f"p{i}": {} for i in range(3500)}}
    ),
    "many values": lambda: Grammar.json_schema({"enum": [f"value {i}" for i in range(3500)]}),
    "long strings": lambda: Grammar.json_schema({"type": "string", "minLength": 10**9}),
    "long arrays": lambda: Grammar.json_schema({"type": "array", "items": {"type": "array"}, "minItems": 10**9}),
    "repeated repetition": lambda: Grammar.regex("((a{1,1000}){1,1000}){1,1000}"),
    "many states": lambda: Grammar.regex("(.*a){30}.{30}b"),
    "a long literal": lambda: Grammar.regex("[ab]" * (MAX_GRAMMAR_BYTES // 4)),
    "products": lambda: Grammar.json_schema(
        {"allOf": [{"anyOf": [{"type": "object", "properties": {f"k{i}{j}": {}}} for i in range(8)]} for j in range(8)]}
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_grammar_ends_nobody_but_its_own_request(name: str) -> None:
    """Served or refused, without a crash, at the small stack of an ordinary thread; the next grammar is served."""
    compiler = GrammarCompiler(cast(Tokenizer, TextTokenizer()))
    outcome: list[str | None] = []

    def serve() -> None:
        try:
            state = compiler.compile(HOSTILE[name]())
        except InvalidRequestError as error:
            outcome.append(str(error))
            return
        rng = random.Random(1)
        for _ in range(20):
            if state.is_complete or not state.accept(rng.choice(sorted(ids_of(state.masks()[0])))):
                break
        outcome.append(state.error)

    thread = threading.Thread(target=serve)
    thread.start()
    thread.join()
    assert len(outcome) == 1
    compiler._compiled.clear()
    gc.collect()
    assert json.loads(finish(compiler.compile(Grammar.json_schema({"enum": [12, "ab"]})), TextTokenizer(), 0)) in (
        12,
        "ab",
    )


def test_compiled_grammars_are_kept_the_last_used_longest() -> None:
    compiler = GrammarCompiler(cast(Tokenizer, TextTokenizer()), max_cached=2)
    first, second, third = (Grammar.choice([text]) for text in ("a", "b", "c"))
    for grammar in (first, second, first, third):
        compiler.compile(grammar)
    assert list(compiler._compiled) == [first, third]
    kept = compiler._compiled[first]
    compiler.compile(Grammar.choice(["a"]))
    assert compiler._compiled[first] is kept


def test_what_is_refused_is_not_kept() -> None:
    compiler = GrammarCompiler(cast(Tokenizer, TextTokenizer()))
    with pytest.raises(InvalidRequestError):
        compiler.compile(Grammar.regex("("))
    assert not compiler._compiled


def test_states_of_one_grammar_do_not_meet() -> None:
    first, second = (COMPILER.compile(Grammar.regex("(ab|12)+")) for _ in range(2))
    before = allowed(second)
    assert first.accept(TextTokenizer().encode("12")[0])
    assert allowed(second) == before


def test_many_threads_may_compile_at_once() -> None:
    compiler, errors = GrammarCompiler(cast(Tokenizer, TextTokenizer()), max_cached=3), list[BaseException]()

    def work(seed: int) -> None:
        rng = random.Random(seed)
        try:
            for _ in range(20):
                word = rng.choice(["ab", "12", "name", "ca", "x"])
                state = compiler.compile(Grammar.choice([word, word + "z"]))
                assert finish(state, TextTokenizer(), rng.randrange(99)).removesuffix("z") == word
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_json_is_written_as_json_dumps_writes_it() -> None:
    record = {"a": [1, {"b": None}], "c": "x"}
    schema = {
        "type": "object",
        "properties": {name: {"const": value} for name, value in record.items()},
        "required": list(record),
        "additionalProperties": False,
    }
    text = finish(COMPILER.compile(Grammar.json_schema(schema)), TextTokenizer(), 0)
    assert text == json.dumps(record)


def test_no_compile_waits_for_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A grammar whose every step is slow is refused when it comes, not when it runs."""
    monkeypatch.setattr("helix.structured.compiler.MAX_COMPILE_S", 0.0)
    with pytest.raises(InvalidRequestError, match="too complex"):
        GrammarCompiler(cast(Tokenizer, TextTokenizer())).compile(Grammar.json_object())


def test_a_step_that_takes_too_long_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    state = COMPILER.compile(Grammar.json_object())
    monkeypatch.setattr("helix.structured.state.MAX_STEP_S", -1.0)
    assert len(allowed(state)) == TextTokenizer.vocab_size
    assert state.error is not None and "too complex" in state.error


MANY_STATES = Grammar.regex("[ab]*a[ab]{12}")
"""Which of the last thirteen letters were an a: up to 8,192 states."""


def test_no_request_fails_because_others_have_filled_the_automaton(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is shared by all requests of a grammar and never shrinks."""
    limits = LLParserLimits(max_lexer_states=300, verbose_errors=False)
    monkeypatch.setattr("helix.structured.compiler._LIMITS", limits)
    compiler = GrammarCompiler(cast(Tokenizer, TextTokenizer()))

    def walk(state: GrammarState, seed: int, num_tokens: int) -> list[int]:
        rng, token_ids = random.Random(seed), list[int]()
        for _ in range(num_tokens):
            token_ids.append(rng.choice(sorted(allowed(state) - TextTokenizer.eos_token_ids)))
            assert state.accept(token_ids[-1]), state.error
        return token_ids

    begun = compiler.compile(MANY_STATES)
    first = walk(begun, 0, 5)
    kept = compiler._compiled[MANY_STATES]
    for seed in range(1, 60):
        walk(compiler.compile(MANY_STATES), seed, 20)
    assert compiler._compiled[MANY_STATES] is not kept, "the automaton was never full"
    fresh = GrammarCompiler(cast(Tokenizer, TextTokenizer())).compile(MANY_STATES)
    assert all(fresh.accept(token_id) for token_id in first)
    assert walk(begun, 100, 10) == walk(fresh, 100, 10)
    assert begun.error is None


def test_a_request_that_fills_an_automaton_by_itself_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("helix.structured.compiler._LIMITS", LLParserLimits(max_lexer_states=300, verbose_errors=False))
    state = GrammarCompiler(cast(Tokenizer, TextTokenizer())).compile(MANY_STATES)
    rng = random.Random(0)
    for _ in range(5000):
        if not state.accept(rng.choice(sorted(allowed(state) - TextTokenizer.eos_token_ids))):
            break
    assert state.error is not None and "states" in state.error
    assert allowed(state) == set(range(TextTokenizer.vocab_size))


def test_a_schema_inside_a_grammar_is_written_as_one_that_stands_alone() -> None:
    alone, inside = (
        COMPILER.compile(grammar)
        for grammar in (Grammar.json_schema(RECORD), Grammar.lark(f"start: {Grammar.json_schema(RECORD).term}"))
    )
    rng = random.Random(1)
    while not alone.is_complete:
        assert allowed(alone) == allowed(inside)
        token_id = rng.choice(sorted(allowed(alone)))
        assert alone.accept(token_id) and inside.accept(token_id)
    assert inside.is_complete


@pytest.mark.parametrize(
    ("grammar", "text"),
    [
        (Grammar.json_object(), '{"a": [1]}'),
        (Grammar.regex("a/b|c\\/d"), "c/d"),
        (Grammar.regex("a\nb"), "a\nb"),
        (Grammar.choice(["a\nb/c", "x"]), "a\nb/c"),
        (Grammar.lark('start: "a" B\nB: /[b}]+/'), "ab}b"),
    ],
)
def test_every_grammar_has_a_term_inside_another(grammar: Grammar, text: str) -> None:
    for inside in (grammar, Grammar.lark(f'start: "<" inner ">"\ninner: {grammar.term}')):
        state = COMPILER.compile(inside)
        token_ids = TextTokenizer().encode(text if inside is grammar else f"<{text}>")
        assert all(state.accept(token_id) for token_id in token_ids)
        assert state.is_complete or END in allowed(state)
        assert not COMPILER.compile(inside).accept(TextTokenizer().encode("?")[0])
