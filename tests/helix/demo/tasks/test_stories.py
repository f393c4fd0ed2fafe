"""Stories are whole and mention what was asked for."""

from __future__ import annotations

from helix.demo.tasks.stories import HEROES, PLACES, tell, tells_of


def test_every_story_fits_and_mentions_its_subjects() -> None:
    for kind in HEROES:
        for place in PLACES:
            story = tell(kind, "Zara", place)
            assert 60 <= len(story.split()) <= 125
            assert tells_of("Zara", kind, place)(story)


def test_every_hero_is_at_home_in_a_known_place() -> None:
    assert {hero.place for hero in HEROES.values()} <= set(PLACES)


def test_a_story_without_its_hero_or_its_end_is_refused() -> None:
    story = tell("fox", "Mira", "forest")
    assert not tells_of("Nora", "fox", "forest")(story)
    assert not tells_of("Mira", "fox", "forest")(story.rstrip("."))
    assert not tells_of("Mira")("Mira went home.")
