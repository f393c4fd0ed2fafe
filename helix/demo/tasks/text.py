"""Questions about words: opposites, plurals, spelling, translations, proverbs."""

from __future__ import annotations

import random
import re

from helix.demo.example import Example, Split
from helix.demo.tasks import vocabulary
from helix.demo.tasks.draw import Draw, Task, draw_from, load_phrasings

PHRASINGS = load_phrasings("text")


def opposite(draw: Draw) -> Example:
    """Ask for the opposite of a word."""
    word = draw.rng.choice(list(vocabulary.OPPOSITES))
    return draw.example(
        draw.say(PHRASINGS["opposite"], word=word), f"The opposite of {word} is {vocabulary.OPPOSITES[word]}."
    )


def plural(draw: Draw) -> Example:
    """Ask for the plural of a noun."""
    word = draw.rng.choice(list(vocabulary.PLURALS))
    return draw.example(
        draw.say(PHRASINGS["plural"], word=word), f"The plural of {word} is {vocabulary.PLURALS[word]}."
    )


def past(draw: Draw) -> Example:
    """Ask for the past tense of a verb."""
    word = draw.rng.choice(list(vocabulary.PAST))
    return draw.example(draw.say(PHRASINGS["past"], word=word), f"The past tense of {word} is {vocabulary.PAST[word]}.")


def colour(draw: Draw) -> Example:
    """Ask for the colour of a thing."""
    thing = draw.rng.choice(list(vocabulary.COLOURS_OF))
    answer = f"{thing[0].upper()}{thing[1:]} is {vocabulary.COLOURS_OF[thing]}."
    return draw.example(draw.say(PHRASINGS["colour"], thing=thing), answer)


def animal(draw: Draw) -> Example:
    """Ask for the name of a young animal or for the sound of an animal."""
    if draw.rng.random() < 0.5:
        word = draw.rng.choice(list(vocabulary.YOUNG))
        return draw.example(
            draw.say(PHRASINGS["young"], word=word), f"A young {word} is called a {vocabulary.YOUNG[word]}."
        )
    word = draw.rng.choice(list(vocabulary.SOUNDS))
    return draw.example(draw.say(PHRASINGS["sound"], word=word), f"A {word} {vocabulary.SOUNDS[word]}.")


def rhyme(draw: Draw) -> Example:
    """Ask for a rhyme."""
    word = draw.rng.choice(list(vocabulary.RHYMES))
    return draw.example(
        draw.say(PHRASINGS["rhyme"], word=word), f"{word.capitalize()} rhymes with {vocabulary.RHYMES[word]}."
    )


def translate(draw: Draw) -> Example:
    """Ask for a word in Spanish, French or German, or for what such a word means."""
    word, language = draw.rng.choice(list(vocabulary.TRANSLATIONS)), draw.rng.choice(vocabulary.LANGUAGES)
    foreign = vocabulary.translation(word, language)
    if draw.rng.random() < 0.7:
        prompt = draw.say(PHRASINGS["translate"], word=word, language=language)
        return draw.example(prompt, f'"{word.capitalize()}" in {language} is "{foreign}".')
    meanings = [word for word in vocabulary.TRANSLATIONS if vocabulary.translation(word, language) == foreign]
    prompt = draw.say(PHRASINGS["translate_back"], foreign=foreign, language=language)
    return draw.example(prompt, f'"{foreign}" means "{meanings[0]}".')


def spell(draw: Draw) -> Example:
    """Ask to spell a word."""
    word = draw.rng.choice(vocabulary.SPELLED)
    return draw.example(draw.say(PHRASINGS["spell"], word=word), "-".join(word.upper()))


def letters(draw: Draw) -> Example:
    """Ask for the number of letters of a word; the answer spells it."""
    word = draw.rng.choice(vocabulary.SPELLED)
    answer = f"{word}: {'-'.join(word)}, {len(word)} letters."
    return draw.example(draw.say(PHRASINGS["letters"], word=word), answer)


def sentence_with(draw: Draw) -> Example:
    """Ask for a sentence in which a word occurs."""
    word = draw.rng.choice(list(vocabulary.SENTENCES_WITH))

    def is_correct(answer: str) -> bool:
        words = re.findall(r"[\w']+", answer.lower())
        return word in words and 3 <= len(words) <= 20 and answer.strip()[-1] in ".!?"

    return draw.example(draw.say(PHRASINGS["sentence"], word=word), vocabulary.SENTENCES_WITH[word], is_correct)


def proverb(draw: Draw) -> Example:
    """Ask for the end of a proverb."""
    start = draw.rng.choice(list(vocabulary.PROVERBS))
    return draw.example(draw.say(PHRASINGS["proverb"], start=start), f"{start} {vocabulary.PROVERBS[start]}")


def capitals(draw: Draw) -> Example:
    """Ask for a word in capital letters."""
    word = draw.rng.choice(vocabulary.SPELLED)
    return draw.example(draw.say(PHRASINGS["capitals"], word=word), word.upper())


TASKS: dict[Task, int] = {
    opposite: 12, plural: 9, past: 9, colour: 6, animal: 7, rhyme: 5, translate: 20, spell: 7, letters: 7,
    sentence_with: 8, proverb: 6, capitals: 4,
}  # fmt: skip


def generate(rng: random.Random, split: Split) -> Example:
    """Draw one question about words; all of them are known by heart, so only their phrasing can be new."""
    return draw_from("text", TASKS, rng, split, known_by_heart=TASKS)
