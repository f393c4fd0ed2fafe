"""Draws what `benchmarks.speculation --json FILE` wrote: `python -m benchmarks.plots FILE --out benchmarks`.

Three PNGs: speed-up by task, acceptance by position, depth over time. Colours are those of Okabe and Ito, which stay
apart for every kind of colour vision; markers differ as well. Needs the extra `bench`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.arms import TRANSFORMERS_NAMES
from benchmarks.rows import AUTO

Rows = Sequence[Mapping[str, Any]]

COLOURS = {
    "auto": "#000000",
    "draft": "#0072B2",
    "mtp": "#F0E442",
    "ngram": "#E69F00",
    "suffix": "#009E73",
    "predicted": "#CC79A7",
    "grammar": "#D55E00",
    TRANSFORMERS_NAMES["draft"]: "#56B4E9",
    TRANSFORMERS_NAMES["prompt_lookup"]: "#999999",
    TRANSFORMERS_NAMES["none"]: "#555555",
}
MARKERS = dict(zip(COLOURS, "Ds*^vPX<>o", strict=True))
_DPI = 110
_TITLE_WIDTH = 130


def family(arm: str) -> str:
    """Return the method of an arm without its depth."""
    method, _, depth = arm.rpartition(" ")
    return method if depth.isdigit() else arm


def draw(document: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write the plots that the document has figures for and return where they are."""
    rows = document["rows"]
    figures = {
        "speedup_by_task.png": speedup_by_task(rows, document["titles"]),
        "acceptance_by_position.png": _by_task(
            "Acceptance by position of the draft token",
            "position in the draft",
            "accepted",
            deepest(rows),
            document["titles"],
            _draw_acceptance,
        ),
        "depth_over_time.png": _by_task(
            "Tokens drafted by auto, step by step",
            "target pass of the answer",
            "draft tokens, mean of the answers",
            _of_auto(rows),
            document["titles"],
            _draw_depths,
        ),
    }
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, figure in figures.items():
        figure.text(0.01, 0.005, fill(_caption(document), _TITLE_WIDTH), fontsize=7, color="#555555", va="bottom")
        paths.append(folder / name)
        figure.savefig(paths[-1], dpi=_DPI, pil_kwargs={"optimize": True})
    return paths


def speedup_by_task(rows: Rows, titles: Mapping[str, str]) -> Figure:
    """Mark each method's best speed-up at one request per task, and auto's at several requests in small."""
    figure = Figure(figsize=(9, 6), layout="constrained")
    figure.get_layout_engine().set(rect=(0, 0.06, 1, 0.94))  # type: ignore[union-attr,call-arg]
    axes = figure.subplots()
    places = {task: place for place, task in enumerate(reversed(list(titles)))}
    best: dict[tuple[str, str], float] = {}
    for row in rows:
        key = (family(row["arm"]), row["task"])
        if row["concurrency"] == 1 and row["speedup"] is not None and row["arm"] != "plain":
            best[key] = max(best.get(key, 0.0), row["speedup"])
    for method, colour in COLOURS.items():
        points = [(speedup, places[task]) for (name, task), speedup in best.items() if name == method]
        if points:
            is_auto = method == AUTO
            size, order = (70, 4) if is_auto else (42, 3)
            label = method if is_auto or method in TRANSFORMERS_NAMES.values() else f"{method}, best fixed depth"
            speedups, heights = zip(*points, strict=True)
            axes.scatter(speedups, heights, s=size, c=colour, marker=MARKERS[method], label=label, zorder=order)
    for (method, task), speedup in best.items():
        if method == AUTO:
            axes.annotate(
                f"{speedup:.2f}", (speedup, places[task]), (0, 8), textcoords="offset points", ha="center", fontsize=8
            )
    axes.axvline(1, color="#000000", linewidth=0.8)
    axes.set_yticks(list(places.values()), [titles[task] for task in places])
    axes.set_xlim(left=0)
    axes.set_xlabel("tokens per second over plain decoding in Helix, one request at a time")
    axes.set_title("Speed-up by task")
    _tidy(axes)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def deepest(rows: Rows) -> Rows:
    """Return, of each task and method, the row of its largest fixed depth, and those of auto."""
    chosen: dict[tuple[str, str], Mapping[str, Any]] = {}
    for row in rows:
        if row["concurrency"] == 1 and row["acceptance_per_position"]:
            key = (row["task"], family(row["arm"]))
            known = chosen.get(key)
            if known is None or len(row["acceptance_per_position"]) > len(known["acceptance_per_position"]):
                chosen[key] = row
    return list(chosen.values())


