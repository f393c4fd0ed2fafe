"""The word tables are whole."""

from __future__ import annotations

from helix.demo.tasks import vocabulary


def test_example_sentences_contain_their_word() -> None:
    for word, sentence in vocabulary.SENTENCES_WITH.items():
        assert word in sentence.lower().rstrip(".").split(), (word, sentence)


def test_tables_have_no_empty_side() -> None:
    tables = (
        vocabulary.OPPOSITES, vocabulary.PLURALS, vocabulary.PAST, vocabulary.COLOURS_OF, vocabulary.YOUNG,
        vocabulary.SOUNDS, vocabulary.RHYMES, vocabulary.SENTENCES_WITH, vocabulary.PROVERBS,
    )  # fmt: skip
    for table in tables:
        assert len(table) >= 15
        assert all(key.strip() == key and value.strip() == value and key and value for key, value in table.items())


def test_every_word_is_known_in_every_language() -> None:
    assert len(vocabulary.TRANSLATIONS) >= 80
    for word in vocabulary.TRANSLATIONS:
        for language in vocabulary.LANGUAGES:
            assert "_" not in vocabulary.translation(word, language)


def test_plurals_of_regular_nouns_end_in_s() -> None:
    irregular = {"child", "man", "woman", "mouse", "foot", "tooth", "goose", "person", "sheep", "fish", "deer", "ox"}
    assert {word for word, plural in vocabulary.PLURALS.items() if plural[-1] != "s"} == irregular
