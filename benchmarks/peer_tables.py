"""The tables of `benchmarks.peers`: medians over rounds, and Helix beside the best peer of each row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.peer_measure import Failure, Sample
from benchmarks.peer_runners.protocol import PLAIN
from benchmarks.report import number, percent, table

HELIX_PREFIX = "Helix"
_BETTER_IS_LESS = "ttft"
_REASON_LEN = 120


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of a peer before it was asked anything."""

    name: str
    bits: int
    version: str = ""
    peak_bytes: int | None = None
    """Of its process, when all was done; None: nobody says."""
    reason: str = ""
    """Why it could not be installed, converted or loaded; empty: it could."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Helix beside the best other peer at the same bits."""

    bits: int
    helix_peer: str
    """With what options Helix ran, by its name among the peers."""
    row: str
    helix: float
    """Tokens a second, or for a first token seconds."""
    best: float
    best_peer: str
    ratio: float
    """How many times as fast Helix is; median over rounds."""
    target: float | None

    @property
    def holds(self) -> bool | None:
        """None: nothing was aimed at."""
        return None if self.target is None else self.ratio >= self.target


def target_of(bits: int, kind: str, case: str) -> float | None:
    """Return what Helix is to reach against the best peer of a row, on a model of 1.1 billion parameters."""
    if kind == "decode":
        return {16: 1.0, 8: 1.2, 4: 1.3}.get(bits)
    return {("batch", "8 at once"): 1.1, ("ttft", "512 tokens"): 1.0}.get((kind, case)) or (
        1.5 if kind == "speculation" else None
    )


def value(sample: Sample) -> float | None:
    """Return the figure that counts."""
    return sample.first_s if sample.kind == _BETTER_IS_LESS else sample.tokens_per_s


def middle(samples: Iterable[Sample]) -> float | None:
    """Return the median over rounds."""
    values = [found for found in map(value, samples) if found is not None]
    return median(values) if values else None


def count_parameters(config: Any) -> int:
    """Return the weights of a Llama that one token reads: all but the embeddings, of which it reads one row."""
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    attention = 2 * config.hidden_size * head_dim * (config.num_attention_heads + config.num_key_value_heads)
    mlp = 3 * config.hidden_size * config.intermediate_size
    return int(config.num_hidden_layers * (attention + mlp) + config.vocab_size * config.hidden_size)


def roofline_share(samples: Iterable[Sample], weight_bytes: float) -> float | None:
    """Return what share of the bandwidth of the minute a token at a time reads weights with; median over rounds."""
    shares = [s.tokens_per_s * weight_bytes / s.bandwidth for s in samples if s.tokens_per_s is not None]
    return median(shares) if shares else None


def peer_table(
    bits: int,
    loaded: Sequence[Loaded],
    samples: Sequence[Sample],
    same: dict[str, tuple[int, int]],
    num_parameters: int,
) -> str:
    """Return the table of plain decoding at some bits; a peer that is missing has a row that says why."""
    part = [s for s in samples if s.bits == bits and s.mode == PLAIN and s.kind != "speculation"]
    columns = list(dict.fromkeys((s.kind, s.case) for s in part))
    headers = ["peer"]
    headers += [f"first token, {case}, s" if kind == "ttft" else f"{case}, tokens/s" for kind, case in columns]
    headers += ["of the roofline alone", "peak memory, GB", "same first tokens"]
    rows: list[list[object]] = []
    for peer in loaded:
        if peer.bits != bits:
            continue
        if peer.reason:
            rows.append([f"{peer.name}: {peer.reason[:_REASON_LEN]}", *["-"] * (len(headers) - 1)])
            continue
        own = [s for s in part if s.peer == peer.name]
        row: list[object] = [peer.name]
        for kind, case in columns:
            row.append(number(middle(s for s in own if s.case == case), 2 if kind == "ttft" else 1))
        alone = roofline_share((s for s in own if s.kind == "decode"), num_parameters * bits / 8)
        right, total = same.get(peer.name, (0, 0))
        rows.append(
            [
                *row,
                percent(alone),
                number(None if peer.peak_bytes is None else peer.peak_bytes / 1e9),
                f"{right}/{total}" if total else "-",
            ]
        )
    return table(headers, rows)


