"""The text that a custom tool takes, told from the object {"input": ...} its calls are written as."""

from __future__ import annotations

import json
import re

from openai_compat.tool_calls.choice import CUSTOM_INPUT

_OPENING = re.compile(rf'\s*\{{\s*"{CUSTOM_INPUT}"\s*:\s*"')
_WHOLE = re.compile(r'(?:[^"\\]|\\u[dD][89abAB]..(?=\\u....)\\u....|\\u(?![dD][89abAB])....|\\[^u])*', re.DOTALL)


class CustomInput:
    """Push parser of one call's arguments; what is no such object is the input as it stands.

    Unpaired surrogates, which JSON can spell but UTF-8 cannot, become replacement characters.
    """

    def __init__(self) -> None:
        self._text = ""
        self._is_open = False
        self._is_over = False

    def feed(self, text: str) -> str:
        """Take more of the arguments and return what is certain of the input."""
        if self._is_over:
            return ""
        self._text += text
        if not self._is_open:
            opening = _OPENING.match(self._text)
            if opening is None:
                return ""
            self._text, self._is_open = self._text[opening.end() :], True
        return self._decode()

    def finish(self) -> str:
        """Return what was held back; nothing may be fed afterwards."""
        held, self._text = self._text, ""
        return "" if self._is_over else held

    def _decode(self) -> str:
        """Return the characters that are there, up to half an escape or the end of the string."""
        whole = _WHOLE.match(self._text)
        assert whole is not None, "the expression matches nothing as well"
        self._text = self._text[whole.end() :]
        self._is_over = self._text.startswith('"')
        try:
            decoded: str = json.loads(f'"{whole[0]}"', strict=False)
        except ValueError:
            return whole[0]
        return decoded.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
