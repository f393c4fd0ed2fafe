"""Edits change what they should and nothing else, by a second implementation."""

from __future__ import annotations

import ast
import json
import random
import re

from helix.demo.example import Example
from helix.demo.tasks import editing
from helix.demo.tasks.draw import Draw, Task


def drawn(task: Task, count: int = 120) -> list[tuple[str, str, Example]]:
    draw = Draw(random.Random(4), "editing", "")
    examples = [task(draw) for _ in range(count)]
    return [(example.messages[-2]["content"], example.messages[-1]["content"], example) for example in examples]


def fenced_part(text: str) -> str:
    found = re.search(r"```\w+\n(.*?)\n```", text, re.DOTALL)
    assert found is not None
    return found[1]


def test_replacing_a_word_changes_exactly_that_word() -> None:
    for question, answer, _ in drawn(editing.replace):
        after = answer.split(" ")
        words = question.replace("\n", " ").split(" ")
        before = next(
            words[start : start + len(after)]
            for start in (0, len(words) - len(after))
            if sum(a == b for a, b in zip(words[start:], after, strict=False)) >= len(after) // 2
        )
        changes = {(a.strip('.,"'), b.strip('.,"')) for a, b in zip(before, after, strict=True) if a != b}
        assert len(changes) == 1
        ((old, new),) = changes
        assert old not in re.findall(r"\w+", answer)
        assert new in re.findall(r"\w+", question)


def test_renaming_keeps_the_program() -> None:
    """A rename that hits a method, a string or part of a longer name would change the tree's shape."""
    for question, answer, _ in drawn(editing.rename):
        before, after = ast.parse(fenced_part(question)), ast.parse(fenced_part(answer))
        pairs = {
            (old, new)
            for a, b in zip(ast.walk(before), ast.walk(after), strict=True)
            for old, new in zip(names_in(a), names_in(b), strict=True)
        }
        assert len({old for old, _ in pairs}) == len({new for _, new in pairs}) == len(pairs)
        assert len([pair for pair in pairs if pair[0] != pair[1]]) == 1


def names_in(node: ast.AST) -> list[str]:
    if isinstance(node, ast.FunctionDef):
        return [node.name]
    if isinstance(node, ast.arg):
        return [node.arg]
    return [node.id] if isinstance(node, ast.Name) else []


def test_a_removed_sentence_is_the_one_named() -> None:
    for question, answer, _ in drawn(editing.remove_sentence):
        removed = next(
            sentence
            for part in question.split("\n")
            for sentence in re.findall(r"[^.]+\.", part)
            if sentence.strip() not in answer and "sentence" not in sentence
        ).strip()
        kept = re.findall(r"[^.]+\.", answer)
        if "last sentence" in question:
            assert f"{answer} {removed}" in question
        elif "first sentence" in question:
            assert f"{removed} {answer}" in question
        else:
            assert f"{kept[0].strip()} {removed} {kept[1].strip()}" in question


def test_configuration_stays_well_formed() -> None:
    for question, answer, _ in drawn(editing.edit_config):
        if answer.startswith("```json"):
            before, after = json.loads(fenced_part(question)), json.loads(fenced_part(answer))
            assert len(before.items() ^ after.items()) in (1, 2)
        before_lines, after_lines = fenced_part(question).splitlines(), fenced_part(answer).splitlines()
        assert abs(len(before_lines) - len(after_lines)) <= 1
        changed = {line.rstrip(",") for line in before_lines} ^ {line.rstrip(",") for line in after_lines}
        assert len(changed) in (1, 2)


def test_repeated_text_is_the_text() -> None:
    assert all(question.endswith(f":\n{answer}") for question, answer, _ in drawn(editing.repeat))


def test_corrected_text_has_no_misspelt_word() -> None:
    for question, answer, _ in drawn(editing.fix_spelling):
        assert set(re.findall(r"\w+", question)) & set(editing.MISSPELT)
        assert not set(re.findall(r"\w+", answer)) & set(editing.MISSPELT)


def test_documented_code_runs() -> None:
    for _, answer, _ in drawn(editing.add_docstring):
        (function,) = ast.parse(fenced_part(answer)).body
        assert isinstance(function, ast.FunctionDef)
        assert ast.get_docstring(function)


def test_prompt_and_answer_fit_the_sequences_of_training() -> None:
    draw = Draw(random.Random(4), "editing", "")
    for task in editing.TASKS:
        for _ in range(100):
            assert sum(len(message["content"]) for message in task(draw).messages) <= 1100
