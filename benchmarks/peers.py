"""Is Helix faster than the others, on this machine, on the same weights at equal bits?

    python -m benchmarks.peers --model DIR/target --draft-model DIR/draft --json FILE --plots FOLDER

Peers are installed from the package registry into environments of their own and run as long-lived processes that take
turns; one that cannot be installed, convert or load the model is a row that says so. All decode greedily to the same
number of tokens, and their first tokens are compared with Helix's: it is the same model that they serve. The memory's
bandwidth is read before each turn; the roofline is the bytes of the weights that a token reads, at the nominal bits,
over that bandwidth. The last line of stdout is one JSON document.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig

from benchmarks.peer_cases import KINDS, Case, make_cases
from benchmarks.peer_environments import DEFAULT_FOLDER, python_of
from benchmarks.peer_measure import Answering, Failure, Sample, count_same, measure
from benchmarks.peer_process import PEERS, Peer, PeerError, PeerProcess
from benchmarks.peer_runners.protocol import Model
from benchmarks.peer_tables import (
    Loaded,
    count_parameters,
    failure_lines,
    peer_table,
    speculation_table,
    verdict_table,
    verdicts,
)
from benchmarks.report import commit, hardware, print_json, read_bandwidth
from helix import Tokenizer

_CONVERT_TIMEOUT_S = 3000.0
_LOAD_TIMEOUT_S = 600.0


def convert(peer: Peer, model: Model, folder: Path) -> list[str]:
    """Install a peer and let it write its own form of the model; return the command that starts it.

    Raises:
        PeerError: One of them fails.
    """
    python = python_of(peer.environment, folder)
    command = [str(python), "-m", f"benchmarks.peer_runners.{peer.runner}"]
    converter = PeerProcess(command, log_of(peer, folder), model.num_threads)  # its memory is not that of serving
    try:
        converter.convert(model, _CONVERT_TIMEOUT_S)
    finally:
        converter.close()
    return command


def start(peer: Peer, model: Model, folder: Path) -> PeerProcess:
    """Install, convert and load.

    Raises:
        PeerError: One of them fails.
    """
    process = PeerProcess(convert(peer, model, folder), log_of(peer, folder), model.num_threads)
    try:
        process.load(model, _LOAD_TIMEOUT_S)
    except PeerError:
        process.close()
        raise
    return process


def log_of(peer: Peer, folder: Path) -> Path:
    """Return the file for what a peer says."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{peer.name.replace(' ', '_')}.log"


def own(model: Model, peer: Peer, folder: Path) -> Model:
    """Return the model as a peer is to load it."""
    return replace(model, weights=peer.weights, converted_dir=str(folder.resolve() / "models" / peer.environment))


def compare(
    peers: Sequence[Peer],
    model: Model,
    cases: Sequence[Case],
    *,
    rounds: int,
    folder: Path,
    has_time: Callable[[], bool],
) -> tuple[list[Loaded], list[Sample], list[Failure]]:
    """Measure peers of equal bits."""
    running: dict[str, PeerProcess] = {}
    loaded: dict[str, Loaded] = {}
    samples: list[Sample] = []
    failures: list[Failure] = []
    try:
        for peer in peers:
            print(f"{peer.name}: ", end="", flush=True)
            try:
                running[peer.name] = start(peer, own(model, peer, folder), folder)
                loaded[peer.name] = Loaded(peer.name, peer.bits, running[peer.name].version)
            except PeerError as error:
                loaded[peer.name] = Loaded(peer.name, peer.bits, reason=str(error))
            print(loaded[peer.name].version or loaded[peer.name].reason, flush=True)
        if running and cases:
            asked: dict[str, Answering] = {**running}
            samples, failures = measure(
                asked, peers[0].bits, cases, rounds=rounds, probe=read_bandwidth, has_time=has_time
            )
        for name, process in running.items():
            loaded[name] = replace(loaded[name], peak_bytes=process.peak_bytes)
    finally:
        for process in running.values():
            process.close()
    return list(loaded.values()), samples, failures


def largest(arguments: argparse.Namespace, cases: Sequence[Case]) -> Model:
    """Return what is to be loaded, as large as the cases need it."""
    lens = [[len(prompt) + case.max_tokens for prompt in case.prompts] for case in cases]
    together = [part for case, part in zip(cases, lens, strict=True) if case.is_together]
    return Model(
        folder=str(arguments.model.resolve()),
        draft_folder=None if arguments.draft_model is None else str(arguments.draft_model.resolve()),
        weights="",
        converted_dir="",
        max_len=max(map(max, lens)),
        max_batch=max(map(len, together), default=1),
        max_batch_len=max(map(max, together), default=1),
        num_threads=arguments.threads,
    )


@contextmanager
def other_programs(number: int) -> Iterator[None]:
    """Run programs that compute all the time, as the owner of a machine may while it serves."""
    running = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(number)]
    try:
        yield
    finally:
        for program in running:
            program.kill()
            program.wait()