def _of_auto(rows: Rows) -> Rows:
    return [row for row in rows if row["arm"] == AUTO and row.get("depths")]


def _draw_acceptance(axes: Axes, rows: Rows) -> None:
    for row in rows:
        method, shares = family(row["arm"]), row["acceptance_per_position"]
        positions = range(1, len(shares) + 1)
        axes.plot(
            positions,
            shares,
            color=COLOURS[method],
            marker=MARKERS[method],
            markersize=3.5,
            linewidth=1.2,
            label=row["arm"],
        )
    axes.set_ylim(-0.03, 1.03)


def _draw_depths(axes: Axes, rows: Rows) -> None:
    for row, style in zip(rows, ("-", "--", "-.", ":"), strict=False):
        steps = range(1, len(row["depths"]) + 1)
        axes.step(
            steps,
            row["depths"],
            where="mid",
            color="#0072B2",
            linestyle=style,
            linewidth=1.2,
            label=f"{row['concurrency']} at once",
        )
        top = max(axes.get_ylim()[1], 1.05 * max(row["depths"]))  # of all tasks so far: they share it
        axes.set_ylim(0, top)


def _by_task(
    title: str,
    x_label: str,
    y_label: str,
    rows: Rows,
    titles: Mapping[str, str],
    draw_one: Callable[[Axes, Rows], None],
) -> Figure:
    """Return small multiples, one per task, with the same vertical axis and one legend."""
    num_columns = 4
    num_rows = -(-len(titles) // num_columns)
    figure = Figure(figsize=(10, 2.4 * num_rows + 1), layout="constrained")
    figure.get_layout_engine().set(rect=(0, 0.06, 1, 0.94))  # type: ignore[union-attr,call-arg]
    grid = figure.subplots(num_rows, num_columns, sharey=True, squeeze=False)
    handles: dict[str, Any] = {}
    for axes, (task, name) in zip(grid.flat, titles.items(), strict=False):
        draw_one(axes, [row for row in rows if row["task"] == task])
        axes.set_title(name, fontsize=9)
        _tidy(axes)
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    for axes in list(grid.flat)[len(titles) :]:
        axes.set_visible(False)
    figure.suptitle(title, fontsize=11)
    figure.supxlabel(x_label, fontsize=9)
    figure.supylabel(y_label, fontsize=9)
    if handles:
        figure.legend(handles.values(), handles.keys(), loc="outside right upper", fontsize=8, frameon=False)
    return figure


def _tidy(axes: Axes) -> None:
    axes.grid(color="#DDDDDD", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)


def _caption(document: Mapping[str, Any]) -> str:
    return (
        f"{document['hardware']}; {document['model']}, draft {document['draft']}; {document['dtype']}, "
        f"{document['linear_route']}; {document['threads']} threads; commit {document['commit']}"
    )


def main() -> None:
    """Read and draw."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plots", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("file", type=Path, help="what benchmarks.speculation wrote by --json")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder for the PNGs")
    arguments = parser.parse_args()
    for path in draw(json.loads(arguments.file.read_text(encoding="utf-8")), arguments.out):
        print(f"{path}: {path.stat().st_size / 1e3:.0f} KB")


if __name__ == "__main__":
    main()
