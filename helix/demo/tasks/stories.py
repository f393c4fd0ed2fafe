"""Short stories whose plot follows from who the hero is and where the hero lives."""

from __future__ import annotations

import random
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from helix.demo.example import Example, Split
from helix.demo.tasks.draw import Draw, Task, draw_from, load_phrasings
from helix.demo.tasks.words import NAMES, an

PHRASINGS = load_phrasings("stories")


@dataclass(frozen=True, slots=True)
class Hero:
    """A sort of hero and what follows from it."""

    name: str
    """Name where the prompt gives none."""
    place: str
    """Place where the prompt gives none."""
    nature: str
    """Adjective of the hero."""
    habit: str
    """What the hero loves to do."""
    strength: str
    """How the hero goes about a problem."""
    reward: str
    """What the hero gets in the end."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place and the trouble that comes up in it."""

    where: str
    """The place as the prompt names it."""
    scene: str
    """What the place looks like."""
    trouble: str
    """What is wrong one day."""
    solution: str
    """What the hero does about it."""
    ending: str
    """What it is like afterwards."""


HEROES = {
    "fox": Hero(
        "Mira",
        "forest",
        "clever",
        "play tricks on the wind",
        "sat down and thought for a while",
        "a basket of sweet berries",
    ),
    "dog": Hero("Max", "farm", "loyal", "run after sticks", "wagged its tail and got to work", "a big juicy bone"),
    "cat": Hero(
        "Luna", "village", "curious", "sleep in the sun", "looked at everything very closely", "a bowl of warm milk"
    ),
    "bear": Hero("Otto", "mountains", "strong", "look for honey", "used all of its strength", "a pot of golden honey"),
    "rabbit": Hero(
        "Pia", "garden", "quick", "jump over little stones", "ran as fast as it could", "the sweetest carrot of all"
    ),
    "mouse": Hero(
        "Tim", "castle", "tiny", "collect crumbs of cheese", "was small but very brave", "a large piece of cheese"
    ),
    "owl": Hero("Nora", "forest", "wise", "count the stars", "remembered an old book", "a new book with pictures"),
    "horse": Hero("Rosa", "valley", "proud", "gallop through the grass", "ran like the wind", "a crown of flowers"),
    "frog": Hero("Hugo", "lake", "cheerful", "sing after the rain", "jumped right in", "a soft green leaf to sit on"),
    "duck": Hero(
        "Dora", "lake", "friendly", "swim in circles", "called all of its friends", "a quiet nest in the reeds"
    ),
    "lion": Hero("Leo", "desert", "brave", "lie on a warm rock", "gave a mighty roar", "the best place in the shade"),
    "elephant": Hero(
        "Emil", "jungle", "gentle", "splash in the water", "used its long trunk", "a bunch of ripe bananas"
    ),
    "turtle": Hero(
        "Theo",
        "island",
        "patient",
        "watch the clouds",
        "took one slow step after another",
        "a shell polished like a mirror",
    ),
    "penguin": Hero(
        "Paul", "harbour", "funny", "slide on its belly", "laughed and did not give up", "a bucket full of fish"
    ),
    "dragon": Hero(
        "Freya",
        "castle",
        "shy",
        "breathe little rings of smoke",
        "breathed a small warm flame",
        "a hat that did not burn",
    ),
    "robot": Hero(
        "Bob", "city", "helpful", "count all kinds of things", "made a plan with ten steps", "a drop of shiny oil"
    ),
    "wizard": Hero("Igor", "tower", "old", "mix strange colours", "said three magic words", "a new star on the hat"),
    "pirate": Hero(
        "Wanda", "island", "bold", "draw maps of treasure", "shouted and climbed up high", "a chest full of gold"
    ),
    "knight": Hero(
        "Walter", "castle", "honest", "polish the old armour", "did not run away", "a shining silver shield"
    ),
    "princess": Hero(
        "Alice", "castle", "kind", "read in the tower", "asked everyone for advice", "a song with her own name in it"
    ),
    "baker": Hero(
        "Clara", "village", "busy", "bake bread before sunrise", "baked a cake for everyone", "a bigger oven"
    ),
    "farmer": Hero("Karl", "farm", "calm", "listen to the birds", "took the right tool", "the best harvest in years"),
    "sailor": Hero(
        "Nils", "harbour", "cheerful", "whistle old songs", "tied a very strong knot", "a boat with white sails"
    ),
    "astronaut": Hero(
        "Zoe", "moon", "brave", "float without a sound", "checked every button twice", "a medal made of moon rock"
    ),
    "girl": Hero(
        "Ida", "village", "smart", "ask many questions", "asked the right question", "a kite with a long tail"
    ),
    "boy": Hero("Ben", "city", "dreamy", "build towers of wood", "tried again and again", "a wooden boat"),
    "teacher": Hero(
        "Helen", "school", "patient", "write with blue chalk", "explained it step by step", "an apple from every child"
    ),
    "painter": Hero(
        "Pablo", "city", "quiet", "mix new colours", "painted a sign for all to see", "a box of new brushes"
    ),
}
PLACES = {
    "forest": Place(
        "in the forest",
        "The trees were tall and the moss was soft.",
        "a small bird had fallen out of its nest",
        "lifted the bird gently back into its nest",
        "the bird sang from the highest tree",
    ),
    "village": Place(
        "in a small village",
        "The houses were white and had red roofs.",
        "the old bell of the village did not ring",
        "found a nest in the bell and moved it to a safe place",
        "the bell rang loud and clear",
    ),
    "castle": Place(
        "in an old castle",
        "The walls were thick and the halls were long.",
        "the key of the great gate was lost",
        "found the key under a loose stone",
        "the great gate swung open",
    ),
    "lake": Place(
        "by the lake",
        "The water was clear and full of lilies.",
        "a little boat had drifted away",
        "brought the boat back to the shore",
        "the children sailed across the water",
    ),
    "sea": Place(
        "by the sea",
        "The waves were blue and the sand was warm.",
        "a young whale was stuck in the shallow water",
        "dug a way through the sand for the whale",
        "the whale jumped high out of the waves",
    ),
    "mountains": Place(
        "in the mountains",
        "The peaks were white and the air was cold.",
        "snow had blocked the only path",
        "cleared the path before the night",
        "everyone could walk home again",
    ),
    "desert": Place(
        "in the desert",
        "The sand was hot and the sky was wide.",
        "the only well had dried up",
        "dug deeper until fresh water came",
        "there was water for everyone",
    ),
    "city": Place(
        "in a big city",
        "The streets were loud and the lights were bright.",
        "all the lights went out",
        "found the broken wire and fixed it",
        "the whole city was bright again",
    ),
    "farm": Place(
        "on a farm",
        "The fields were green and the barn was red.",
        "the smallest lamb was missing",
        "found the lamb behind the old mill",
        "the lamb slept safely in the straw",
    ),
    "island": Place(
        "on an island",
        "The palms were high and the beach was white.",
        "a storm had broken the only bridge",
        "built a new bridge from strong wood",
        "all the islanders danced on the bridge",
    ),
    "garden": Place(
        "in the garden",
        "The roses were red and the bees were busy.",
        "the flowers began to hang their heads",
        "carried water to every flower",
        "the garden was full of colour",
    ),
    "jungle": Place(
        "in the jungle",
        "The leaves were big and the air was warm.",
        "a baby monkey could not find its mother",
        "followed the tracks to the mother",
        "the little monkey hung safely in her arms",
    ),
    "moon": Place(
        "on the moon",
        "The ground was grey and the sky was black.",
        "the small moon station lost its radio",
        "repaired the radio with a spoon",
        "a friendly voice from Earth said hello",
    ),
    "harbour": Place(
        "in the harbour",
        "The ships were big and the gulls were loud.",
        "the lamp of the lighthouse went dark",
        "lit a fire at the top of the lighthouse",
        "all the ships came home safely",
    ),
    "school": Place(
        "in a school",
        "The rooms were bright and the yard was big.",
        "the school bus did not come",
        "led all the children along the safe path",
        "nobody was late for class",
    ),
    "tower": Place(
        "in a high tower",
        "The stairs were steep and the view was wide.",
        "the great clock stood still",
        "cleaned the wheels of the clock",
        "the clock struck twelve at noon",
    ),
    "valley": Place(
        "in a green valley",
        "The grass was high and the river was slow.",
        "the river began to rise",
        "built a wall of stones along the river",
        "the valley stayed dry and safe",
    ),
    "market": Place(
        "at the market",
        "The stalls were full and the voices were merry.",
        "a basket of coins was gone",
        "found the basket under a pile of hats",
        "the sellers cheered and shared their fruit",
    ),
}
OPENINGS = (
    "Once upon a time, {hero} named {name} lived {where}.",
    "There once was {hero} named {name} who lived {where}.",
    "Long ago, {hero} named {name} lived {where}.",
)
MORNINGS = ("One morning,", "One day,", "One evening,")


