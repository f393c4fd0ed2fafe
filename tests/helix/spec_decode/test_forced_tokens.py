from __future__ import annotations

from helix.request import Request
from helix.sampling_params import SamplingParams
from helix.spec_decode.forced_tokens import ForcedTokensProposer
from helix.spec_decode.proposer import DraftRequest
from helix.structured.grammar import Grammar
from tests.grammars import TextTokenizer, begin

ENCODE = TextTokenizer().encode
GRAMMAR = Grammar.json_schema(
    {
        "type": "object",
        "properties": {"name": {"enum": ["ab", "12"]}},
        "required": ["name"],
        "additionalProperties": False,
    }
)


def make_request(grammar: Grammar | None = GRAMMAR) -> Request:
    state = None if grammar is None else begin(grammar)
    return Request("a", [5], SamplingParams(grammar=grammar), seed=0, max_tokens=50, grammar=state)


def propose(request: Request, max_draft_tokens: int = 20, prefix: list[int] | None = None) -> list[int]:
    asked = DraftRequest(request=request, max_draft_tokens=max_draft_tokens, prefix=prefix or [])
    drafts = ForcedTokensProposer().propose([asked])
    return drafts["a"].token_ids if drafts else []


def test_everything_up_to_the_first_choice_is_drafted_and_certain() -> None:
    asked = DraftRequest(request=make_request(), max_draft_tokens=20)
    draft = ForcedTokensProposer().propose([asked])["a"]
    assert TextTokenizer().decode(draft.token_ids) == '{"name": "'
    assert (draft.proposer, draft.probs, draft.confidence) == ("grammar", None, [1.0] * len(draft.token_ids))


def test_no_more_than_asked_for() -> None:
    assert propose(make_request(), 1) == ENCODE('{"')


def test_what_another_proposer_drafted_is_continued() -> None:
    assert propose(make_request(), prefix=ENCODE('{"')) == ENCODE('name": "')
    assert TextTokenizer().decode(propose(make_request(), prefix=ENCODE('{"name": "ab'))) == '"}'
    assert propose(make_request(), prefix=ENCODE('{"name": "')) == [], "there is a choice"


def test_nothing_is_forced_behind_what_the_grammar_refuses_or_its_end() -> None:
    assert propose(make_request(), prefix=ENCODE("x")) == []
    assert propose(make_request(), prefix=ENCODE('{"name": "ab"}')) == []


def test_committed_tokens_are_where_it_starts() -> None:
    request = make_request()
    for token_id in ENCODE('{"name": "12'):
        request.commit_token(token_id)
    assert TextTokenizer().decode(propose(request)) == '"}'


def test_requests_without_a_grammar_or_a_forced_token_get_no_draft() -> None:
    assert propose(make_request(None)) == []
    assert propose(make_request(Grammar.regex("[a-z]+"))) == []
    ForcedTokensProposer().forget(make_request())