def speculation_table(bits: int, samples: Sequence[Sample]) -> str:
    """Return tokens a second by peer and mode, with how many times its own plain decoding that is."""
    part = [s for s in samples if s.bits == bits]
    spoken = {(s.kind, s.case) for s in part if s.mode != PLAIN} | {
        (s.kind, s.case) for s in part if s.kind == "speculation"
    }
    columns = list(dict.fromkeys(s.case for s in part if (s.kind, s.case) in spoken))
    rows: list[list[object]] = []
    names, modes = (list(dict.fromkeys(values)) for values in ([s.peer for s in part], [s.mode for s in part]))
    arms = {(s.peer, s.mode) for s in part if s.case in columns}
    for peer, mode in sorted(arms, key=lambda arm: (names.index(arm[0]), modes.index(arm[1]))):
        row: list[object] = [peer, mode]
        for case in columns:
            own = {m: [s for s in part if (s.peer, s.mode, s.case) == (peer, m, case)] for m in (mode, PLAIN)}
            rate, plain = middle(own[mode]), middle(own[PLAIN])
            cell = number(rate, 1)
            row.append(cell if rate is None or plain is None or mode == PLAIN else f"{cell} ({rate / plain:.2f})")
        rows.append(row)
    return table(["peer", "mode", *(f"{case}, tokens/s" for case in columns)], rows)


def verdicts(samples: Sequence[Sample]) -> list[Verdict]:
    """Set each Helix beside the best peer of each row; in rows of speculation each with its best mode."""
    found = []
    for bits, kind, case in dict.fromkeys((s.bits, s.kind, s.case) for s in samples):
        part = [s for s in samples if (s.bits, s.kind, s.case) == (bits, kind, case)]
        if kind != "speculation":
            part = [s for s in part if s.mode == PLAIN]
        sign = -1 if kind == _BETTER_IS_LESS else 1
        arms: dict[tuple[str, str], float] = {}
        for peer, mode in dict.fromkeys((s.peer, s.mode) for s in part):
            rate = middle(s for s in part if (s.peer, s.mode) == (peer, mode))
            if rate is not None:
                arms[peer, mode] = sign * rate
        all_own = {arm: rate for arm, rate in arms.items() if arm[0].startswith(HELIX_PREFIX)}
        others = {arm: rate for arm, rate in arms.items() if arm not in all_own}
        for peer in dict.fromkeys(peer for peer, _ in all_own) if others else ():
            own = {arm: rate for arm, rate in all_own.items() if arm[0] == peer}
            helix, best = max(own, key=own.__getitem__), max(others, key=others.__getitem__)
            ratio = _ratio(part, helix, best) ** sign
            name = best[0] if kind != "speculation" else f"{best[0]}, {best[1]}"
            row = f"{kind} {case}" if kind != "speculation" else f"{kind} {case}, {helix[1]}"
            target = target_of(bits, kind, case)
            found.append(Verdict(bits, peer, row, abs(own[helix]), abs(others[best]), name, ratio, target))
    return found


def _ratio(samples: Sequence[Sample], one: tuple[str, str], other: tuple[str, str]) -> float:
    """Return the median over rounds of one arm's figure over the other's."""
    by_round: dict[int, dict[tuple[str, str], float]] = {}
    for sample in samples:
        figure = value(sample)
        if figure is not None:
            by_round.setdefault(sample.round, {})[sample.peer, sample.mode] = figure
    ratios = [arms[one] / arms[other] for arms in by_round.values() if one in arms and other in arms]
    return median(ratios) if ratios else float("nan")


def verdict_table(found: Sequence[Verdict]) -> str:
    """Return the table of verdicts."""
    rows = [
        [
            f"{v.bits} bits, {v.row}",
            v.helix_peer,
            number(v.helix),
            number(v.best),
            v.best_peer,
            number(v.ratio),
            number(v.target),
            {None: "", True: "yes", False: "NO"}[v.holds],
        ]
        for v in found
    ]
    return table(["row", "as", "Helix", "best peer", "which", "times as fast", "target", "reached"], rows)


def failure_lines(failures: Sequence[Failure]) -> list[str]:
    """Return what peers could not do, a line each."""
    return [f"- {f.peer}, {f.case or 'everything'}, {f.mode}: {f.reason}" for f in dict.fromkeys(failures)]
