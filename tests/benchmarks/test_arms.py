"""Every arm answers the same prompts, one prompt after the other, and asks for nothing but another way to draft."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from benchmarks.arms import HelixArm, fixed_arms, methods, take_turns, take_turns_together
from benchmarks.traces import Trace
from benchmarks.workloads import Prompt
from helix import Grammar, LLMEngine
from tests.engines import make_engine
from tests.models import tiny_llama

PROMPTS = [Prompt(tuple(range(1 + i, 12 + i)), lambda text: bool(text)) for i in range(3)]


@dataclass
class FakeArm:
    name: str
    log: list[tuple[str, int]] = field(default_factory=list)

    def answer(self, prompt: Prompt, max_tokens: int) -> Trace:
        self.log.append((self.name, prompt.token_ids[0]))
        return Trace([prompt.token_ids[0], max_tokens])


@pytest.fixture
def engine() -> LLMEngine:
    target = tiny_llama()
    return make_engine(target, target, max_speculation_depth=8)


def test_arms_take_turns_on_each_prompt_and_a_few_of_them_on_the_first_ones() -> None:
    log: list[tuple[str, int]] = []
    a, b, c = (FakeArm(name, log) for name in "abc")
    traces = take_turns([a, b], PROMPTS, rounds=2, max_tokens=9, few=[c], num_few=1)
    assert log[:3] == [("a", 1), ("b", 1), ("c", 1)]
    assert log[3:5] == [("b", 2), ("a", 2)], "the first one changes"
    assert [name for name, _ in log].count("c") == 2
    for name in "ab":
        assert [trace and trace.token_ids for trace in traces[name]] == [[1, 9], [2, 9], [3, 9]] * 2
    assert [trace and trace.token_ids for trace in traces["c"]] == [[1, 9], None, None] * 2


def test_arms_differ_in_how_they_draft_and_in_nothing_else(engine: LLMEngine) -> None:
    arms = [HelixArm(engine, "none"), HelixArm(engine, "auto"), *fixed_arms(engine, methods(), [2], [4])]
    prompt = replace(PROMPTS[0], prediction=(3, 4))
    all_params = [arm.params(prompt, 7) for arm in arms]
    what = [
        replace(params, speculation_method=None, speculation_depth=None, speculation_adaptive=None, prediction=())
        for params in all_params
    ]
    assert len({str(params) for params in what}) == 1
    assert len({str(params) for params in all_params}) == len(all_params)
    assert (all_params[0].temperature, all_params[0].max_tokens) == (0, 7)


def test_a_prompt_brings_its_own_sampling(engine: LLMEngine) -> None:
    prompt = Prompt((1, 2), lambda _: True, sampling={"temperature": 1.5, "seed": 3})
    params = HelixArm(engine, "auto").params(prompt, 7)
    assert (params.temperature, params.seed) == (1.5, 3)


def test_a_prediction_is_left_to_auto_and_to_the_method_of_that_name(engine: LLMEngine) -> None:
    prompt = replace(PROMPTS[0], prediction=(3, 4))
    arms = [HelixArm(engine, "none"), HelixArm(engine, "auto"), *fixed_arms(engine, methods(), [2], [4])]
    predicting = {arm.name for arm in arms if arm.params(prompt, 7).prediction}
    assert predicting == {"auto", "predicted 4"}


def test_a_schema_is_enforced_in_every_arm(engine: LLMEngine) -> None:
    """Else arms would give different answers and plain decoding would be spared the masks."""
    schema = {"type": "object"}
    prompt = replace(PROMPTS[0], json_schema=schema)
    for arm in (HelixArm(engine, "none"), HelixArm(engine, "auto"), *fixed_arms(engine, methods(), [2], [4])):
        assert arm.params(prompt, 7).grammar == Grammar.json_schema(schema)


def test_a_fixed_depth_is_pinned_and_that_of_auto_is_a_limit(engine: LLMEngine) -> None:
    fixed, auto = (HelixArm(engine, method, 4).params(PROMPTS[0], 7) for method in ("ngram", "auto"))
    assert (fixed.speculation_depth, fixed.speculation_adaptive) == (4, False)
    assert (auto.speculation_depth, auto.speculation_adaptive) == (4, True)
    assert HelixArm(engine, "auto").params(PROMPTS[0], 7).speculation_depth is None


def test_fixed_arms_are_those_the_engine_has_at_depths_it_allows(engine: LLMEngine) -> None:
    names = [arm.name for arm in fixed_arms(engine, ["draft", "ngram", "telepathy"], [2, 4], [4, 8, 16])]
    assert names == ["draft 2", "draft 4", "ngram 4", "ngram 8"]
    assert fixed_arms(make_engine(tiny_llama()), ["draft", "mtp"], [2], [4]) == []


@pytest.mark.parametrize("method", ["draft", "ngram", "auto"])
def test_answers_are_those_of_plain_decoding_alone_and_together(engine: LLMEngine, method: str) -> None:
    plain, arm = HelixArm(engine, "none"), HelixArm(engine, method, 3)
    alone = take_turns([plain, arm], PROMPTS, rounds=1, max_tokens=10)
    batches = take_turns_together([plain, arm], PROMPTS, rounds=2, max_tokens=10)
    expected = [trace and trace.token_ids for trace in alone["plain"]]
    assert [trace and trace.token_ids for trace in alone[arm.name]] == expected
    for batch in (*batches["plain"], *batches[arm.name]):
        assert [trace.token_ids for trace in batch.traces] == expected
