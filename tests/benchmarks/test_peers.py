"""A peer that is missing, dies or answers nonsense must be a row that says so, never an end of the benchmark."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks import peer_environments
from benchmarks.peer_cases import KINDS, Case, make_cases
from benchmarks.peer_environments import python_of
from benchmarks.peer_measure import Failure, Sample, count_same, measure
from benchmarks.peer_plots import draw
from benchmarks.peer_process import PEERS, PeerError, PeerProcess
from benchmarks.peer_runners.protocol import AUTO, DRAFT, PLAIN, Answer, Model, Stopwatch, by_difference
from benchmarks.peer_tables import (
    Loaded,
    count_parameters,
    failure_lines,
    peer_table,
    speculation_table,
    verdict_table,
    verdicts,
)
from helix import Tokenizer
from helix.demo import TARGET_DIR
from tests.models import tiny_llama

MODEL = Model(folder="m", weights="w", converted_dir="c", max_len=64, max_batch=2, max_batch_len=32, num_threads=1)
FAKE = textwrap.dedent("""
    import os, sys
    from benchmarks.peer_runners.protocol import Answer, serve

    class Fake:
        modes, batch_modes, version = ["plain", "draft"], [], "1.0"
        def __init__(self, model):
            print("a library that prints", flush=True)
            os.write(1, b"so does its C code")
            if model.weights == "broken":
                raise ValueError("no\\nsuch format")
        @staticmethod
        def convert(model):
            pass
        def generate(self, prompts, max_tokens, mode):
            if mode == "draft":
                print("Illegal instruction", file=sys.stderr, flush=True)
                os._exit(3)
            tokens = [[sum(prompt)] * (max_tokens + (mode == "surplus")) for prompt in prompts]
            return Answer(token_ids=tokens, first_s=0.5, total_s=2.0, num_later=3)

    serve(Fake)
