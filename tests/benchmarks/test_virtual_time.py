"""Virtual time replays real answers, and there the controller keeps what it promises."""

from __future__ import annotations

import argparse

import pytest

from benchmarks.arms import HelixArm
from benchmarks.recordings import Recording, record
from benchmarks.tasks import TASKS, draw_task
from benchmarks.virtual_engine import Clock, Machine, VirtualEngine
from benchmarks.virtual_time import MACHINES, replay
from helix import LLMEngine


@pytest.fixture(scope="module")
def engine() -> LLMEngine:
    return LLMEngine()


@pytest.fixture(scope="module")
def recordings(engine: LLMEngine) -> dict[str, list[Recording]]:
    """Of prompts that no constant was chosen with."""
    names = ("agent-loops", "json", "adversarial")
    return {name: record(engine, draw_task(name, engine, 1, seed=3), TASKS[name].max_tokens) for name in names}


def test_a_pass_costs_what_the_table_says_and_on_by_its_last_slope() -> None:
    machine = Machine({1: 1.0, 3: 2.0, 5: 6.0}, 0.1, 0.01)
    assert [machine.target_s(rows) for rows in (1, 2, 3, 4, 5, 7)] == [1.0, 1.5, 2.0, 4.0, 6.0, 10.0]
    assert [machine.draft_s(rows) for rows in (1, 3)] == pytest.approx([0.1, 0.12])
    assert machine.ceiling == 1.5


@pytest.mark.parametrize("clock", [Clock(noise=0.2), Clock(drift=0.2)])
def test_noise_and_drift_change_what_is_seen_and_not_what_is(clock: Clock) -> None:
    for _ in range(10):
        clock.pass_time(1.0)
    assert clock.true_s == 10.0
    assert clock() != 10.0


@pytest.mark.parametrize("name", ["agent-loops", "json", "adversarial"])
def test_a_recording_is_the_answer_and_what_the_draft_model_says_of_it(
    name: str, engine: LLMEngine, recordings: dict[str, list[Recording]]
) -> None:
    """A draft of fixed depth finds the same tokens and as many of them accepted as the real engine does."""
    (one,) = recordings[name]
    arm = HelixArm(engine, "draft", 3)
    real = arm.answer(one.prompt, one.max_tokens)
    assert one.token_ids == real.token_ids
    assert real.spec is not None
    num_passes = real.spec.num_steps - 1  # the first one computes the prompt
    free = Machine({1: 1.0, 17: 1.0}, 0.0, 0.0)
    assert VirtualEngine(engine, free).answer([one], arm, one.max_tokens) == pytest.approx(
        (len(one.token_ids) - 1) / num_passes
    )


def test_auto_gains_where_there_is_something_to_gain_and_loses_little_elsewhere(
    engine: LLMEngine, recordings: dict[str, list[Recording]]
) -> None:
    for name in MACHINES:
        arguments = argparse.Namespace(draft_depths=[3], copy_depths=[8], concurrency=[], noise=0.0, drift=0.0)
        cells = {cell.task: cell for cell in replay(engine, recordings, name, arguments)}
        assert cells["agent-loops"].speedups["auto"] > 2
        assert cells["agent-loops"].of_best_fixed > 0.75
        assert cells["json"].speedups["auto"] > 1.8
        assert cells["adversarial"].speedups["auto"] > 0.85
