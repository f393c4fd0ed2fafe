"""Written functions are judged by what they are, not by the names of their variables."""

from __future__ import annotations

from helix.demo.tasks.code import defines
from helix.demo.tasks.programs import PROGRAMS, fenced

SUM_LIST = next(program for program in PROGRAMS if program.names[0] == "sum_list")


def test_other_variable_names_are_accepted() -> None:
    is_correct = defines(SUM_LIST.text)
    assert is_correct(fenced(SUM_LIST.renamed({"numbers": "values", "total": "result"})))


def test_another_function_name_or_other_code_is_refused() -> None:
    is_correct = defines(SUM_LIST.text)
    assert not is_correct(fenced(SUM_LIST.renamed({"sum_list": "add_up"})))
    assert not is_correct(fenced(SUM_LIST.text.replace("+=", "-=")))
    assert not is_correct(fenced("def sum_list(numbers:"))
    assert not is_correct(SUM_LIST.text)