""")


@pytest.fixture
def process(tmp_path: Path) -> Iterator[PeerProcess]:
    started = PeerProcess([sys.executable, "-c", FAKE], tmp_path / "log", 1)
    yield started
    started.close()


def test_a_peer_answers_whatever_its_libraries_print(process: PeerProcess) -> None:
    process.convert(MODEL, 60)
    process.load(MODEL, 60)
    assert (process.modes, process.batch_modes, process.version) == ([PLAIN, DRAFT], [], "1.0")
    answer = process.generate([[1, 2], [4]], 2, PLAIN, 60)
    assert answer == Answer(token_ids=[[3, 3], [4, 4]], first_s=0.5, total_s=2.0, num_later=3)
    assert process.peak_bytes is not None and process.peak_bytes > 1e6


def test_a_peer_that_fails_says_why(process: PeerProcess) -> None:
    with pytest.raises(PeerError, match="ValueError: no such format"):
        process.load(replace(MODEL, weights="broken"), 60)
    process.load(MODEL, 60)
    with pytest.raises(PeerError, match=r"asked for 1 x 2 tokens, it gave \[3\]"):
        process.generate([[1]], 2, "surplus", 60)
    with pytest.raises(PeerError, match=r"ended with 3: .*Illegal instruction"):
        process.generate([[1]], 2, DRAFT, 60)
    with pytest.raises(PeerError, match="has ended"):
        process.generate([[1]], 2, PLAIN, 60)


def test_a_peer_that_hangs_is_given_up(tmp_path: Path) -> None:
    process = PeerProcess([sys.executable, "-c", "input(); input()"], tmp_path / "log", 1)
    with pytest.raises(PeerError, match="no answer within 0 s"):
        process.load(MODEL, 0.01)
    with pytest.raises(PeerError, match="has ended"):
        process.load(MODEL, 0.01)


def test_an_environment_that_cannot_be_made_is_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(peer_environments.REQUIREMENTS, "none", [["--no-index", "no-such-package-of-helix"]])
    (tmp_path / "none" / "bin").mkdir(parents=True)
    (tmp_path / "none" / "bin" / "python").symlink_to(sys.executable)  # as a first attempt leaves it
    with pytest.raises(PeerError, match=r"no-such-package-of-helix ended with 1: see none\.install\.log"):
        python_of("none", tmp_path)
    assert not (tmp_path / "none" / ".installed").exists()
    assert "No matching distribution" in (tmp_path / "none.install.log").read_text(encoding="utf-8")
    assert python_of("helix", tmp_path) == Path(sys.executable)


def test_every_peer_has_an_environment_and_a_runner() -> None:
    folder = Path(peer_environments.__file__).parent / "peer_runners"
    for peer in PEERS:
        assert (folder / f"{peer.runner}.py").exists(), peer
        assert peer.environment in {"helix", *peer_environments.REQUIREMENTS}
    assert len({peer.name for peer in PEERS}) == len(PEERS)
    assert all(next(p for p in PEERS if p.bits == bits).name.startswith("Helix") for bits in (32, 16, 8, 4))


def test_a_stopwatch_counts_what_comes_after_every_prompt_had_its_first_token() -> None:
    clock = Stopwatch(2)
    for new in ([[5], []], [[6], [7]], [[8, 9], [10]], [[], [11, 12]]):
        clock.note(new)
    answer = clock.answer(3)
    assert answer.token_ids == [[5, 6, 8], [7, 10, 11]]
    assert answer.num_later == 5 - 2  # one token too many in each
    assert 0 < answer.first_s < answer.total_s


def test_a_call_that_gives_all_at_once_is_timed_by_two() -> None:
    asked: list[int] = []

    def generate(num_tokens: int) -> list[list[int]]:
        asked.append(num_tokens)
        return [[1] * num_tokens] * 3

    answer = by_difference(generate, 5)
    assert asked == [1, 5] and answer.num_later == 12 and answer.first_s <= answer.total_s


class FakePeer:
    """Answers at a rate of its own, and fails where it is told to."""

    def __init__(self, rate: float, first_token: int = 7, fails: str = "") -> None:
        self.modes, self.batch_modes = [PLAIN, AUTO], [PLAIN]
        self.rate, self.first_token, self.fails = rate, first_token, fails
        self.calls: list[tuple[int, int, str]] = []

    def generate(self, prompts: Sequence[Sequence[int]], max_tokens: int, mode: str, timeout_s: float) -> Answer:
        self.calls.append((len(prompts), max_tokens, mode))
        if self.fails == mode:
            raise PeerError("out of luck")
        rate = self.rate * (1.5 if mode == AUTO else 1.0)
        num_later = len(prompts) * (max_tokens - 1)
        return Answer(
            token_ids=[[self.first_token] * max_tokens for _ in prompts],
            first_s=1 / self.rate,
            total_s=1 / self.rate + num_later / rate,
            num_later=num_later,
        )


CASES = [
    Case("decode", "alone", ((1,),), 9),
    Case("batch", "8 at once", ((1,),) * 8, 3),
    Case("ttft", "512 tokens", ((1,),), 1),
    Case("speculation", "stories", ((1,), (2,)), 9),
]


def test_helix_is_set_beside_the_best_peer_of_each_row() -> None:
    peers = {"Helix int8": FakePeer(24.0), "slow": FakePeer(5.0), "fast": FakePeer(20.0, first_token=8, fails=AUTO)}
    samples, failures = measure({**peers}, 8, CASES, rounds=2, probe=lambda: 100.0)
    assert failures == [Failure("fast", 8, "", AUTO, "out of luck")]
    assert peers["fast"].calls.count((1, 4, AUTO)) == 1 and len(peers["fast"].calls) == 2 + 2 * 5
    found = {verdict.row: verdict for verdict in verdicts(samples)}
    assert set(found) == {"decode alone", "batch 8 at once", "ttft 512 tokens", "speculation stories, auto"}
    for row in ("decode alone", "batch 8 at once", "ttft 512 tokens"):
        assert (found[row].best_peer, found[row].holds) == ("fast", True)
        assert found[row].ratio == pytest.approx(1.2)
    speculation = found["speculation stories, auto"]
    assert speculation.ratio == pytest.approx(36 / 20) and speculation.best_peer == "fast, plain"
    assert "yes |" in verdict_table(list(found.values()))
    assert count_same(samples, "Helix int8") == {"Helix int8": (28, 28), "slow": (28, 28), "fast": (0, 24)}


def test_no_round_begins_when_time_is_up() -> None:
    peer = FakePeer(24.0)
    samples, _ = measure({"a": peer}, 8, CASES, rounds=3, probe=lambda: 1.0, has_time=lambda: len(peer.calls) < 10)
    assert {sample.round for sample in samples} == {0, 1}


def test_a_peer_stays_in_its_mode_from_case_to_case() -> None:
    """One that loads anew for each mode would spend the time with it."""
    peer = FakePeer(24.0)
    measure({"a": peer}, 8, [CASES[3], replace(CASES[3], name="editing")], rounds=1, probe=lambda: 1.0)
    assert [mode for *_, mode in peer.calls[2:]] == [PLAIN, PLAIN, AUTO, AUTO, AUTO, AUTO, PLAIN, PLAIN]


def test_a_missing_peer_is_a_row_that_says_why() -> None:
    samples, failures = measure({"Helix int8": FakePeer(24.0)}, 8, CASES, rounds=1, probe=lambda: 100.0)
    loaded = [
        Loaded("Helix int8", 8, "1", 2_000_000_000),
        Loaded("other", 8, reason="no wheel for this processor"),
        Loaded("elsewhere", 4),
    ]
    lines = peer_table(8, loaded, samples, {"Helix int8": (3, 4)}, 2).splitlines()
    assert lines[0].count("|") == lines[2].count("|") == lines[3].count("|")
    assert [cell.strip() for cell in lines[2].split("|")[1:-1]] == [
        "Helix int8", "24.0", "24.0", "0.04", "48%", "2.00", "3/4",
    ]  # fmt: skip
    assert lines[3].startswith("| other: no wheel for this processor") and len(lines) == 4
    assert "36.0 (1.50)" in speculation_table(8, samples)
    assert failures == [] and verdicts(samples) == []
    assert failure_lines([Failure("a", 8, "", AUTO, "why")] * 2) == ["- a, everything, auto: why"]


def test_the_plot_is_drawn_from_the_document(tmp_path: Path) -> None:
    samples, _ = measure({"Helix int8": FakePeer(24.0), "other": FakePeer(9.0)}, 8, CASES, rounds=1, probe=lambda: 1.0)
    document: dict[str, Any] = {"hardware": "x" * 200, "model": "m", "threads": 2, "commit": "c"}
    for part in (samples, []):
        (path,) = draw({**document, "samples": [asdict(sample) for sample in part]}, tmp_path)
        assert path.read_bytes().startswith(b"\x89PNG")


def test_samples_survive_a_file() -> None:
    samples, _ = measure({"Helix int8": FakePeer(24.0)}, 8, CASES, rounds=1, probe=lambda: 100.0)
    read = [Sample(**one) for one in json.loads(json.dumps([asdict(sample) for sample in samples]))]
    assert read == samples


@pytest.mark.skipif(not TARGET_DIR.exists(), reason="the built-in model is not there")
def test_cases_fit_the_model_and_hold_distinct_prompts() -> None:
    cases = make_cases(
        Tokenizer.from_pretrained(str(TARGET_DIR)), KINDS, batches=[2, 4], prompt_lens=[64, 256],
        context_lens=[64, 8192], num_tokens=16, num_prompts=2, max_len=256,
    )  # fmt: skip
    assert [(case.kind, case.name) for case in cases] == [
        ("decode", "alone"), ("batch", "2 at once"), ("batch", "4 at once"), ("ttft", "64 tokens"),
        ("ttft", "256 tokens"),
        ("context", "behind 64"), ("speculation", "stories"), ("speculation", "editing"),
    ]  # fmt: skip
    for case in cases:
        assert len(set(case.prompts)) == len(case.prompts)
        assert all(len(prompt) + case.max_tokens <= 256 for prompt in case.prompts)
    by_name = {case.name: case for case in cases}
    assert len(by_name["64 tokens"].prompts[0]) == 64 and len(by_name["4 at once"].prompts) == 4


def test_the_weights_that_a_token_reads_are_counted() -> None:
    model: Any = tiny_llama()
    embeddings = model.get_input_embeddings().weight.numel()
    matrices = sum(parameter.numel() for parameter in model.parameters() if parameter.dim() == 2)
    tied = model.config.tie_word_embeddings
    assert count_parameters(model.config) == matrices - (0 if tied else embeddings)
