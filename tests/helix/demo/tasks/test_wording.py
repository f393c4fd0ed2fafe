import random
import re

from helix.demo.example import Split
from helix.demo.tasks import FAMILIES
from helix.demo.tasks.draw import Phrasings, load_phrasings
from helix.demo.tasks.wording import SMALL_WORDS, SYNONYMS, reworded

MODULES = ("arithmetic", "code", "conversation", "editing", "lists", "text", "tool_use")


def phrasings() -> list[Phrasings]:
    return [table for module in MODULES for table in load_phrasings(module).values()]


def test_a_reworded_phrasing_keeps_its_fields_and_every_word_that_is_not_small_or_has_a_synonym() -> None:
    kept = SMALL_WORDS | {word for line in SYNONYMS for word in line.split()}
    rng = random.Random(0)
    for table in phrasings():
        for template in table.seen:
            other = reworded(rng, template)
            assert re.findall(r"\{\w*\}", other) == re.findall(r"\{\w*\}", template)
            words = [word for word in re.findall(r"[A-Za-z]+", template.lower()) if word not in kept]
            assert [word for word in words if word not in other.lower()] == []


def test_rewording_yields_many_wordings_of_one_phrasing() -> None:
    rng = random.Random(1)
    assert len({reworded(rng, "Give me the largest of these numbers: {items}.") for _ in range(200)}) > 60


def test_training_never_meets_a_held_out_phrasing_reworded_or_not() -> None:
    patterns = {
        re.compile(re.escape(line.split("{")[0])) for table in phrasings() for line in table.unseen if "{" not in line
    }
    assert patterns
    rng = random.Random(2)
    for generate in FAMILIES.values():
        for _ in range(100):
            contents = [m["content"] for m in generate(rng, Split.TRAIN).messages if m["role"] == "user"]
            assert not any(pattern.fullmatch(content) for pattern in patterns for content in contents)
