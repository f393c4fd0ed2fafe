"""Texts to be edited are plain, and configuration is what its format says."""

from __future__ import annotations

import ast
import json
import random

from helix.demo.tasks import texts


def test_every_sentence_is_a_sentence() -> None:
    rng = random.Random(1)
    for _ in range(200):
        text, words = texts.text(rng)
        assert text[0].isupper()
        assert text.endswith(".")
        assert " a " not in text.replace(" a new ", " ")
        assert len(set(words.values())) == len(words)


def test_configuration_reads_back() -> None:
    rng = random.Random(1)
    for _ in range(100):
        values = texts.settings(rng)
        assert json.loads(texts.config_file("json", values, "main")) == values
        title, *lines = texts.config_file("yaml", values, "main").splitlines()
        assert title == "main:"
        assert [line.split(": ")[0] for line in lines] == [f"  {key}" for key in values]
        ast.parse(texts.config_file("python", values, "main"))


def test_code_defines_every_function_once() -> None:
    rng = random.Random(1)
    for _ in range(300):
        marked, names = texts.code(rng)
        functions = [node.name for node in ast.parse(marked.replace("$", "")).body if isinstance(node, ast.FunctionDef)]
        assert len(functions) == len(set(functions)) > 0
        assert set(functions) <= set(names)
