"""Acceptance is learnt from what was judged, by kind of guess, and slowly forgotten."""

from __future__ import annotations

import pytest

from helix.spec_decode.experience import Acceptance, Experience, Experiences, RequestExperience, Trust
from helix.spec_decode.proposer import Draft


def test_acceptance_starts_as_expected_and_learns() -> None:
    acceptance = Acceptance(0.8)
    assert acceptance.probability == pytest.approx(0.8)
    for _ in range(40):
        acceptance.observe(False)
    assert acceptance.probability < 0.2


def test_trust_changes_nothing_where_a_request_is_like_the_others() -> None:
    trust = Trust()
    assert trust.apply(0.7) == pytest.approx(0.7)
    for turn in range(300):
        trust.observe([0.7], turn % 10 < 7)
    assert trust.apply(0.7) == pytest.approx(0.7, abs=0.05)


def test_a_few_wrong_guesses_lower_trust_and_time_restores_it() -> None:
    trust = Trust()
    falling = []
    for _ in range(4):
        trust.observe([0.75], 0)
        falling.append(trust.apply(0.75))
    assert falling == sorted(falling, reverse=True)
    assert falling[-1] < 0.35
    for _ in range(1000):
        trust.pass_over()
    assert trust.apply(0.75) == pytest.approx(0.75, abs=0.02)


def test_tokens_of_one_draft_are_told_one_after_another() -> None:
    together, apart = Trust(), Trust()
    together.observe([0.9, 0.5, 0.3], 2)
    for probability, num_accepted in ((0.9, 1), (0.5, 1), (0.3, 0)):
        apart.observe([probability], num_accepted)
    assert together.odds == pytest.approx(apart.odds)
    assert together.odds > 1


def test_trust_in_one_kind_of_guess_holds_for_the_proposers_others() -> None:
    request = RequestExperience(Experience())
    unseen = Draft([0] * 4, "suffix", match_len=12)
    before = request.probabilities(unseen)
    for _ in range(5):
        request.observe(Draft([0], "suffix", match_len=2), 0)
    assert all(after < earlier for after, earlier in zip(request.probabilities(unseen), before, strict=True))


def test_tokens_behind_the_first_rejection_are_not_judged() -> None:
    deep, shallow = Experience(), Experience()
    deep.observe(Draft([1] * 9, "draft"), 1)
    shallow.observe(Draft([1] * 2, "draft"), 1)
    assert deep.expected(9) == shallow.expected(9)


def test_full_acceptance_is_no_rejection() -> None:
    experience = Experience()
    before = experience.expected(3)
    experience.observe(Draft([1, 2, 3], "draft"), 3)
    assert all(after > expected for after, expected in zip(experience.expected(3), before, strict=True))


def test_a_longer_match_promises_more_and_grows_along_the_draft() -> None:
    experience = Experience()
    probabilities = experience.probabilities(Draft([0] * 20, "ngram", match_len=1))
    assert probabilities == sorted(probabilities)
    assert probabilities[0] < 0.5 < 0.9 < probabilities[-1]


def test_confidence_promises_what_it_says_until_it_is_judged() -> None:
    experience = Experience()
    doubtful = Draft([0, 0], "draft", confidence=[0.95, 0.1])
    sure, unsure = experience.probabilities(doubtful)
    assert sure > 0.85
    assert unsure < 0.2
    for _ in range(50):
        experience.observe(Draft([0], "draft", confidence=[0.95]), 0)
    assert experience.probabilities(doubtful)[0] < 0.2
    assert experience.probabilities(doubtful)[1] == unsure


def test_proposers_are_judged_apart() -> None:
    experiences = Experiences()
    before = experiences.of("a", "other").expected(4)
    for _ in range(20):
        experiences.of("a", "draft").observe(Draft([0] * 4, "draft"), 0)
    assert experiences.of("a", "other").expected(4) == before
    assert experiences.of("a", "draft").expected(1)[0] < 0.4


def test_what_one_request_showed_of_itself_is_forgotten_with_it() -> None:
    experiences = Experiences()
    for _ in range(20):
        experiences.of("a", "draft").observe(Draft([0], "draft"), 0)
    own, others = experiences.of("a", "draft").expected(1), experiences.of("b", "draft").expected(1)
    assert own < others
    experiences.forget("a")
    assert experiences.of("a", "draft").expected(1) == others


def test_a_token_of_a_growing_draft_is_judged_like_one_of_a_draft_that_is_made() -> None:
    request = RequestExperience(Experience())
    request.observe(Draft([0] * 3, "draft", confidence=[0.9, 0.5, 0.999]), 1)
    confidence = [0.1, 0.2, 0.65, 0.97, 1.0]
    made = request.probabilities(Draft([0] * 5, "draft", confidence=confidence))
    assert [request.probability(one) for one in confidence] == made


def test_a_new_request_starts_with_what_all_of_them_showed_and_learns_for_itself() -> None:
    general = Experience()
    for _ in range(5):
        one = RequestExperience(general)
        for _ in range(20):
            one.observe(Draft([0], "draft"), 0)
    newcomer, other = RequestExperience(general), RequestExperience(general)
    low = newcomer.expected(1)[0]
    assert low < 0.2
    for _ in range(8):
        newcomer.observe(Draft([0], "draft"), 1)
    assert newcomer.expected(1)[0] > 0.6
    assert other.expected(1)[0] < newcomer.expected(1)[0]


def test_texts_drawn_warm_do_not_begin_with_what_greedy_ones_showed() -> None:
    experiences = Experiences()
    for _ in range(200):
        experiences.of("greedy", "draft", 0.0).observe(Draft([0], "draft"), 1)
        experiences.of("hot", "draft", 1.2).observe(Draft([0], "draft"), 0)
    assert experiences.of("b", "draft", 0.0).expected(1)[0] > 0.8
    assert experiences.of("c", "draft", 1.5).expected(1)[0] < 0.1
    assert experiences.of("d", "draft", 0.7).expected(1) == Experiences().of("d", "draft").expected(1)
