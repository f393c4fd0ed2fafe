"""Draws what `benchmarks.peers` found: each peer's speed over Helix's, row by row. Needs the extra `bench`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import fill
from typing import Any

from matplotlib.figure import Figure

from benchmarks.peer_measure import Sample
from benchmarks.peer_runners.protocol import PLAIN
from benchmarks.peer_tables import HELIX_PREFIX, middle

_STYLES = {
    "llama.cpp": ("#0072B2", "s"),
    "OpenVINO": ("#E69F00", "D"),
    "CTranslate2": ("#009E73", "^"),
    "ONNX": ("#CC79A7", "v"),
    "transformers": ("#D55E00", "o"),
}
"""Colour of Okabe and Ito, and marker, by the beginning of a peer's name."""
_DPI = 110
_CAPTION_WIDTH = 130


def relative_speeds(samples: list[Sample]) -> dict[str, dict[str, float]]:
    """Return by row and peer how fast a peer is, Helix being 1; of speculation each one's best mode."""
    rows: dict[str, dict[str, float]] = {}
    for bits, kind, case in dict.fromkeys((s.bits, s.kind, s.case) for s in samples):
        part = [s for s in samples if (s.bits, s.kind, s.case) == (bits, kind, case)]
        speeds: dict[str, float] = {}
        for peer, mode in dict.fromkeys((s.peer, s.mode) for s in part):
            figure = middle(s for s in part if (s.peer, s.mode) == (peer, mode))
            if figure is not None and (kind == "speculation" or mode == PLAIN):
                speeds[peer] = max(speeds.get(peer, 0.0), 1 / figure if kind == "ttft" else figure)
        helix = next((speed for peer, speed in speeds.items() if peer.startswith(HELIX_PREFIX)), None)
        if helix is not None:
            rows[f"{bits} bits, {kind} {case}"] = {peer: speed / helix for peer, speed in speeds.items()}
    return rows


def draw(document: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write the plot of a document that `benchmarks.peers` wrote and return where it is."""
    rows = relative_speeds([Sample(**sample) for sample in document["samples"]])
    figure = Figure(figsize=(9, 2 + 0.32 * len(rows)), layout="constrained")
    axes = figure.subplots()
    places = {row: place for place, row in enumerate(reversed(list(rows)))}
    for family, (colour, marker) in _STYLES.items():
        points = [
            (speed, places[row])
            for row, speeds in rows.items()
            for peer, speed in speeds.items()
            if peer.startswith(family)
        ]
        if points:
            x, y = zip(*points, strict=True)
            axes.scatter(x, y, c=colour, marker=marker, s=40, label=family, zorder=3)
    axes.axvline(1.0, color="#000000", linewidth=1.2, label=HELIX_PREFIX)
    axes.set_yticks(list(places.values()), list(places), fontsize=8)
    axes.set_xlim(left=0)
    axes.set_xlabel("speed over Helix's in the same row", fontsize=9)
    axes.grid(color="#DDDDDD", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.legend(fontsize=8, loc="lower right")
    caption = f"{document['hardware']}; {document['model']}; {document['threads']} threads; commit {document['commit']}"
    axes.set_title(fill(caption, _CAPTION_WIDTH), fontsize=7, color="#555555")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "peers.png"
    figure.savefig(path, dpi=_DPI, pil_kwargs={"optimize": True})
    return [path]
