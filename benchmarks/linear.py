"""How long does one linear layer take, by route and number of rows?

    python -m benchmarks.linear [--shapes 2048x5632,...] [--rows 1,2,...] [--routes kernel] [--samples 15] [--threads 1]

Routes take turns sample by sample and are compared within each turn, because a shared machine changes from minute to
minute: `time` is the thread's own processor time, the columns of ratios are medians over turns. Each route has several
copies of its weight in turn, so that weights come from memory as they do in a model. The table is for people; the last
line is one JSON document.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor

from helix.errors import ConfigError
from helix.kernels.linear import load_linear_kernel
from helix.kernels.quantized import WEIGHT_FORMATS, load_quantized_kernel
from helix.model.layout import Route, choose_bf16_route, choose_route
from helix.model.quantization import QuantizedRoute

SHAPES = "2048x5632,5632x2048,2048x2048,2048x32000,384x1024,384x4096"
ROWS = "1,2,3,4,5,8,9,16,128,512"
_COLD_BYTES = 64 * 2**20
"""Weights of one route together: more than a cache holds."""


def routes(weight_dtype: torch.dtype) -> dict[str, Route | QuantizedRoute]:
    """Every route that works here for a checkpoint of a format."""
    kernel = load_linear_kernel()
    found: dict[str, Route | QuantizedRoute] = {
        f"kernel {_name(weight_dtype)}": Route("kernel", weight_dtype, torch.float32, "", kernel)
    }
    with suppress(ConfigError):
        found["kernel inputs bfloat16"] = choose_bf16_route(torch.float32)
    for name in WEIGHT_FORMATS:
        found[f"kernel {name}"] = QuantizedRoute(load_quantized_kernel(name), torch.float32)
    for dtype in dict.fromkeys((weight_dtype, torch.float32)):
        found[f"kernel {_name(dtype)}"] = Route("kernel", dtype, torch.float32, "", kernel)
        library = choose_route(dtype, dtype, use_kernels=False)
        if library.name == "onednn":
            found[f"onednn {_name(library.weight_dtype)}"] = library
        found[f"F.linear {_name(dtype)}"] = Route("torch", dtype, dtype, "")
    return found


def calls(route: Route | QuantizedRoute, out_features: int, in_features: int, num_rows: int) -> Callable[[], Tensor]:
    """A call that multiplies by the next of several packed weights."""
    weight = torch.randn(out_features, in_features)
    if isinstance(route, Route):
        weight = weight.to(route.weight_dtype)
        num_bytes = weight.numel() * weight.element_size()
    else:
        num_bytes = 4 * route.pack(weight).numel()
    num_copies = 1 + _COLD_BYTES // num_bytes
    copies = itertools.cycle([route.pack(weight.clone()) for _ in range(num_copies)])
    x = torch.randn(num_rows, in_features, dtype=route.activation_dtype)
    return lambda: route.multiply(x, next(copies), None, out_features)


def measure(functions: dict[str, Callable[[], Tensor]], num_samples: int, clock: Callable[[], float]) -> dict[str, Any]:
    """Interleave; return ms per call by route and the ratio to the first route within the same turn."""
    times: dict[str, list[float]] = {name: [] for name in functions}
    for turn in range(num_samples + 1):
        for name, function in functions.items():
            started_s = clock()
            function()
            if turn:
                times[name].append(1e3 * (clock() - started_s))
    first = next(iter(times.values()))
    return {
        name: {
            "ms": statistics.median(values),
            "min_ms": min(values),
            "ratio": statistics.median(value / base for value, base in zip(values, first, strict=True)),
        }
        for name, values in times.items()
    }


def rounds(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """One record per shape and number of rows."""
    clock = time.thread_time if torch.get_num_threads() == 1 else time.perf_counter
    with torch.inference_mode():
        available = routes(torch.bfloat16)
        for shape in arguments.shapes.split(","):
            in_features, out_features = map(int, shape.split("x"))
            for num_rows in map(int, arguments.rows.split(",")):
                functions = {
                    name: calls(route, out_features, in_features, num_rows)
                    for name, route in available.items()
                    if arguments.routes in name
                }
                num_samples = arguments.samples if num_rows < 64 else max(3, arguments.samples // 4)
                yield {"shape": shape, "rows": num_rows, "routes": measure(functions, num_samples, clock)}


def main() -> None:
    """Print the table and the JSON document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", default=SHAPES, help="in_features x out_features, comma separated")
    parser.add_argument("--rows", default=ROWS)
    parser.add_argument("--routes", default="", help="part of their names, if not all")
    parser.add_argument("--samples", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    records: list[dict[str, Any]] = []
    for record in rounds(arguments):
        if not records or records[-1]["shape"] != record["shape"]:
            print(f"\n{record['shape']:>12} rows  " + "".join(f"{name:>20}" for name in record["routes"]))
        cells = (f"{cell['ms']:.3f} ms x{cell['ratio']:.2f}" for cell in record["routes"].values())
        print(f"{record['rows']:17}  " + "".join(f"{cell:>20}" for cell in cells), flush=True)
        records.append(record)
    print(json.dumps({"benchmark": "linear", "threads": arguments.threads, "records": records}))


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


if __name__ == "__main__":
    main()
