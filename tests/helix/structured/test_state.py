"""Masks against slow references; looking ahead changes nothing; what is forced is all there is."""

from __future__ import annotations

import copy
import itertools
import json
import random
import re
from collections.abc import Iterator

import pytest

from helix.structured.grammar import Grammar
from helix.structured.state import GrammarState
from tests.grammars import END, MARK, OTHER_END, TOKENS, TextTokenizer, after, allowed, begin, ids_of

VOCAB_SIZE = len(TOKENS)
PERSON = Grammar.json_schema(
    {
        "type": "object",
        "properties": {
            "name": {"type": "string", "maxLength": 8},
            "age": {"type": "integer", "minimum": 0, "maximum": 120},
            "tags": {"type": "array", "items": {"enum": ["ab", "abc", "ca"]}, "maxItems": 3},
            "ok": {"type": "boolean"},
        },
        "required": ["name", "age", "tags", "ok"],
        "additionalProperties": False,
    }
)
GRAMMARS = {
    "person": PERSON,
    "object": Grammar.json_object(),
    "regex": Grammar.regex("[a-c]{2,5}( [a-c]+)*"),
    "choice": Grammar.choice(["abc", "ab", "name", "\u00e9", "\u00e8"]),
    "lark": Grammar.lark('start: list\nlist: "[" (item ("," item)*)? "]"\nitem: list | /[0-9]{1,2}/'),
    "suffix": Grammar.lark('start: a "b"\na[suffix="x"]: /[a-z]+/'),
    "stop": Grammar.lark('start: a "b"\na[stop="x"]: /[a-z]+/'),
    "special": Grammar.lark('start: "a" <mark> /[ab]{1,3}/'),
}
# Of each grammar: what its sentences match, and what their beginnings match; both as bytes.
REFERENCES = [
    (Grammar.regex("[ab]*c"), "[ab]*c", "[ab]*c?"),
    (Grammar.regex("a{2,4}(bc)?"), "a{2,4}(bc)?", "a{0,4}|a{2,4}(b|bc)"),
    (Grammar.regex("(na|name|n)*[0-9]"), "(na|name|n)*[0-9]", "(na|name|n)*(nam?)?|(na|name|n)*[0-9]"),
    (Grammar.json_schema({"type": "integer"}), "-?(0|[1-9][0-9]*)", "-?(0|[1-9][0-9]*)?"),
    (Grammar.json_schema({"type": "boolean"}), "true|false", "(t|tr|tru|true|f|fa|fal|fals|false)?"),
    (Grammar.choice(["ab", "ab12", "abca", "x"]), "ab|ab12|abca|x", "(a|ab|ab1|ab12|abc|abca|x)?"),
    (
        Grammar.regex("[a\u00e9\u00e8]{1,3}"),
        "(a|\xc3\xa9|\xc3\xa8){1,3}",
        "(a|\xc3\xa9|\xc3\xa8){0,2}(a|\xc3|\xc3\xa9|\xc3\xa8)?",
    ),
]


def random_walk(state: GrammarState, rng: random.Random, max_tokens: int) -> Iterator[int]:
    """Commit allowed tokens to the end, and yield each before it is committed."""
    for _ in range(max_tokens):
        token_id = rng.choice(sorted(allowed(state)))
        yield token_id
        assert state.accept(token_id)
        if state.is_complete:
            return


@pytest.mark.parametrize(("grammar", "sentence", "beginning"), REFERENCES, ids=[r[1] for r in REFERENCES])
def test_allowed_is_what_some_sentence_goes_on_with(grammar: Grammar, sentence: str, beginning: str) -> None:
    """Where the next byte is certain only its canonical token is allowed; everywhere else, every token that fits."""
    is_sentence, is_beginning = re.compile(sentence.encode("latin-1")), re.compile(beginning.encode("latin-1"))
    num_free = 0
    for seed in range(30):
        state, text = begin(grammar), b""
        for token_id in random_walk(state, random.Random(seed), 8):
            fitting = {i for i in range(MARK + 1, VOCAB_SIZE) if TOKENS[i] and is_beginning.fullmatch(text + TOKENS[i])}
            ends = {END, OTHER_END} if is_sentence.fullmatch(text) else set()
            if len({TOKENS[i][0] for i in fitting}) > 1 or ends:
                assert allowed(state) == fitting | ends, text
                num_free += 1
            else:
                assert allowed(state) <= fitting and allowed(state), text
            text += b"" if token_id in ends else TOKENS[token_id]
        if state.is_complete:
            assert is_sentence.fullmatch(text), text
    assert num_free > 10


