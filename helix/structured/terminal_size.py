"""How large the terminals of a grammar are when each is written out: those that double grow beyond all bounds."""

from __future__ import annotations

import re

MAX_TERMINAL_SIZE = 20_000
"""Most literals and expressions in a terminal that is written out."""

_NOISE = re.compile(r'"(?:\\.|[^"\\\n])*"i?|//[^\n]*|/(?:\\.|[^/\\\n])+/[imslux]*|\#[^\n]*')
_DEFINITION = re.compile(r"^[ \t]*[?!]{0,2}([A-Za-z_][\w-]*)[ \t]*(?:\[[^\]\n]*\])?(?:\.\d+)?[ \t]*:", re.MULTILINE)
_NAME = re.compile(r"_?[A-Z][A-Z0-9_]*")
_GRAMMAR = re.compile(r"%lark\b")


def terminals_fit(text: str) -> bool:
    """Return whether no terminal of a grammar in Lark's notation is larger than MAX_TERMINAL_SIZE, written out."""
    return all(_fits(part) for part in _GRAMMAR.split(text))


def _fits(text: str) -> bool:
    cleaned = _NOISE.sub('"', text)
    parts = _DEFINITION.split(cleaned)
    needs = {
        name: _NAME.findall(body) for name, body in zip(parts[1::2], parts[2::2], strict=True) if _NAME.fullmatch(name)
    }
    literals = {name: body.count('"') for name, body in zip(parts[1::2], parts[2::2], strict=True)}
    sizes: dict[str, int] = {}
    for root in needs:
        waiting = [root]
        path: set[str] = set()
        while waiting:
            name = waiting[-1]
            open_names = [one for one in needs[name] if one in needs and one not in sizes and one not in path]
            if name in sizes or not open_names or name in path:
                waiting.pop()
                path.discard(name)
                sizes[name] = max(1, literals[name] + sum(sizes.get(one, 1) for one in needs[name]))
                if sizes[name] > MAX_TERMINAL_SIZE:
                    return False
            else:
                path.add(name)
                waiting += open_names
    return True
