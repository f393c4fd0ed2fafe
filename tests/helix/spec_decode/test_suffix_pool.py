"""What was written under one salt is found under it alone, and the oldest gives way."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from helix.spec_decode.suffix_pool import MAX_SALTS, SEPARATOR, SuffixPool


def _kept(pool: SuffixPool, salt: str | None) -> list[int]:
    return [token_id for index in reversed(pool.indices(salt)) for token_id in index.token_ids]


def _finds(pool: SuffixPool, salt: str | None, text: list[int]) -> bool:
    return any(index.occurrences(text) for index in pool.indices(salt))


def test_salts_are_apart_and_none_is_one_of_them() -> None:
    pool = SuffixPool(100)
    pool.add("a", [1, 2, 3])
    pool.add(None, [4, 5, 6])
    assert _finds(pool, "a", [1, 2]) and _finds(pool, None, [4, 5])
    assert not _finds(pool, "a", [4, 5]) and not _finds(pool, None, [1, 2])
    for other in ("", "b", "None"):
        assert not _finds(pool, other, [1, 2]) and not _finds(pool, other, [4, 5])


@given(
    st.integers(0, 40),
    st.lists(st.tuples(st.sampled_from([None, "a"]), st.integers(0, 30)), max_size=30),
)
def test_a_pool_keeps_the_latest_tokens_and_never_more_than_it_may(
    max_tokens: int, outputs: list[tuple[str | None, int]]
) -> None:
    pool = SuffixPool(max_tokens)
    written: dict[str | None, list[int]] = {None: [], "a": []}
    for number, (salt, length) in enumerate(outputs):
        output = list(range(100 * number, 100 * number + length))
        pool.add(salt, output)
        written[salt] += output
        for one in written:
            assert len(_kept(pool, one)) <= max_tokens
            found = [token_id for token_id in _kept(pool, one) if token_id != SEPARATOR]
            assert all(earlier < later for earlier, later in pairwise(found))
            assert set(found) <= set(written[one])
        if length and max_tokens >= 4:
            assert _kept(pool, salt)[-1] == output[-1]


def test_the_older_half_goes_first() -> None:
    pool = SuffixPool(20)
    for start in (0, 10, 20, 30):
        pool.add(None, list(range(start, start + 4)))
    assert [_finds(pool, None, [start, start + 1]) for start in (0, 10, 20, 30)] == [True] * 4
    pool.add(None, list(range(40, 44)))
    assert [_finds(pool, None, [start, start + 1]) for start in (0, 10, 20, 30, 40)] == [False, False, True, True, True]


def test_of_an_output_longer_than_half_the_pool_the_end_is_kept() -> None:
    pool = SuffixPool(20)
    pool.add(None, list(range(100)))
    assert _kept(pool, None) == [SEPARATOR, *range(91, 100)]


def test_a_pool_of_no_tokens_keeps_nothing() -> None:
    pool = SuffixPool(0)
    pool.add(None, [1, 2, 3])
    assert not pool.indices(None)


def test_the_salt_that_wrote_nothing_for_longest_gives_way() -> None:
    pool = SuffixPool(100)
    for number in range(MAX_SALTS):
        pool.add(str(number), [1, 2, 3])
    pool.add("0", [4, 5, 6])
    pool.add("one more", [1, 2, 3])
    assert not _finds(pool, "1", [1, 2])
    assert all(_finds(pool, salt, [1, 2]) for salt in ("0", "2", str(MAX_SALTS - 1), "one more"))


def test_no_match_and_no_continuation_crosses_from_one_output_into_another() -> None:
    pool = SuffixPool(100)
    pool.add(None, [1, 2])
    pool.add(None, [3, 4])
    (index,) = pool.indices(None)
    assert [place.match_len for place in index.occurrences([1, 2, 3])] == [1]
    (place,) = index.occurrences([1, 2])
    assert index.token_ids[place.end] == SEPARATOR
