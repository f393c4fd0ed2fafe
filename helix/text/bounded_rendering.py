"""Ends the rendering of a chat template that would never end.

Templates come with a model and run in jinja2's sandbox, which keeps them from files and objects but not from loops in
loops. Here they are compiled so that every round of a loop and every call of a macro looks at the time first, and a
product or power that would be huge is refused beforehand. Nothing is raised from outside: an error that another thread
raises in this one may hit the moment at which a lock has just been taken.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

from jinja2 import TemplateError, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.sandbox import ImmutableSandboxedEnvironment, SandboxedEnvironment

MAX_RENDERING_S = 30.0
"""Thousands of messages take less than one."""
_MAX_SIZE = 1 << 20
"""Of what one product or power may make: characters, items or bits of a number."""


class EndlessTemplateError(TemplateError):
    """A template that took too long."""

    def __init__(self) -> None:
        super().__init__("it takes too long")


class _Deadline(threading.local):
    """When rendering in this thread must have ended."""

    at_s = math.inf


_DEADLINE = _Deadline()


@contextmanager
def bounded_rendering(max_s: float = MAX_RENDERING_S) -> Iterator[None]:
    """Let what this thread renders meanwhile raise EndlessTemplateError after max_s seconds; it does not nest."""
    _DEADLINE.at_s = time.monotonic() + max_s
    try:
        yield
    finally:
        _DEADLINE.at_s = math.inf


def in_time() -> Literal[True]:
    """Return True, or raise EndlessTemplateError after this thread's deadline; compiled templates call it."""
    if time.monotonic() > _DEADLINE.at_s:
        raise EndlessTemplateError
    return True


class _BoundedCode(CodeGenerator):
    """Compiles a template whose repetitions look at the time."""

    def visit_Template(self, node: nodes.Template, frame: Frame | None = None) -> None:
        repeated: Any
        for repeated in node.find_all((nodes.For, nodes.Macro, nodes.CallBlock)):
            repeated.body.insert(0, nodes.ExprStmt(_look(), lineno=repeated.lineno))
            if isinstance(repeated, nodes.For) and repeated.test is not None:
                repeated.test = nodes.And(_look(), repeated.test, lineno=repeated.lineno)
        node.set_environment(self.environment)
        if isinstance(self.environment, SandboxedEnvironment):
            self.environment.intercepted_binops = self.environment.intercepted_binops | _BOUNDED_OPERATORS.keys()
            self.environment.binop_table.update(_BOUNDED_OPERATORS)
        super().visit_Template(node, frame)


def _look() -> nodes.Expr:
    return nodes.Call(nodes.ImportedName(f"{__name__}.{in_time.__name__}"), [], [], None, None)


def _product(left: Any, right: Any) -> Any:
    """Multiply, unless a text, a list or a number would become huge."""
    numbers = [one for one in (left, right) if isinstance(one, int)]
    lengths = [len(one) for one in (left, right) if isinstance(one, str | list | tuple)]
    if len(numbers) == 2:
        _refuse_beyond(sum(number.bit_length() for number in numbers))
    elif numbers and lengths:
        _refuse_beyond(numbers[0] * lengths[0])
    return left * right


def _power(left: Any, right: Any) -> Any:
    """Raise to a power, unless the number would become huge."""
    if isinstance(left, int) and isinstance(right, int):
        _refuse_beyond(left.bit_length() * right)
    return left**right


def _refuse_beyond(size: int) -> None:
    if size > _MAX_SIZE:
        raise EndlessTemplateError


_BOUNDED_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {"*": _product, "**": _power}


# jinja2's own hook; what is rendered without a deadline comes out as before
ImmutableSandboxedEnvironment.code_generator_class = _BoundedCode
