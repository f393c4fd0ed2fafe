"""A template that never ends is ended, alone, and what ends in time is never touched."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from jinja2.sandbox import ImmutableSandboxedEnvironment

from helix.text.bounded_rendering import EndlessTemplateError, bounded_rendering

ENVIRONMENT = ImmutableSandboxedEnvironment()
LOOP = "{%% for a in range(99999) %%}{%% for b in range(99999) %%}%s{%% endfor %%}{%% endfor %%}"
ENDLESS = [LOOP % "", LOOP % "{{ b }}", LOOP % "{{ (b|string).missing }}", LOOP % "{% set x = b ~ a %}"]


def render(template: str, max_s: float) -> str:
    with bounded_rendering(max_s):
        return ENVIRONMENT.from_string(template).render()


@pytest.mark.parametrize("template", ENDLESS)
def test_a_billion_rounds_are_not_waited_for(template: str) -> None:
    with pytest.raises(EndlessTemplateError, match="too long"):
        render(template, 0.05)
    assert render("{{ 1 + 1 }}", 60) == "2", "the thread can go on"


def test_an_endless_template_ends_its_own_thread_alone() -> None:
    with ThreadPoolExecutor(4) as pool:
        endless = [pool.submit(render, ENDLESS[0], 0.05) for _ in range(4)]
        others = [pool.submit(render, "{% for a in range(2000) %}{{ a }}{% endfor %}", 60) for _ in range(20)]
        assert len({one.result() for one in others}) == 1
        assert all(isinstance(one.exception(), EndlessTemplateError) for one in endless)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # it may hit a callback of the collector
def test_an_error_that_comes_too_late_reaches_nobody() -> None:
    """Rendering ends at about the moment at which the time is up, again and again; what follows must go through."""
    for _ in range(300):
        with suppress(EndlessTemplateError):
            render("{% for a in range(300) %}{% endfor %}", 0.0002)
        total = 0
        for number in range(500):  # steps at which the error would be raised
            total += number
        assert total == 124750
