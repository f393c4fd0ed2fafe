"""Lets peers take turns and notes what they did."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from tqdm import tqdm

from benchmarks.peer_cases import Case
from benchmarks.peer_process import PeerError
from benchmarks.peer_runners.protocol import PLAIN, Answer

NUM_FIRST_TOKENS = 8
"""An answer counts as the same when so many tokens at its beginning are; later ones may differ by rounding."""
_TIMEOUT_S = 600.0


class Answering(Protocol):
    """What can be asked: a `PeerProcess`, or something like it."""

    modes: list[str]
    batch_modes: list[str]

    def generate(self, prompts: Sequence[Sequence[int]], max_tokens: int, mode: str, timeout_s: float) -> Answer:
        """Answer prompts together."""
        ...


@dataclass(frozen=True, slots=True)
class Sample:
    """One case, answered by one peer in one mode in one round."""

    peer: str
    bits: int
    kind: str
    case: str
    mode: str
    round: int
    first_s: float
    """Until the first token; of several prompts one after another the mean."""
    tokens_per_s: float | None
    """Behind the first tokens, all sequences together; None: nothing came behind them."""
    bandwidth: float
    """Bytes a second that memory was read with just before."""
    token_ids: list[list[int]]


@dataclass(frozen=True, slots=True)
class Failure:
    """What a peer could not do."""

    peer: str
    bits: int
    case: str
    """Empty: nothing at all."""
    mode: str
    reason: str


def measure(
    peers: dict[str, Answering],
    bits: int,
    cases: Sequence[Case],
    *,
    rounds: int,
    probe: Callable[[], float],
    has_time: Callable[[], bool] = lambda: True,
) -> tuple[list[Sample], list[Failure]]:
    """Ask every peer each case before the next case; who begins changes from case to case and round to round.

    A mode that fails is not asked again for that case, and one that fails in its warm-up for none.

    Args:
        peers: By name; loaded.
        bits: Of their weights.
        cases: In this order.
        rounds: How often all of it.
        probe: Measures the bandwidth of memory.
        has_time: Whether a round behind the first one may begin.
    """
    samples: list[Sample] = []
    failures: list[Failure] = []
    hopeless: set[tuple[str, str, str]] = set()
    last_modes: dict[str, str] = {}
    names = list(peers)
    for name, peer in peers.items():
        for mode in peer.modes:
            try:
                peer.generate([cases[0].prompts[0]], min(4, cases[0].max_tokens), mode, _TIMEOUT_S)
            except PeerError as error:
                failures.append(Failure(name, bits, "", mode, str(error)))
                hopeless |= {(name, case.name, mode) for case in cases}
    bar = tqdm(total=rounds * len(cases) * len(names), desc=f"{bits} bits", leave=False, disable=None)
    for number in range(rounds):
        if number and not has_time():
            break
        for place, case in enumerate(cases):
            turn = (number + place) % max(1, len(names))
            for name in (*names[turn:], *names[:turn]):
                peer = peers[name]
                modes = case.modes(peer.modes, peer.batch_modes)
                if modes and modes[-1] == last_modes.get(name):
                    modes.reverse()  # some load anew for another mode
                for mode in modes:
                    if (name, case.name, mode) in hopeless:
                        continue
                    bandwidth = probe()
                    last_modes[name] = mode
                    try:
                        answers = _ask(peer, case, mode)
                    except PeerError as error:
                        failures.append(Failure(name, bits, case.name, mode, str(error)))
                        hopeless.add((name, case.name, mode))
                        continue
                    samples.append(_sample(name, bits, case, mode, number, bandwidth, answers))
                bar.update()
    bar.close()
    return samples, failures


def _ask(peer: Answering, case: Case, mode: str) -> list[Answer]:
    parts = [case.prompts] if case.is_together else [(prompt,) for prompt in case.prompts]
    return [peer.generate(part, case.max_tokens, mode, _TIMEOUT_S) for part in parts]


def _sample(
    name: str, bits: int, case: Case, mode: str, number: int, bandwidth: float, answers: Sequence[Answer]
) -> Sample:
    later_s = sum(answer.total_s - answer.first_s for answer in answers)
    num_later = sum(answer.num_later for answer in answers)
    return Sample(
        peer=name,
        bits=bits,
        kind=case.kind,
        case=case.name,
        mode=mode,
        round=number,
        first_s=sum(answer.first_s for answer in answers) / len(answers),
        tokens_per_s=num_later / later_s if num_later and later_s > 0 else None,
        bandwidth=bandwidth,
        token_ids=[token_ids for answer in answers for token_ids in answer.token_ids],
    )


def count_same(samples: Sequence[Sample], reference: str) -> dict[str, tuple[int, int]]:
    """Return by peer how many answers begin as the plain ones of a reference peer, and how many there are."""
    expected = {
        (sample.bits, sample.case): [token_ids[:NUM_FIRST_TOKENS] for token_ids in sample.token_ids]
        for sample in samples
        if sample.peer == reference and sample.mode == PLAIN
    }
    counts: dict[str, tuple[int, int]] = {}
    for sample in samples:
        right = expected.get((sample.bits, sample.case))
        if right is None:
            continue
        same, total = counts.get(sample.peer, (0, 0))
        same += sum(
            token_ids[:NUM_FIRST_TOKENS] == other for token_ids, other in zip(sample.token_ids, right, strict=True)
        )
        counts[sample.peer] = (same, total + len(right))
    return counts