def test_exactly_the_sentences_can_be_reached() -> None:
    """Forcing canonical tokens takes spellings away and no sentence."""
    sentences = {
        "".join(parts) for n in (1, 2) for parts in itertools.product(("na", "name", "\u00e9", "12"), repeat=n)
    }
    reached: set[str] = set()

    def walk(state: GrammarState, token_ids: list[int]) -> None:
        for token_id in allowed(state):
            behind = copy.deepcopy(state)
            assert behind.accept(token_id)
            if behind.is_complete:
                reached.add(TextTokenizer().decode([*token_ids, token_id]))
            else:
                walk(behind, [*token_ids, token_id])

    walk(begin(Grammar.choice(sorted(sentences))), [])
    assert reached == sentences


@pytest.mark.parametrize("name", GRAMMARS)
def test_a_mask_does_not_depend_on_what_was_looked_at_before(name: str) -> None:
    """Drafts of all kinds, accepted in part, against a state that saw nothing but the committed tokens."""
    rng = random.Random(3)
    for _ in range(6):
        state, committed = begin(GRAMMARS[name]), list[int]()
        for token_id in random_walk(begin(GRAMMARS[name]), rng, 25):
            fresh = after(GRAMMARS[name], committed)
            for _ in range(rng.randrange(3)):
                junk = [rng.randrange(-2, VOCAB_SIZE + 3) for _ in range(rng.randrange(5))]
                drafted = [token_id, *junk] if rng.random() < 0.5 else junk
                state.masks(drafted, rng.randrange(len(drafted) + 1))
                state.forced_tokens(4)
            assert allowed(state) == allowed(fresh)
            assert (state.is_complete, state.error) == (fresh.is_complete, fresh.error) == (False, None)
            assert state.accept(token_id)
            committed.append(token_id)


@pytest.mark.parametrize("name", GRAMMARS)
def test_masks_along_a_draft_are_those_of_committing_it(name: str) -> None:
    for seed in range(8):
        drafted = list(random_walk(begin(GRAMMARS[name]), random.Random(seed), 12))
        if after(GRAMMARS[name], drafted).is_complete:
            drafted.pop()  # behind the end rows have no meaning
        masks = begin(GRAMMARS[name]).masks(drafted)
        assert len(masks) == len(drafted) + 1
        for number, mask in enumerate(masks):
            assert ids_of(mask) == allowed(after(GRAMMARS[name], drafted[:number]))
        assert [ids_of(m) for m in begin(GRAMMARS[name]).masks(drafted, 3)] == [ids_of(m) for m in masks[3:]]


@pytest.mark.parametrize("junk", [-1, VOCAB_SIZE, 10**9, MARK, TextTokenizer().encode("}")[0], END])
def test_behind_a_token_that_is_refused_everything_is_allowed_and_nothing_breaks(junk: int) -> None:
    state = begin(PERSON)
    (open_id,) = state.forced_tokens(1)
    masks = state.masks([open_id, junk, open_id])
    assert ids_of(masks[0]) == {open_id}
    assert ids_of(masks[2]) == ids_of(masks[3]) == set(range(VOCAB_SIZE))
    assert state.forced_tokens(5, prefix=[open_id, junk]) == []
    assert state.accept(open_id)
    assert state.error is None


