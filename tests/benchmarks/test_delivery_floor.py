"""The floor is measured on the steps of an engine, and ends with them."""

from __future__ import annotations

import threading

from benchmarks.delivery_floor import floor_s
from tests.engines import make_engine
from tests.models import tiny_llama


def test_the_floor_takes_time_and_leaves_nothing_behind() -> None:
    engine, threads = make_engine(tiny_llama()), threading.active_count()
    assert floor_s(engine, [1, 2, 3], num_streams=3, max_tokens=4) > 0
    assert not engine.has_requests
    assert threading.active_count() == threads
