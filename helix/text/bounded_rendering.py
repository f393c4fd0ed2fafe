"""Ends the rendering of a chat template that would never end.

Templates come with a model and run in jinja2's sandbox, which keeps them from files and objects but not from loops in
loops. A thread of our own raises an error in the thread that renders for too long, at its next step; what a single
operation does inside, such as a power of large numbers, is not interrupted.
"""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from jinja2 import TemplateError

MAX_RENDERING_S = 30.0
"""Thousands of messages take less than one."""
_AGAIN_S = 0.1
"""Where something swallowed the error it is raised again."""


class EndlessTemplateError(TemplateError):
    """A template that took too long."""

    def __init__(self) -> None:
        super().__init__("it takes too long")


class _Watch:
    """Knows which threads render since when; one thread looks after all of them, once there was one."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._deadlines: dict[int, float] = {}
        """By thread."""
        self._fired: set[int] = set()
        self._watching = False

    def begin(self, thread: int, deadline_s: float) -> None:
        with self._changed:
            self._deadlines[thread] = deadline_s
            if not self._watching:
                threading.Thread(target=self._run, name="helix-templates", daemon=True).start()
                self._watching = True
            self._changed.notify()

    def end(self, thread: int) -> None:
        """Forget a thread, and the error that it was about to receive."""
        with self._changed:
            del self._deadlines[thread]
            if thread in self._fired:
                self._fired.remove(thread)
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), None)

    def _run(self) -> None:
        with self._changed:
            while True:
                now_s = time.monotonic()
                for thread, deadline_s in self._deadlines.items():
                    if deadline_s <= now_s:
                        self._deadlines[thread] = now_s + _AGAIN_S
                        self._fired.add(thread)
                        error = ctypes.py_object(EndlessTemplateError)
                        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), error)
                earliest_s = min(self._deadlines.values(), default=None)
                self._changed.wait(None if earliest_s is None else earliest_s - now_s)


_WATCH = _Watch()


@contextmanager
def bounded_rendering(max_s: float = MAX_RENDERING_S) -> Iterator[None]:
    """Let what this thread renders meanwhile raise EndlessTemplateError after max_s seconds; it does not nest."""
    thread = threading.get_ident()
    _WATCH.begin(thread, time.monotonic() + max_s)
    try:
        yield
    finally:
        _WATCH.end(thread)