def test_a_committed_token_that_is_refused_is_an_error_for_good() -> None:
    state = begin(PERSON)
    (open_id,) = state.forced_tokens(1)
    assert not state.accept(END)
    assert state.error is not None and "not allow" in state.error
    assert not state.accept(open_id)


def test_the_answer_ends_where_nothing_can_follow_and_not_before() -> None:
    state = begin(PERSON)
    for token_id in TextTokenizer().encode('{"name": "ab", "age": 12, "tags": [], "ok": true}'):
        assert not state.is_complete
        assert allowed(state).isdisjoint({END, OTHER_END})
        assert state.accept(token_id), TOKENS[token_id]
    assert state.is_complete
    assert state.error is None


@pytest.mark.parametrize("end", [END, OTHER_END])
def test_every_end_of_sequence_ends_an_answer_that_could_go_on(end: int) -> None:
    state = after(Grammar.regex("[0-9]+"), TextTokenizer().encode("12"))
    assert {END, OTHER_END} < allowed(state)
    assert allowed(state, [end]) == set(range(VOCAB_SIZE)), "behind the end rows have no meaning"
    assert state.accept(end)
    assert state.is_complete


def test_ends_and_special_tokens_are_no_text() -> None:
    """Else a string could hold one, and the answer would end inside it."""
    state = after(Grammar.json_schema({"type": "string"}), TextTokenizer().encode('"'))
    assert allowed(state).isdisjoint({END, OTHER_END, MARK})
    quoted = begin(Grammar.json_schema({"const": "</s><mark>"}))
    token_ids = list(random_walk(quoted, random.Random(0), 50))
    assert quoted.is_complete
    assert json.loads(TextTokenizer().decode(token_ids)) == "</s><mark>"


@pytest.mark.parametrize("name", GRAMMARS)
def test_forced_tokens_are_those_without_an_alternative(name: str) -> None:
    num_forced = 0
    for seed in range(6):
        state = begin(GRAMMARS[name])
        for token_id in random_walk(state, random.Random(seed), 25):
            forced = state.forced_tokens(30)
            num_forced += len(forced)
            for number, one in enumerate(forced):
                assert allowed(state, forced[:number]) == {one}
                assert state.forced_tokens(2, prefix=forced[:number]) == forced[number : number + 2]
            assert len(allowed(state, forced)) > 1
            assert forced[:1] in ([], [token_id])
    assert num_forced > 0 or name in ("regex", "stop", "suffix")


@pytest.mark.parametrize("name", GRAMMARS)
def test_drafted_tokens_are_allowed_as_far_as_they_could_be_committed(name: str) -> None:
    rng = random.Random(4)
    for _ in range(20):
        state = begin(GRAMMARS[name])
        walk = list(random_walk(begin(GRAMMARS[name]), rng, 12))
        cut = rng.randrange(len(walk) + 1)
        drafted = [*walk[cut:], rng.randrange(VOCAB_SIZE), *walk]
        committed = begin(GRAMMARS[name])
        for token_id in walk[:cut]:
            committed.accept(token_id)
        num_committed = 0
        for token_id in drafted:
            if committed.is_complete or not committed.accept(token_id):
                break
            num_committed += 1
        assert state.num_allowed(drafted, walk[:cut]) == num_committed
        if committed.error is None:
            assert state.ends_behind([*walk[:cut], *drafted[:num_committed]]) == committed.is_complete


def test_a_copy_goes_its_own_way() -> None:
    state = after(PERSON, begin(PERSON).forced_tokens(3))
    before, other = allowed(state), copy.deepcopy(state)
    assert allowed(other) == before
    assert other.accept(min(before))
    assert allowed(state) == before


def test_a_dead_end_is_an_error_and_not_an_end() -> None:
    """The vocabulary has no Greek: the matcher itself would answer that only an end of sequence may follow."""
    state = after(Grammar.regex("[ab]{40}(\u03b1|\u03b2)"), TextTokenizer().encode("ab") * 20)
    assert allowed(state) == set(range(VOCAB_SIZE))
    assert state.error is not None and "no token" in state.error
    assert not state.accept(END)
