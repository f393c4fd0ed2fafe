"""A template that never ends is ended, alone, and what ends in time is never touched."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from jinja2.compiler import CodeGenerator
from jinja2.sandbox import ImmutableSandboxedEnvironment

from helix.text.bounded_rendering import EndlessTemplateError, bounded_rendering

ENVIRONMENT = ImmutableSandboxedEnvironment()
LOOP = "{%% for a in range(99999) %%}{%% for b in range(99999) %%}%s{%% endfor %%}{%% endfor %%}"
ENDLESS = [
    LOOP % "",
    LOOP % "{{ b }}",
    LOOP % "{{ (b|string).missing }}",
    LOOP % "{% set x = b ~ a %}",
    "{% for a in range(99999) %}{% for b in range(99999) if range(99999)|sum < 0 %}{% endfor %}{% endfor %}",
    "{% for a in [1] recursive %}{% if loop.depth < 60 %}{{ loop([1]) }}{{ loop([1]) }}{% endif %}{% endfor %}",
    "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(60) }}",
]
HUGE = ["{{ 9 ** (9 ** 9) }}", "{{ 'a' * 9 ** 9 }}", "{{ (9 ** 9) * [1] }}", "{{ 9 ** 200000 * 9 ** 200000 }}"]
TEMPLATES = [
    "{% for a in [3, 1, 2] if a > 1 %}{{ loop.index }}{{ loop.last }}{{ loop.length }}{{ a }}{% else %}-{% endfor %}",
    "{% for a in [] %}{{ a }}{% else %}none{% endfor %}",
    "{{ 2 ** 10 * 'ab' | length }}{{ 'ab' * 2 }}{{ 1.5 * 2 }}{{ [1] * 2 }}{{ 2 ** -1 }}",
    "{% macro m(a, b=2) %}{{ a }}{{ b }}{{ caller() if caller }}{% endmacro %}{{ m(1) }}{% call m(3) %}in{% endcall %}",
    "{% block a %}x{% endblock %}{{ self.a() }}",
    "{% set n = namespace(x=1) %}{% for a in range(3) %}{% set n.x = n.x * 2 %}{% endfor %}{{ n.x }}",
    "{% for a in [[1, [2]], [3]] recursive %}{{ loop(a) if a is iterable else a }}{% endfor %}",
]


def render(template: str, max_s: float) -> str:
    with bounded_rendering(max_s):
        return ENVIRONMENT.from_string(template).render()


@pytest.mark.parametrize("template", ENDLESS)
def test_a_billion_rounds_are_not_waited_for(template: str) -> None:
    with pytest.raises(EndlessTemplateError, match="too long"):
        render(template, 0.05)
    assert render("{{ 1 + 1 }}", 60) == "2", "the thread can go on"


@pytest.mark.parametrize("template", HUGE)
def test_one_operation_cannot_make_something_huge(template: str) -> None:
    with pytest.raises(EndlessTemplateError):
        render(template, 60)


def test_an_endless_template_ends_its_own_thread_alone() -> None:
    with ThreadPoolExecutor(4) as pool:
        endless = [pool.submit(render, ENDLESS[0], 0.05) for _ in range(4)]
        others = [pool.submit(render, "{% for a in range(2000) %}{{ a }}{% endfor %}", 60) for _ in range(20)]
        assert len({one.result() for one in others}) == 1
        assert all(isinstance(one.exception(), EndlessTemplateError) for one in endless)


def test_time_that_is_over_reaches_nobody_else() -> None:
    """Rendering ends at about the moment at which the time is up, again and again; what follows must go through."""
    outcomes: set[str | None] = set()
    for number in range(300):
        try:
            outcomes.add(render("{% for a in range(300) %}{% endfor %}", number / 50_000))
        except EndlessTemplateError:
            outcomes.add(None)
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(render, "{% for a in range(3) %}{{ a }}{% endfor %}", 60).result() == "012"
    assert outcomes == {"", None}


@pytest.mark.parametrize("template", TEMPLATES)
def test_what_ends_in_time_comes_out_as_jinja_alone_renders_it(template: str) -> None:
    alone = ImmutableSandboxedEnvironment()
    alone.code_generator_class = CodeGenerator
    assert render(template, 60) == alone.from_string(template).render()
