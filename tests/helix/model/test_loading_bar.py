"""The bar on a terminal, and its absence anywhere else."""

from __future__ import annotations

import io
from contextlib import redirect_stderr

import pytest

from helix.model.loading_bar import LoadingBar


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_stages_count_alike_and_items_share_theirs() -> None:
    with redirect_stderr(Terminal()) as terminal, LoadingBar(4) as bar:
        bar.begin("reading")
        shown = []
        for _ in bar.follow(["a", "b"]):
            bar._bar.refresh()
            shown.append(terminal.getvalue().rpartition("\r")[2])
        bar.begin("packing")
        shown.append(terminal.getvalue().rpartition("\r")[2])
    assert [line.split("%")[0].strip() for line in shown] == ["0", "12", "25"]
    assert [line.split()[-1] for line in shown] == ["reading", "reading", "packing"]


def test_the_bar_is_gone_afterwards() -> None:
    with redirect_stderr(Terminal()) as terminal, pytest.raises(ValueError, match="broken"), LoadingBar(2) as bar:
        bar.begin("reading")
        raise ValueError("broken")
    *_, last, nothing = terminal.getvalue().split("\r")
    assert not last.strip() and not nothing


def test_nothing_is_written_to_what_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with LoadingBar(2) as bar:
        bar.begin("reading")
        assert list(bar.follow([1, 2, 3])) == [1, 2, 3]
    assert capsys.readouterr() == ("", "")


def test_bars_of_others_become_shares_of_this_one() -> None:
    def factory(*args: object, **kwargs: object) -> str:
        return "their own"

    with redirect_stderr(Terminal()) as terminal, LoadingBar(2) as bar:
        bar.begin("reading")
        assert list(bar.replace_tqdm(factory, ([1, 2],), {"desc": "Loading weights"})) == [1, 2]
        assert bar.replace_tqdm(factory, (), {"total": 3}) == "their own"
        bar._bar.refresh()
        assert terminal.getvalue().rpartition("\r")[2].startswith(" 50%")
