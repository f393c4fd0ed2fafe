"""What `benchmarks.peers` and a peer say to each other: a JSON object a line, questions on stdin, answers on stdout.

A peer's environment has none of Helix's packages, so this module needs nothing but the standard library. A peer module
implements `Backend` and ends in `serve(Backend)`. While no question is open it sleeps in a read.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

PLAIN, DRAFT, LOOKUP, AUTO = "plain", "draft", "lookup", "auto"
"""Ways to decode: a token a pass, with a draft model, by copying from the text, or whatever the program chooses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What is to be loaded."""

    folder: str
    """A Llama as transformers stores it."""
    draft_folder: str | None = None
    weights: str
    """Number format of the weights, in the peer's own words; the draft's too."""
    converted_dir: str
    """Folder for the peer's own files, kept from run to run."""
    max_len: int
    """Longest sequence, prompt and answer."""
    max_batch: int
    """Sequences at once."""
    max_batch_len: int
    """Longest of them."""
    num_threads: int

    def converted(self, suffix: str = "", *, is_draft: bool = False) -> Path:
        """Return where the peer keeps its own form of a model as it is now; the folder that holds it exists."""
        folder = Path(self.draft_folder if is_draft and self.draft_folder else self.folder)
        files = [(path.name, path.stat()) for path in sorted(folder.glob("*.safetensors"))]
        state = [(name, stat.st_size, stat.st_mtime_ns) for name, stat in files]
        digest = hashlib.sha256((folder / "config.json").read_bytes() + repr(state).encode()).hexdigest()
        path = Path(self.converted_dir) / f"{folder.name}-{digest[:8]}" / f"{self.weights}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of prompts that were answered together."""

    token_ids: list[list[int]]
    """Generated ones, by prompt."""
    first_s: float
    """Until every prompt had its first token."""
    total_s: float
    num_later: int
    """Tokens that came between first_s and total_s."""


class Backend(Protocol):
    """A program that runs models."""

    def __init__(self, model: Model) -> None:
        """Load a model that `convert` has prepared."""
        ...

    @staticmethod
    def convert(model: Model) -> None:
        """Write the peer's own form of the model unless it is there."""
        ...

    @property
    def modes(self) -> Sequence[str]:
        """Ways to decode one prompt."""
        ...

    @property
    def batch_modes(self) -> Sequence[str]:
        """Ways to decode several prompts together; empty: it cannot."""
        ...

    @property
    def version(self) -> str:
        """Version of the program and what it says about how it computes."""
        ...

    def generate(self, prompts: list[list[int]], max_tokens: int, mode: str) -> Answer:
        """Decode greedily to exactly max_tokens tokens a prompt, whatever their meaning; nothing may be cached."""
        ...


@dataclass(slots=True)
class Stopwatch:
    """Notes when tokens of several prompts come."""

    num_prompts: int
    token_ids: list[list[int]] = field(init=False)
    _began_s: float = field(default_factory=time.perf_counter)
    _first_s: float | None = None
    _last_s: float = 0.0
    _num_later: int = 0

    def __post_init__(self) -> None:
        self.token_ids = [[] for _ in range(self.num_prompts)]

    def note(self, new: Sequence[Sequence[int]]) -> None:
        """Take the tokens of one step, by prompt."""
        self._last_s = time.perf_counter() - self._began_s
        for token_ids, more in zip(self.token_ids, new, strict=True):
            token_ids += more
        if self._first_s is not None:
            self._num_later += sum(map(len, new))
        elif all(self.token_ids):
            self._first_s = self._last_s

    def answer(self, max_tokens: int) -> Answer:
        """Return what was noted; tokens beyond the wanted ones count as time, not as tokens."""
        first_s = self._last_s if self._first_s is None else self._first_s
        surplus = sum(max(0, len(token_ids) - max_tokens) for token_ids in self.token_ids)
        return Answer(
            token_ids=[token_ids[:max_tokens] for token_ids in self.token_ids],
            first_s=first_s,
            total_s=self._last_s,
            num_later=max(0, self._num_later - surplus),
        )


def by_difference(generate: Callable[[int], list[list[int]]], max_tokens: int) -> Answer:
    """Time a call that gives all tokens at once: one call for the first token alone, one for all of them."""
    began_s = time.perf_counter()
    token_ids = generate(1)
    first_s = time.perf_counter() - began_s
    total_s = first_s
    if max_tokens > 1:
        began_s = time.perf_counter()
        token_ids = generate(max_tokens)
        total_s = max(first_s, time.perf_counter() - began_s)
    num_later = sum(map(len, token_ids)) - len(token_ids)
    return Answer(token_ids=token_ids, first_s=first_s, total_s=total_s, num_later=num_later)


def serve(backend: type[Backend]) -> None:
    """Answer questions until stdin ends; libraries that print do so on stderr."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    loaded: Backend | None = None
    for line in sys.stdin:
        question = json.loads(line)
        try:
            reply: dict[str, Any] = {}
            if question["do"] == "convert":
                backend.convert(Model(**question["model"]))
            elif question["do"] == "load":
                loaded = backend(Model(**question["model"]))
                modes = {"modes": list(loaded.modes), "batch_modes": list(loaded.batch_modes)}
                reply = {"version": loaded.version, **modes}
            else:
                assert loaded is not None, "generate needs a loaded model"
                reply = asdict(loaded.generate(question["prompts"], question["max_tokens"], question["mode"]))
            reply |= {"peak_bytes": peak_bytes()}
        except Exception as error:  # a peer's failure is a row of the table, whatever it is
            sys.excepthook(type(error), error, error.__traceback__)
            reply = {"error": f"{type(error).__name__}: {error}"}
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


def peak_bytes() -> int | None:
    """Return the most memory that this process ever had resident, files mapped into it included; None: nobody says.

    Not what getrusage says, which counts from the process that this one was forked from.
    """
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM")), None)
