"""Pools are large enough to hold words out."""

from __future__ import annotations

from helix.demo.tasks import words
from helix.demo.tasks.draw import Pool


def test_no_word_is_listed_twice_and_most_are_seen() -> None:
    pools = {name: pool for name, pool in vars(words).items() if isinstance(pool, Pool)}
    for name, pool in pools.items():
        assert len(set(pool.words)) == len(pool.words), name
        assert 0 < len(pool.unseen) <= len(pool.words) // 3, name


def test_articles_and_enumerations() -> None:
    assert words.an("owl") == "an owl"
    assert words.an("fox") == "a fox"
    assert words.join_words(["a"]) == "a"
    assert words.join_words(["a", "b", "c"]) == "a, b and c"
