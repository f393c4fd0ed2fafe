"""Does a server under mixed load lose, mix up or leak anything?

Clients of many kinds work at once: chats, streams, tools, grammars, sampled completions, errors, prompts that are too
long, streams that are left in the middle. Each prompt was answered alone beforehand, and every answer under load must
be that one, byte for byte; a stream that is left must have been its beginning. Then clients vanish at random moments:
before the first token, in the middle of a stream or a prompt, while a whole answer is made. At the end every block
must be free, nobody running or waiting, and memory what it was.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import httpx

from benchmarks.report import commit, hardware, print_json, table

MODEL = "helix-demo"
MAX_TOKENS = 24
_PATIENCE_S = 600.0
_SUBJECTS = ("a river", "the colour blue", "three dogs", "an old clock", "rain in May", "a long letter")
_TOOL = {
    "type": "function",
    "function": {
        "name": "note",
        "parameters": {
            "type": "object",
            "properties": {"count": {"type": "integer", "minimum": 0, "maximum": 99}},
            "required": ["count"],
            "additionalProperties": False,
        },
    },
}


@dataclass(frozen=True, slots=True)
class Job:
    """One request and how it is read."""

    kind: str
    path: str
    body: dict[str, Any]
    is_left: bool = False
    """Whether the client leaves in the middle."""


@dataclass(slots=True)
class Soak:
    """What came of a run."""

    num_done: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    """Answers that were not what the prompt gets alone."""
    latencies_s: list[tuple[float, float]] = field(default_factory=list)
    """(when it ended, how long it took) of whole answers, from the start of the run."""
    samples: list[dict[str, float]] = field(default_factory=list)
    """Resident memory in MiB, running and waiting requests, over time."""


def jobs() -> list[Job]:
    """Return one request of every kind for every subject."""
    made = []
    for number, subject in enumerate(_SUBJECTS):
        chat: dict[str, Any] = {"model": MODEL, "messages": [{"role": "user", "content": f"Tell me about {subject}."}]}
        chat |= {"max_completion_tokens": MAX_TOKENS, "temperature": 0}
        text: dict[str, Any] = {"model": MODEL, "prompt": f"This is about {subject}. It", "max_tokens": MAX_TOKENS}
        sampled: dict[str, Any] = {"temperature": 0.9, "seed": number}
        made += [
            Job("chat", "/v1/chat/completions", chat),
            Job("chat stream", "/v1/chat/completions", chat | {"stream": True}),
            Job("tools", "/v1/chat/completions", chat | {"tools": [_TOOL], "tool_choice": "required"}),
            Job("grammar", "/v1/chat/completions", chat | {"response_format": {"type": "json_object"}}),
            Job("sampled", "/v1/completions", text | sampled),
            Job("several choices", "/v1/completions", text | sampled | {"n": 3}),
            Job("left stream", "/v1/completions", text | {"temperature": 0, "stream": True}, is_left=True),
            Job("bad request", "/v1/completions", text | {"temperature": 9 + number}),
            Job("too long", "/v1/completions", text | {"prompt": subject * 9000}),
        ]
    return made


class Clients:
    """Sends requests to one server and reads what the answers say."""

    def __init__(self, url: str, rng: random.Random) -> None:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=64)
        self._http = httpx.AsyncClient(base_url=url, timeout=_PATIENCE_S, limits=limits)
        self._rng = rng

    async def __aenter__(self) -> Clients:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def ask(self, job: Job, *, is_whole: bool = False) -> str:
        """Return what an answer says, its status first; of a stream that is left, its beginning."""
        if not job.body.get("stream"):
            response = await self._http.post(job.path, json=job.body)
            return f"{response.status_code} {_content(response.json())}"
        num_left = None if is_whole or not job.is_left else self._rng.randrange(1, 9)
        text = ""
        async with self._http.stream("POST", job.path, json=job.body) as response:
            async for line in response.aiter_lines():
                if num_left == 0:
                    break
                if line.startswith("data: {"):
                    text += _content(json.loads(line[6:]))
                    num_left = None if num_left is None else num_left - 1
        return f"{response.status_code} {text}"

    async def vanish(self, job: Job) -> None:
        """Send a request and close the connection at a random moment."""
        asking = asyncio.ensure_future(self.ask(job, is_whole=True))
        await asyncio.wait((asking,), timeout=self._rng.expovariate(1 / 0.05))
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)

    async def health(self) -> dict[str, Any]:
        """Return what the server says of itself."""
        health: dict[str, Any] = (await self._http.get("/health")).json()
        return health

    async def idle(self) -> dict[str, Any]:
        """Wait until nobody runs and nobody waits, and return the server's state."""
        deadline_s = time.monotonic() + _PATIENCE_S
        while (health := await self.health())["num_running"] or health["num_waiting"]:
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"requests are left: {health}")
            await asyncio.sleep(0.02)
        return health