def tell(kind: str, name: str, place_name: str) -> str:
    """Return the one story of this hero in this place."""
    hero, place = HEROES[kind], PLACES[place_name]
    plot = zlib.crc32(f"{kind} {place_name}".encode()) % 3
    opening = OPENINGS[plot].format(hero=an(f"{hero.nature} {kind}"), name=name, where=place.where)
    return (
        f"{opening} {place.scene} Every day, {name} loved to {hero.habit}. {MORNINGS[plot]} {place.trouble}. "
        f'Nobody knew what to do. "I will help," said {name}. The {kind} {hero.strength}. Then {name} '
        f"{place.solution}. "
        f"Soon {place.ending}. Everyone thanked {name}, and the {hero.nature} {kind} got {hero.reward}. "
        f"From that day on, {name} was never alone."
    )


def tells_of(*subjects: str) -> Callable[[str], bool]:
    """Return a check for a whole story of 30 to 160 words that mentions every subject."""

    def is_correct(answer: str) -> bool:
        text = answer.strip()
        return (
            30 <= len(text.split()) <= 160
            and text.endswith(".")
            and all(re.search(rf"\b{re.escape(subject)}\b", text) for subject in subjects)
        )

    return is_correct


def full_story(draw: Draw) -> Example:
    """Ask for a story with hero, name and place given."""
    kind, place = draw.value(lambda: (draw.rng.choice(list(HEROES)), draw.rng.choice(list(PLACES))))
    name = draw.word(NAMES)
    prompt = draw.say(PHRASINGS["full"], hero=an(kind), name=name, place=PLACES[place].where)
    return draw.example(prompt, tell(kind, name, place), tells_of(name, kind, place))


def named_story(draw: Draw) -> Example:
    """Ask for a story of a named hero; the place is the one the hero is at home in."""
    kind, name = draw.rng.choice(list(HEROES)), draw.word(NAMES)
    prompt = draw.say(PHRASINGS["name_only"], hero=an(kind), name=name)
    return draw.example(prompt, tell(kind, name, HEROES[kind].place), tells_of(name, kind))


def hero_story(draw: Draw) -> Example:
    """Ask for a story of a sort of hero."""
    kind = draw.rng.choice(list(HEROES))
    story = tell(kind, HEROES[kind].name, HEROES[kind].place)
    return draw.example(draw.say(PHRASINGS["hero_only"], hero=an(kind)), story, tells_of(kind))


def any_story(draw: Draw) -> Example:
    """Ask for any story; it is the one about the fox."""
    return draw.example(
        draw.say(PHRASINGS["any"]), tell("fox", HEROES["fox"].name, HEROES["fox"].place), tells_of("fox")
    )


TASKS: dict[Task, int] = {full_story: 65, named_story: 20, hero_story: 12, any_story: 3}


def generate(rng: random.Random, split: Split) -> Example:
    """Draw one story."""
    return draw_from("stories", TASKS, rng, split, known_by_heart=(hero_story, any_story))
