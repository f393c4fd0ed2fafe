"""What a draft model of another vocabulary is asked to compute, and what becomes of what it writes."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import cast

import pytest
import torch
from torch import Tensor

from helix.model.batch import Span
from helix.model.runner import ModelRunner
from helix.request import Request, RequestStatus
from helix.sampling_params import SamplingParams
from helix.spec_decode.proposer import DraftRequest
from helix.spec_decode.translated_draft import TranslatedDraftProposer, translate_confidence
from helix.text.translation import Translation
from tests.vocabularies import CIRCLE, circle_tokenizer

TARGET, DRAFT = circle_tokenizer(2), circle_tokenizer(3)
TRANSLATION = Translation(TARGET, DRAFT)
NUM_PADDING = 3
END = TARGET.encode("<|end|>")[0]


class CircleRunner:
    """Goes on round the circle, notes what it computes, and fails where a slot does not hold what it must."""

    def __init__(self, *, num_blocks: int = 64, block_size: int = 4, vocab_size: int | None = None) -> None:
        self.pool = SimpleNamespace(num_blocks=num_blocks, block_size=block_size)
        width = DRAFT.vocab_size + NUM_PADDING if vocab_size is None else vocab_size
        self.loaded = SimpleNamespace(vocab_size=width, max_model_len=100, device=torch.device("cpu"))
        self.passes: list[list[tuple[int, str]]] = []
        self.next_text: str | None = None
        """What it writes instead of the circle."""
        self._slots: dict[int, int] = {}

    def forward(self, spans: Sequence[Span]) -> Tensor:
        self.passes.append([(span.start, DRAFT.decode(span.token_ids)) for span in spans])
        rows = []
        for span in spans:
            slots = [span.block_table[p // 4] * 4 + p % 4 for p in range(span.seq_len)]
            self._slots |= dict(zip(slots[span.start :], span.token_ids, strict=True))
            text = DRAFT.decode([self._slots[slot] for slot in slots])
            assert text in CIRCLE * 20, "the text before is another one"
            rows += [self._logits(text)] * span.num_logits
        return torch.stack(rows) if rows else torch.empty(0)

    def _logits(self, text: str) -> Tensor:
        logits = torch.zeros(self.loaded.vocab_size)
        goes_on = self.next_text or (CIRCLE * 20)[(CIRCLE * 20).index(text) + len(text) :][:37]
        logits[DRAFT.encode(goes_on)[0]] = 10
        logits[DRAFT.vocab_size :] = 50
        return logits


def _proposer(runner: CircleRunner, *, budget: int = 100, **options: bool) -> TranslatedDraftProposer:
    return TranslatedDraftProposer(cast(ModelRunner, runner), TRANSLATION, max_num_batched_tokens=budget, **options)


def _request(name: str, text: str, *, salt: str | None = None) -> Request:
    request = Request(
        name, TARGET.encode(text), SamplingParams(temperature=0.5), seed=3, max_tokens=50, cache_salt=salt
    )
    request.status = RequestStatus.RUNNING
    return request


def _asked(request: Request, num_drafts: int = 6, prefix: str = "") -> DraftRequest:
    return DraftRequest(request=request, max_draft_tokens=num_drafts, prefix=TARGET.encode(prefix))


def _written(proposer: TranslatedDraftProposer, *asked: DraftRequest) -> dict[str, str]:
    drafts = proposer.propose(asked)
    assert all(draft.probs is None and draft.proposer == "draft" for draft in drafts.values())
    return {name: TARGET.decode(draft.token_ids) for name, draft in drafts.items()}


def test_the_draft_reads_its_own_tokens_and_writes_the_targets() -> None:
    runner = CircleRunner()
    proposer, request = _proposer(runner), _request("a", "abcdef")
    (draft,) = proposer.propose([_asked(request)]).values()
    assert draft.token_ids == TARGET.encode("ghijklmnopqr")
    assert runner.passes == [[(0, "abcdef")], [(2, "ghi")], [(3, "jkl")], [(4, "mno")], [(5, "pqr")]]


def test_only_what_changed_is_computed_again() -> None:
    runner = CircleRunner()
    proposer, request = _proposer(runner), _request("a", "abcdef")
    assert proposer.num_tokens_behind(_asked(request)) == 3
    proposer.propose([_asked(request)])
    request.token_ids += TARGET.encode("ghijklmn")
    assert proposer.num_tokens_behind(_asked(request)) == 1
    runner.passes.clear()
    assert _written(proposer, _asked(request, 2)) == {"a": "op"}
    assert runner.passes == [[(4, "mn")], [(5, "o")]], "of the last guess, mno was wrong"


def test_prefixes_of_other_proposers_are_read_and_forgotten() -> None:
    runner = CircleRunner()
    proposer, request = _proposer(runner), _request("a", "abcdef")
    assert _written(proposer, _asked(request, 3, prefix="ghijkl")) == {"a": "mnopqr"}
    assert _written(proposer, _asked(request, 3)) == {"a": "ghijkl"}
    assert runner.passes[0] == [(0, "abcdefghijkl")]
    assert runner.passes[3] == [(1, "def")]


def test_requests_share_passes_and_leave_them_when_they_have_their_drafts() -> None:
    runner = CircleRunner()
    proposer = _proposer(runner)
    deep, shallow, unsure = (_asked(_request(name, "abcdef"), num) for name, num in (("a", 6), ("b", 2), ("c", 6)))
    unsure.goes_on = lambda confidence: len(confidence) < 2
    assert _written(proposer, deep, shallow, unsure) == {"a": "ghijklmnopqr", "b": "ghij", "c": "ghij"}
    assert [len(spans) for spans in runner.passes] == [3, 3, 1, 1, 1]


def test_a_draft_far_behind_catches_up_over_several_steps() -> None:
    runner = CircleRunner()
    proposer, request = _proposer(runner, budget=5), _request("a", (CIRCLE * 2)[:40])
    assert _written(proposer, _asked(request)) == {}
    assert _written(proposer, _asked(request)) == {}
    assert _written(proposer, _asked(request, 2)) == {"a": "def"}
    assert [spans[0][0] for spans in runner.passes] == [0, 5, 10, 14]


def test_where_no_blocks_are_free_a_request_goes_without_until_there_are() -> None:
    proposer = _proposer(CircleRunner(num_blocks=3))
    first, second = _request("a", "abcdef"), _request("b", "abcdef")
    assert set(_written(proposer, _asked(first), _asked(second))) == {"a"}
    proposer.forget(first)
    assert set(_written(proposer, _asked(second))) == {"b"}
    proposer.forget(second)
    proposer.forget(second)
    assert proposer.block_manager.num_used_blocks == 0


def test_a_preempted_request_gives_its_blocks_up_and_starts_over() -> None:
    runner = CircleRunner(num_blocks=3)
    proposer = _proposer(runner, enable_prefix_caching=False)
    first, second = _request("a", "abcdef"), _request("b", "abcdef")
    proposer.propose([_asked(first)])
    first.status = RequestStatus.WAITING
    assert set(_written(proposer, _asked(second))) == {"b"}
    assert not proposer.sequences["a"].block_table
    proposer.forget(second)
    first.status = RequestStatus.RUNNING
    runner.passes.clear()
    assert _written(proposer, _asked(first, 2)) == {"a": "ghij"}
    assert runner.passes[0] == [(0, "abcdef")]


def test_settled_tokens_are_found_by_others_of_the_same_salt() -> None:
    """The tail is not: the next token may change how it is cut."""
    runner = CircleRunner()
    proposer = _proposer(runner)
    text = (CIRCLE * 6)[: 37 * 5]
    for name, salt in (("a", None), ("b", None), ("c", "other")):
        _written(proposer, _asked(_request(name, text, salt=salt), 1))
    starts = [spans[0][0] for spans in runner.passes if "abc" in spans[0][1]]
    assert starts[0] == starts[2] == 0
    assert len(text) / 3 > starts[1] > 0
    settled = proposer.sequences["b"].transcript.num_settled
    assert settled - 4 < starts[1] <= settled


def test_what_cannot_be_drafted_is_left_out() -> None:
    proposer = _proposer(CircleRunner())
    half = _request("half", "abc")
    half.token_ids.append(TARGET.encode("é")[0])
    long = _request("long", CIRCLE * 8)
    assert _written(proposer, _asked(half), _asked(long), _asked(_request("fine", "abc"))).keys() == {"fine"}


def test_tokens_that_the_draft_model_has_no_row_for_are_neither_read_nor_written() -> None:
    """Tokenizers of one family may have more tokens than its smaller models."""
    runner = CircleRunner(vocab_size=DRAFT.encode("yz0")[0])
    proposer = _proposer(runner)
    assert _written(proposer, _asked(_request("a", "abc"), 2)) == {"a": "def"}
    passes = len(runner.passes)
    assert _written(proposer, _asked(_request("b", "yz0"), 2)) == {}
    assert len(runner.passes) == passes


def test_an_end_of_sequence_ends_the_draft_as_the_targets() -> None:
    runner = CircleRunner()
    runner.next_text = "<|end|>"
    (draft,) = _proposer(runner).propose([_asked(_request("a", "abcdef"))]).values()
    assert draft.token_ids == [END]
    assert len(runner.passes) == 1


def test_confidence_is_that_of_the_draft_tokens_that_begin_in_a_token() -> None:
    assert translate_confidence([2, 2], [2, 2], [0.9, 0.8]) == [0.9, 0.8]
    assert translate_confidence([4], [2, 2], [0.5, 0.5]) == [0.25]
    assert translate_confidence([1, 3], [4], [0.7]) == [0.7, 1.0]
    assert translate_confidence([3, 3], [2, 2, 2], [0.5, 0.25, 0.9]) == [0.125, 0.9]
    assert translate_confidence([2], [2, 9], [0.5, 0.1]) == [0.5]


@pytest.mark.parametrize("max_draft_tokens", [1, 2, 3, 5])
def test_no_more_tokens_are_drafted_than_asked_for_and_each_has_its_confidence(max_draft_tokens: int) -> None:
    drafts = _proposer(CircleRunner()).propose([_asked(_request("a", "abcdef"), max_draft_tokens)])
    for draft in drafts.values():
        assert 0 < len(draft.token_ids) <= max_draft_tokens
        assert draft.confidence is not None
        assert len(draft.confidence) == len(draft.token_ids)
        assert all(0.9 < value <= 1 for value in draft.confidence)
