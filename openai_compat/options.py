"""Command line options generated from frozen dataclasses: flag, field and help text are one fact."""

from __future__ import annotations

import argparse
import ast
import inspect
import sys
from collections.abc import Container
from dataclasses import Field, fields
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

ConfigT = TypeVar("ConfigT")

_METAVARS = {str: "TEXT", int: "N", float: "X"}


def add_options(parser: argparse.ArgumentParser, config: type[Any], *, skip: Container[str] = ()) -> None:
    """Add one option for each field of a dataclass; an option that is not given leaves no trace in the namespace."""
    group = parser.add_argument_group(*_title(config))
    docs = field_docs(config)
    types = get_type_hints(config)
    for field in fields(config):
        if field.name not in skip:
            group.add_argument(
                *_flags(field.name),
                dest=field.name,
                default=argparse.SUPPRESS,
                help=_help(docs.get(field.name, ""), field),
                **_kind(types[field.name]),
            )


def from_options(config: type[ConfigT], options: argparse.Namespace) -> ConfigT:
    """Return the dataclass that the given options describe."""
    return config(**given_options(config, options))


def given_options(config: type[Any], options: argparse.Namespace, *, skip: Container[str] = ()) -> dict[str, Any]:
    """Return the values of a dataclass's fields that were given on the command line."""
    given = vars(options)
    values = {field.name: given[field.name] for field in fields(config) if field.name in given}
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in values.items() if name not in skip
    }


def field_docs(config: type[Any]) -> dict[str, str]:
    """Return the string literals under the fields of a class of a module, white space collapsed."""
    return _docs_in(config.__module__).get(config.__qualname__, {})


@cache
def _docs_in(module: str) -> dict[str, dict[str, str]]:
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return {node.name: _docs_of(node) for node in tree.body if isinstance(node, ast.ClassDef)}


def _docs_of(body: ast.ClassDef) -> dict[str, str]:
    docs: dict[str, str] = {}
    for field, literal in zip(body.body, body.body[1:], strict=False):
        match field, literal:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                docs[name] = " ".join(text.split())
    return docs


def _flags(name: str) -> list[str]:
    """Return a field's flag; seconds may be left out of it, since other servers leave them out."""
    flag = "--" + name.replace("_", "-")
    return [flag.removesuffix("-s"), flag] if flag.endswith("-s") else [flag]


def _title(config: type[Any]) -> tuple[str, str]:
    """Return a heading such as "cache" and the class's first line."""
    return config.__name__.removesuffix("Config").lower(), (inspect.getdoc(config) or "").splitlines()[0]


def _help(doc: str, field: Field[Any]) -> str:
    if field.default is None:
        text = doc.replace("None:", "default:")
    elif field.default is False:
        text = doc
    elif field.default == ():
        text = f"{doc} May be given several times."
    else:
        text = f"{doc} (default: {'on' if field.default is True else field.default})"
    return text.replace("%", "%%")


def _kind(annotation: Any) -> dict[str, Any]:
    """Return argparse's arguments for a field's type; None in a union is what an absent option means."""
    if get_origin(annotation) in (Union, UnionType):
        (annotation,) = (part for part in get_args(annotation) if part is not NoneType)
    if annotation is bool:
        return {"action": argparse.BooleanOptionalAction}
    if get_origin(annotation) is Literal:
        choices = get_args(annotation)
        return {"choices": choices, "type": type(choices[0])}
    if get_origin(annotation) is tuple:
        return {**_kind(get_args(annotation)[0]), "action": "append"}
    return {"type": annotation, "metavar": _METAVARS[annotation]}
