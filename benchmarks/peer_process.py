"""Peers as long-lived processes, each started with its own interpreter and asked one question at a time."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.peer_runners.protocol import Answer, Model

_ROOT = Path(__file__).parent.parent
_NUM_LOG_LINES = 3


class PeerError(Exception):
    """A peer cannot do what it was asked; the text says why."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A program at one number format."""

    name: str
    """For tables."""
    environment: str
    """What `peer_environments` calls where it is installed."""
    runner: str
    """Module of peer_runners."""
    bits: int
    """Bits of a weight."""
    weights: str
    """Their format, in the words of the program."""


PEERS = [
    Peer("Helix bf16", "helix", "helix_engine", 16, "bfloat16"),
    Peer("Helix bf16 inputs too", "helix", "helix_engine", 16, "bfloat16 inputs"),
    Peer("llama.cpp BF16", "llama_cpp", "llama_cpp_library", 16, "BF16"),
    Peer("llama.cpp F16", "llama_cpp", "llama_cpp_library", 16, "F16"),
    Peer("transformers bf16", "helix", "transformers_generate", 16, "bfloat16"),
    Peer("transformers batching bf16", "helix", "transformers_batching", 16, "bfloat16"),
    Peer("OpenVINO GenAI fp16", "openvino", "openvino_pipeline", 16, "fp16"),
    Peer("Helix int8", "helix", "helix_engine", 8, "int8"),
    Peer("llama.cpp Q8_0", "llama_cpp", "llama_cpp_library", 8, "Q8_0"),
    Peer("OpenVINO GenAI int8", "openvino", "openvino_pipeline", 8, "int8"),
    Peer("CTranslate2 int8", "ctranslate2", "ctranslate2_generator", 8, "int8"),
    Peer("ONNX Runtime GenAI int8", "onnxruntime", "onnxruntime_generator", 8, "int8"),
    Peer("Helix int4", "helix", "helix_engine", 4, "int4"),
    Peer("llama.cpp Q4_0", "llama_cpp", "llama_cpp_library", 4, "Q4_0"),
    Peer("OpenVINO GenAI int4", "openvino", "openvino_pipeline", 4, "int4"),
    Peer("ONNX Runtime GenAI int4", "onnxruntime", "onnxruntime_generator", 4, "int4"),
    Peer("Helix fp32", "helix", "helix_engine", 32, "float32"),
    Peer("transformers fp32", "helix", "transformers_generate", 32, "float32"),
    Peer("CTranslate2 fp32", "ctranslate2", "ctranslate2_generator", 32, "float32"),
    Peer("ONNX Runtime GenAI fp32", "onnxruntime", "onnxruntime_generator", 32, "fp32"),
]


class PeerProcess:
    """One peer that waits for questions.

    Args:
        command: What to start; it speaks the protocol of `peer_runners.protocol`.
        log: File that takes what it says on stderr.
        num_threads: For libraries that read it from the environment.
    """

    def __init__(self, command: Sequence[str], log: Path, num_threads: int) -> None:
        self._log = log
        self.modes: list[str] = []
        self.batch_modes: list[str] = []
        self.version = ""
        self.peak_bytes: int | None = None
        with log.open("ab") as stderr:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                cwd=_ROOT,
                env=os.environ | {"OMP_NUM_THREADS": str(num_threads)},
            )

    def convert(self, model: Model, timeout_s: float) -> None:
        """Let it write its own form of a model.

        Raises:
            PeerError: It cannot.
        """
        self._ask({"do": "convert", "model": asdict(model)}, timeout_s)

    def load(self, model: Model, timeout_s: float) -> None:
        """Let it load a model.

        Raises:
            PeerError: It cannot.
        """
        reply = self._ask({"do": "load", "model": asdict(model)}, timeout_s)
        self.modes, self.batch_modes, self.version = reply["modes"], reply["batch_modes"], reply["version"]

    def generate(self, prompts: Sequence[Sequence[int]], max_tokens: int, mode: str, timeout_s: float) -> Answer:
        """Let it answer prompts together.

        Raises:
            PeerError: It cannot, or it answered with another number of tokens.
        """
        question = {"do": "generate", "prompts": prompts, "max_tokens": max_tokens, "mode": mode}
        reply = self._ask(question, timeout_s)
        answer = Answer(**{name: reply[name] for name in ("token_ids", "first_s", "total_s", "num_later")})
        lens = [len(token_ids) for token_ids in answer.token_ids]
        if lens != [max_tokens] * len(prompts):
            raise PeerError(f"asked for {len(prompts)} x {max_tokens} tokens, it gave {lens}")
        return answer

    def close(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):  # a question that it did not live to read
                    stream.close()

    def _ask(self, question: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None, "both are pipes"
        try:
            stdin.write(json.dumps(question).encode() + b"\n")
            stdin.flush()
        except (BrokenPipeError, ValueError) as error:
            raise PeerError(f"it has ended: {self._last_words()}") from error
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            if not selector.select(timeout_s):
                self.close()
                raise PeerError(f"no answer within {timeout_s:.0f} s")
        line = stdout.readline()
        if not line:
            raise PeerError(f"it has ended with {self._process.wait()}: {self._last_words()}")
        reply: dict[str, Any] = json.loads(line)
        if "error" in reply:
            raise PeerError(" ".join(reply["error"].split())[:300])
        self.peak_bytes = reply["peak_bytes"]
        return reply

    def _last_words(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return " / ".join(lines[-_NUM_LOG_LINES:])