def prepare(peers: Sequence[Peer], model: Model, folder: Path) -> None:
    """Install and convert alone."""
    for peer in peers:
        try:
            convert(peer, own(model, peer, folder), folder)
            print(f"{peer.name}: ready", flush=True)
        except PeerError as error:
            print(f"{peer.name}: {error}", flush=True)


def save(document: dict[str, Any], path: Path | None) -> None:
    """Write what is known so far: what is measured stays, whatever comes."""
    if path is not None:
        path.write_text(json.dumps(document), encoding="utf-8")


def main() -> None:
    """Measure and print."""
    arguments = parse()
    torch.set_num_threads(arguments.threads)
    config = AutoConfig.from_pretrained(arguments.model)
    cases = make_cases(
        Tokenizer.from_pretrained(arguments.model),
        arguments.rows,
        batches=arguments.batches,
        prompt_lens=arguments.prompt_lens,
        context_lens=arguments.context_lens,
        num_tokens=arguments.tokens,
        num_prompts=arguments.prompts,
        max_len=config.max_position_embeddings,
    )
    model, num_parameters = largest(arguments, cases), count_parameters(config)
    document: dict[str, Any] = {
        "benchmark": "peers",
        "hardware": hardware(),
        "commit": commit(),
        "threads": arguments.threads,
        "busy": arguments.busy,
        "model": f"{num_parameters / 1e6:,.0f} M weights a token",
        "num_parameters": num_parameters,
        **{name: [] for name in ("peers", "samples", "failures", "verdicts")},
    }
    print(f"{document['hardware']}; {document['model']}; {arguments.threads} threads; commit {document['commit']}")
    started_s = time.monotonic()
    for number, bits in enumerate(arguments.bits, start=1):
        until_s = started_s + 60 * arguments.minutes * number / len(arguments.bits)
        peers = [p for p in PEERS if p.bits == bits and any(part.lower() in p.name.lower() for part in arguments.only)]
        if arguments.convert or not peers:
            prepare(peers, model, arguments.environments)
            continue
        began_s = time.monotonic()
        with other_programs(arguments.busy):
            loaded, samples, failures = compare(
                peers,
                model,
                cases,
                rounds=arguments.rounds,
                folder=arguments.environments,
                has_time=partial(_is_before, until_s),
            )
        document["peers"] += map(asdict, loaded)
        document["samples"] += map(asdict, samples)
        document["failures"] += map(asdict, failures)
        save(document, arguments.json)
        print(f"\n{bits} bits, {arguments.rounds} rounds, {time.monotonic() - began_s:.0f} s\n")
        print_tables(bits, loaded, samples, failures, num_parameters)
    found = verdicts([Sample(**sample) for sample in document["samples"]])
    document["verdicts"] = [asdict(verdict) for verdict in found]
    save(document, arguments.json)
    print(f"\n{verdict_table(found)}")
    if arguments.plots is not None:
        from benchmarks.peer_plots import draw

        print("\n".join(map(str, draw(document, arguments.plots))))
    print_json({name: part for name, part in document.items() if name != "samples"})


def print_tables(
    bits: int, loaded: Sequence[Loaded], samples: Sequence[Sample], failures: Sequence[Failure], num_parameters: int
) -> None:
    """Print what peers of equal bits did."""
    print(peer_table(bits, loaded, samples, count_same(samples, loaded[0].name), num_parameters))
    print(f"\nspeculation, {bits} bits\n\n{speculation_table(bits, samples)}\n")
    print("\n".join(failure_lines(failures)), flush=True)


def _is_before(until_s: float) -> bool:
    return time.monotonic() < until_s


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--model", type=Path, required=True, help="folder of a Llama; see benchmarks.upscale")
    parser.add_argument("--draft-model", type=Path, help="folder of its draft; none: no speculation with one")
    parser.add_argument("--bits", type=int, nargs="+", choices=(32, 16, 8, 4), default=[16, 8, 4])
    parser.add_argument("--only", nargs="+", default=[""], help="parts of names of peers; Helix, llama.cpp, ...")
    parser.add_argument("--rows", nargs="+", choices=KINDS, default=["decode", "batch", "ttft", "speculation"])
    parser.add_argument("--batches", type=int, nargs="+", default=[8], help="sequences at once")
    parser.add_argument("--prompt-lens", type=int, nargs="+", default=[512], help="prompts whose first token is timed")
    parser.add_argument("--context-lens", type=int, nargs="+", default=[128, 512, 2048, 8192])
    parser.add_argument("--tokens", type=int, default=32, help="of an answer")
    parser.add_argument("--prompts", type=int, default=1, help="of each task of speculation")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument(
        "--minutes",
        type=float,
        default=float("inf"),
        help="when no further round begins; the first one of each number of bits is always measured",
    )
    parser.add_argument("--convert", action="store_true", help="install and convert alone, for a later run")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--busy", type=int, default=0, help="other programs that compute meanwhile")
    parser.add_argument(
        "--environments", type=Path, default=DEFAULT_FOLDER, help="folder for the peers' environments and models"
    )
    parser.add_argument("--json", type=Path, help="file for every sample")
    parser.add_argument("--plots", type=Path, help="folder for the plot; needs the extra bench")
    return parser.parse_args()


if __name__ == "__main__":
    main()
