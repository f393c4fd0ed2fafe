"""What an answer must look like, as the caller describes it: plain data that can be compared and hashed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from helix.errors import InvalidRequestError
from helix.structured.escaped import ended_lark, escaped_lark
from helix.structured.lark_text import CannotRewriteError

MAX_GRAMMAR_BYTES = 64 * 1024
"""Longest description, so that nobody's grammar keeps the others waiting."""

JSON_STYLE: Mapping[str, Any] = {
    "whitespace_flexible": False,
    "item_separator": ", ",
    "key_separator": ": ",
    "lenient": False,
}
"""How llguidance is told to write JSON."""

GrammarKind = Literal["json_schema", "json_object", "regex", "lark"]


@dataclass(frozen=True, slots=True)
class Grammar:
    """A language that an answer has to be a sentence of.

    JSON is written as Python's json.dumps writes it, one space behind comma and colon and none elsewhere, and the
    properties of an object come in the schema's order: so that what is forced needs no guessing.

    Raises:
        InvalidRequestError: The description is too long or no JSON; param is "grammar".
    """

    kind: GrammarKind
    text: str = ""
    """The schema as JSON, the regular expression, or the grammar in Lark's notation."""

    def __post_init__(self) -> None:
        if len(self.text) > MAX_GRAMMAR_BYTES or len(self.text.encode("utf-8", "replace")) > MAX_GRAMMAR_BYTES:
            raise InvalidRequestError(
                f"grammar is longer than {MAX_GRAMMAR_BYTES} bytes, the most that is supported", param="grammar"
            )

    @classmethod
    def json_schema(cls, schema: Mapping[str, Any] | bool | str) -> Grammar:
        """Return the language of the JSON documents that satisfy a schema, given as a value or as its JSON text."""
        try:
            value = json.loads(schema) if isinstance(schema, str) else schema
            text = json.dumps({} if value is True else value, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
            raise InvalidRequestError(f"grammar is no JSON schema: {reason}", param="grammar") from None
        if not text.startswith("{"):
            raise InvalidRequestError("grammar is no JSON schema: an object is needed", param="grammar")
        return cls("json_schema", text)

    @classmethod
    def json_object(cls) -> Grammar:
        """Return the language of all JSON objects."""
        return cls("json_object")

    @classmethod
    def regex(cls, pattern: str) -> Grammar:
        """Return the language of a regular expression, in the syntax of Rust's regex; the whole answer matches."""
        return cls("regex", pattern)

    @classmethod
    def choice(cls, texts: Sequence[str]) -> Grammar:
        """Return the language of a few texts."""
        if not texts or not all(texts):
            raise InvalidRequestError("grammar must offer at least one text, and no empty one", param="grammar")
        return cls("regex", "|".join(re.escape(text) for text in texts))

    @classmethod
    def lark(cls, text: str) -> Grammar:
        """Return the language of a context-free grammar, in llguidance's variant of Lark's notation."""
        return cls("lark", text)

    def inside_json(self) -> Grammar:
        """Return the language of the insides of the JSON strings whose values are sentences of this Lark grammar.

        Raises:
            InvalidRequestError: It cannot be told; param is "grammar".
        """
        try:
            return Grammar.lark(escaped_lark(self.text))
        except CannotRewriteError as error:
            message = f"grammar cannot be enforced inside a JSON string: {error}"
            raise InvalidRequestError(message, param="grammar") from None

    def ended_by(self, end: str, *, marker: str) -> Grammar:
        """Return the language of this one's sentences with end behind them, without those that contain marker.

        Raises:
            InvalidRequestError: It cannot be told; param is "grammar".
        """
        try:
            return Grammar.lark(ended_lark(self.text if self.kind == "lark" else f"start: {self.term}", marker, end))
        except CannotRewriteError as error:
            raise InvalidRequestError(
                f"grammar cannot be enforced in front of a tag: {error}", param="grammar"
            ) from None

    @property
    def term(self) -> str:
        """What stands for this language inside another grammar in Lark's notation."""
        match self.kind:
            case "json_schema" | "json_object":
                schema = json.loads(self.text or '{"type": "object"}')
                return f"%json {json.dumps({**schema, 'x-guidance': JSON_STYLE})}"
            case "regex":
                return f"/{_SLASH.sub(_escaped, self.text)}/"
            case "lark":
                return f"%lark {{\n{self.text}\n}}"


_SLASH = re.compile(r"\\.|/|\n", re.DOTALL)
"""An escaped character, or one that would end an expression between slashes."""


def _escaped(found: re.Match[str]) -> str:
    return {"/": r"\/", "\n": r"\n", "\\\n": r"\n"}.get(found[0], found[0])
