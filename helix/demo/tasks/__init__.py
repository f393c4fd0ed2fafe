"""The tasks whose answers follow from their values: one module per family."""

from __future__ import annotations

import random
from collections.abc import Callable

from helix.demo.example import Example, Split
from helix.demo.tasks import arithmetic, code, conversation, editing, extraction, lists, stories, text, tool_use

FAMILIES: dict[str, Callable[[random.Random, Split], Example]] = {
    "arithmetic": arithmetic.generate,
    "lists": lists.generate,
    "stories": stories.generate,
    "editing": editing.generate,
    "code": code.generate,
    "extraction": extraction.generate,
    "tool_use": tool_use.generate,
    "conversation": conversation.generate,
    "text": text.generate,
}
"""How to draw an example of each kind."""
