import random

from helix.demo.example import Split
from helix.demo.invention import invent_name
from helix.demo.tasks import stories
from helix.demo.tasks.words import NAMES


def names_of_heroes(split: Split) -> set[str]:
    rng = random.Random(0)
    examples = [stories.generate(rng, split) for _ in range(300)]
    texts = [example.messages[-1]["content"] for example in examples if " named " in example.messages[-1]["content"]]
    return {text.split(" named ")[1].split()[0].strip(".,") for text in texts}


def test_training_meets_invented_names_and_the_evaluation_does_not() -> None:
    invented = names_of_heroes(Split.TRAIN) - {*NAMES.seen, "Luna"}  # a hero whose name is always the same
    assert len(invented) > 30
    assert not invented & set(NAMES.unseen)
    assert not invented & names_of_heroes(Split.HELD_OUT)


def test_invented_names_look_like_names_and_differ() -> None:
    names = [invent_name(random.Random(seed)) for seed in range(200)]
    assert all(name.isalpha() and name.istitle() for name in names)
    assert len(set(names)) > 150