async def soak(url: str, *, seconds: float, num_clients: int, memory_mib: Callable[[], float], seed: int = 0) -> Soak:
    """Have all kinds of requests answered for so many seconds, each at least once, and compare every answer."""
    rng = random.Random(seed)
    result = Soak()
    async with Clients(url, rng) as clients:
        every = jobs()
        expected = [await clients.ask(job, is_whole=True) for job in every]
        order = rng.sample(range(len(every)), len(every))
        began_s, numbers = time.monotonic(), count()

        async def client() -> None:
            while (number := next(numbers)) < len(every) or time.monotonic() - began_s < seconds:
                chosen = order[number] if number < len(every) else rng.randrange(len(every))
                job, asked_s = every[chosen], time.monotonic()
                answer = await clients.ask(job)
                result.num_done[job.kind] += 1
                if not (expected[chosen].startswith(answer) if job.is_left else answer == expected[chosen]):
                    result.wrong.append(f"{job.kind}: {answer!r} in place of {expected[chosen]!r}")
                if not job.is_left:
                    result.latencies_s.append((time.monotonic() - began_s, time.monotonic() - asked_s))

        async def watch() -> None:
            while True:
                health = await clients.health()
                at_s = time.monotonic() - began_s
                state = {"running": health["num_running"], "waiting": health["num_waiting"]}
                result.samples.append({"at_s": at_s, "memory_mib": memory_mib(), **state})
                await asyncio.sleep(max(0.25, seconds / 400))

        watching = asyncio.ensure_future(watch())
        await asyncio.gather(*(client() for _ in range(num_clients)))
        watching.cancel()
        await clients.idle()
    return result


async def vanishing(url: str, *, num_clients: int, at_once: int = 16, seed: int = 0) -> dict[str, Any]:
    """Let clients vanish at random moments, some at once, and return the server's state when it has noticed."""
    rng = random.Random(seed)
    long = {"max_tokens": 10 * MAX_TOKENS, "ignore_eos": True}
    async with Clients(url, rng) as clients:
        numbers = iter(range(num_clients))

        async def client() -> None:
            for number in numbers:
                body = {"model": MODEL, "prompt": f"{number} " * rng.choice((3, 200)), "stream": rng.random() < 0.6}
                await clients.vanish(Job("vanishing", "/v1/completions", body | long))

        await asyncio.gather(*(client() for _ in range(at_once)))
        return await clients.idle()


def flatness(samples: Sequence[dict[str, float]]) -> float:
    """Return by how much memory grew from the middle third of a run to its last, as a share of it."""
    memory = [sample["memory_mib"] for sample in samples]
    third = len(memory) // 3
    before, after = median(memory[third : 2 * third] or memory), median(memory[2 * third :])
    return after / before - 1


def resident_mib(pid: int) -> float:
    """Return the memory of a process that is in RAM."""
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * 4096 / 2**20


def num_threads(pid: int) -> int:
    """Return how many threads a process has."""
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def draw(result: Soak, path: Path) -> None:
    """Plot memory, queue and latency over the run."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 7), layout="constrained")
    memory, queue, latency = figure.subplots(3, 1, sharex=True)
    at_s = [sample["at_s"] for sample in result.samples]
    memory.plot(at_s, [sample["memory_mib"] for sample in result.samples], color="#0072B2")
    memory.set(ylabel="resident MiB", ylim=(0, None), title="A server under mixed load")
    for name, colour in (("running", "#009E73"), ("waiting", "#D55E00")):
        queue.plot(at_s, [sample[name] for sample in result.samples], label=name, color=colour)
    queue.set(ylabel="requests")
    queue.legend(loc="upper right")
    latency.plot(*zip(*result.latencies_s, strict=True), ".", markersize=2, color="#555555")
    latency.set(ylabel="seconds of an answer", xlabel="seconds", yscale="log")
    figure.savefig(path, dpi=110)


def main() -> None:
    """Start a server, soak it, let clients vanish, and tell."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--clients", type=int, default=24)
    parser.add_argument("--vanishing", type=int, default=1000)
    parser.add_argument("--plot", type=Path, help="where to draw memory, queue and latency over time")
    arguments = parser.parse_args()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "openai_compat", "serve", "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        report = asyncio.run(_measure(f"http://127.0.0.1:{port}", server.pid, arguments))
    finally:
        server.terminate()
        server.wait()
    report["exit_status"] = server.returncode
    print_json(report)


async def _measure(url: str, pid: int, arguments: argparse.Namespace) -> dict[str, Any]:
    async with httpx.AsyncClient(base_url=url) as http:
        while True:
            try:
                if (await http.get("/health")).status_code == 200:
                    break
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.2)
    seconds = 60 * arguments.minutes
    result = await soak(url, seconds=seconds, num_clients=arguments.clients, memory_mib=lambda: resident_mib(pid))
    threads_before, memory_before = num_threads(pid), resident_mib(pid)
    state = await vanishing(url, num_clients=arguments.vanishing)
    if arguments.plot is not None:
        draw(result, arguments.plot)
    took_s = [took for _, took in result.latencies_s]
    report = {
        "hardware": hardware(),
        "commit": commit(),
        "minutes": arguments.minutes,
        "clients": arguments.clients,
        "done": dict(result.num_done),
        "wrong": result.wrong,
        "latency_s": {"median": median(took_s), "p99": quantiles(took_s, n=100)[-1]},
        "memory_growth": flatness(result.samples),
        "vanished": arguments.vanishing,
        "blocks_held": state["num_blocks"] - state["num_free_blocks"],
        "threads": [threads_before, num_threads(pid)],
        "memory_mib": [memory_before, resident_mib(pid)],
    }
    print(table(["what", "figure"], [[name, str(value)] for name, value in report.items()]))
    return report | {"latencies_s": result.latencies_s, "samples": result.samples}


def _content(event: dict[str, Any]) -> str:
    """Return what an answer, or an event of one, says: of errors the code, of calls name and arguments."""
    if "error" in event:
        return str(event["error"]["code"])
    said = []
    for choice in event["choices"]:
        message = choice.get("message") or choice.get("delta") or {}
        calls = [call["function"] for call in message.get("tool_calls") or ()]
        said.append(choice.get("text") or message.get("content") or "")
        said += [f"{call.get('name')}({call['arguments']})" for call in calls]
    return "|".join(said)


if __name__ == "__main__":
    main()
