"""Questions about words: opposites, plurals, spelling, translations, proverbs."""

from __future__ import annotations

import random
import re

from helix.demo.example import Example, Split
from helix.demo.tasks import vocabulary
from helix.demo.tasks.draw import Draw, Phrasings, Task, draw_from

OPPOSITE = Phrasings("""
    What is the opposite of {word}?
    What's the opposite of {word}?
    Opposite of {word}?
    Give me the opposite of {word}.
    Which word means the contrary of {word}?
    Tell me the opposite of {word}.
    Name the opposite of "{word}".
    What is the antonym of {word}?
    What is the opposite of the word "{word}"?
    If something is not {word} at all, which word fits?
    Find the opposite of {word}.
    Can you tell me the opposite of {word}?
    Antonym of {word}
""")
PLURAL = Phrasings("""
    What is the plural of {word}?
    What's the plural of "{word}"?
    Plural of {word}?
    Give me the plural of {word}.
    How do you say it when there is more than one {word}?
    Tell me the plural of {word}.
    What is the plural form of {word}?
    Write the plural of {word}.
    One {word}, two what?
    If I have several of them, what is the word for {word}?
    Form the plural of {word}.
    Can you tell me the plural of {word}?
""")
PAST = Phrasings("""
    What is the past tense of {word}?
    What's the past tense of "{word}"?
    Past tense of {word}?
    Give me the past tense of {word}.
    Which form does the verb {word} have for yesterday?
    Tell me the past tense of {word}.
    Put the verb {word} into the past tense.
    What is the past form of {word}?
    Form the past tense of {word}.
    How does one say {word} when it happened last week?
    Write the past tense of {word}.
    Can you tell me the past tense of {word}?
""")
COLOUR = Phrasings("""
    What color is {thing}?
    What colour is {thing}?
    Which color is {thing}?
    What is the color of {thing}?
    In which color would you paint {thing}?
    Tell me the color of {thing}.
    What color does {thing} have?
    Name the color of {thing}.
    The color of {thing}?
    Looking at {thing}, which color do you see?
    Which colour does {thing} have?
    Can you tell me what color {thing} is?
""")
YOUNG = Phrasings("""
    What is a young {word} called?
    What is a baby {word} called?
    What do you call a young {word}?
    What do you call a baby {word}?
    Which name has the child of a {word}?
    What is the young of a {word}?
    How is a baby {word} called?
    A young {word} is called what?
    Tell me what a baby {word} is called.
    The little one of a {word} goes by which name?
""")
SOUND = Phrasings("""
    What sound does a {word} make?
    What does a {word} do to make a sound?
    Which sound does a {word} make?
    What noise does a {word} make?
    How does one hear that a {word} is near?
    Tell me the sound of a {word}.
    What is the sound of a {word}?
    Which noise does a {word} make?
    A {word} makes which sound?
    If a {word} wants to be heard, what does it do?
""")
RHYME = Phrasings("""
    What rhymes with {word}?
    Which word rhymes with {word}?
    Give me a word that rhymes with {word}.
    Find a rhyme for {word}.
    For my poem I need something that ends like {word}.
    Tell me a rhyme for {word}.
    Name a word that rhymes with {word}.
    A rhyme for {word}?
    What is a rhyme for {word}?
    Which word sounds like {word} at its end?
    Can you find a rhyme for {word}?
    I need a rhyme for {word}.
""")
TRANSLATE = Phrasings("""
    How do you say {word} in {language}?
    How do you say "{word}" in {language}?
    Translate "{word}" into {language}.
    Translate {word} to {language}.
    Which {language} word stands for "{word}"?
    What is {word} in {language}?
    What is the {language} word for {word}?
    What is "{word}" in {language}?
    {word} in {language}?
    People who speak {language} say what for "{word}"?
    Say "{word}" in {language}.
    What's the {language} word for "{word}"?
    Tell me the {language} for {word}.
    Can you translate "{word}" into {language}?
""")
TRANSLATE_BACK = Phrasings("""
    What does the {language} word "{foreign}" mean?
    What does "{foreign}" mean in English?
    Translate the {language} word "{foreign}" into English.
    What is "{foreign}" in English?
    I read "{foreign}" in a {language} book. What does it say?
    Translate "{foreign}" from {language} to English.
    What is the English word for the {language} "{foreign}"?
    What does {foreign} mean in {language}?
    Tell me what "{foreign}" means in {language}.
    In {language} they say "{foreign}", but what is it in English?
""")
SPELL = Phrasings("""
    Spell the word {word}.
    Spell {word}.
    How do you spell {word}?
    Spell "{word}".
    Take the word {word} apart, letter by letter.
    How is {word} spelled?
    Can you spell {word}?
    Spell out {word}.
    Spell the word "{word}" for me.
    Which letters make the word {word}?
    Write the letters of {word}.
    Please spell {word}.
""")
LETTERS = Phrasings("""
    How many letters does {word} have?
    How many letters are in {word}?
    How many letters are in the word {word}?
    Count the letters of {word}.
    The word {word} has how many letters?
    How many letters does the word "{word}" have?
    Count the letters in the word {word}.
    Number of letters in {word}?
    How long is the word {word}?
    Of how many letters does {word} consist?
    Count the letters of the word "{word}".
    Tell me how many letters {word} has.
""")
SENTENCE = Phrasings("""
    Make a sentence with the word {word}.
    Make a sentence with {word}.
    Write a sentence with the word "{word}".
    Use {word} in a sentence.
    How could one use the word {word} in a text?
    Use the word "{word}" in a sentence.
    Give me a sentence with {word}.
    Write a sentence that contains {word}.
    Form a sentence with the word {word}.
    I want to read a sentence in which {word} occurs.
    Write one sentence using {word}.
    Can you make a sentence with {word}?
""")
PROVERB = Phrasings("""
    Complete the proverb: {start} ...
    Complete this proverb: {start}...
    Finish the proverb: {start} ...
    How does this proverb end: {start} ...
    You know this saying, so go on: {start} ...
    Finish this saying: {start} ...
    Complete the saying: {start} ...
    How does the saying go on: {start} ...
    Complete: {start} ...
    What do people say after this: {start} ...
    Continue the proverb: {start} ...
    What is the rest of this proverb: {start} ...
""")
CAPITALS = Phrasings("""
    Write {word} in capital letters.
    Write "{word}" in capital letters.
    Write {word} in uppercase.
    Turn {word} into capital letters.
    Make the word {word} look loud, all capitals.
    Put {word} in capital letters.
    Convert {word} to uppercase.
    Uppercase: {word}
    {word} in capital letters
    Every letter of {word} should be a capital.
    Convert "{word}" to uppercase.
    Can you write {word} in capital letters?
""")


def opposite(draw: Draw) -> Example:
    """Ask for the opposite of a word."""
    word = draw.rng.choice(list(vocabulary.OPPOSITES))
    return draw.example(draw.say(OPPOSITE, word=word), f"The opposite of {word} is {vocabulary.OPPOSITES[word]}.")


def plural(draw: Draw) -> Example:
    """Ask for the plural of a noun."""
    word = draw.rng.choice(list(vocabulary.PLURALS))
    return draw.example(draw.say(PLURAL, word=word), f"The plural of {word} is {vocabulary.PLURALS[word]}.")


def past(draw: Draw) -> Example:
    """Ask for the past tense of a verb."""
    word = draw.rng.choice(list(vocabulary.PAST))
    return draw.example(draw.say(PAST, word=word), f"The past tense of {word} is {vocabulary.PAST[word]}.")


def colour(draw: Draw) -> Example:
    """Ask for the colour of a thing."""
    thing = draw.rng.choice(list(vocabulary.COLOURS_OF))
    answer = f"{thing[0].upper()}{thing[1:]} is {vocabulary.COLOURS_OF[thing]}."
    return draw.example(draw.say(COLOUR, thing=thing), answer)


def animal(draw: Draw) -> Example:
    """Ask for the name of a young animal or for the sound of an animal."""
    if draw.rng.random() < 0.5:
        word = draw.rng.choice(list(vocabulary.YOUNG))
        return draw.example(draw.say(YOUNG, word=word), f"A young {word} is called a {vocabulary.YOUNG[word]}.")
    word = draw.rng.choice(list(vocabulary.SOUNDS))
    return draw.example(draw.say(SOUND, word=word), f"A {word} {vocabulary.SOUNDS[word]}.")


def rhyme(draw: Draw) -> Example:
    """Ask for a rhyme."""
    word = draw.rng.choice(list(vocabulary.RHYMES))
    return draw.example(draw.say(RHYME, word=word), f"{word.capitalize()} rhymes with {vocabulary.RHYMES[word]}.")


def translate(draw: Draw) -> Example:
    """Ask for a word in Spanish, French or German, or for what such a word means."""
    word, language = draw.rng.choice(list(vocabulary.TRANSLATIONS)), draw.rng.choice(vocabulary.LANGUAGES)
    foreign = vocabulary.translation(word, language)
    if draw.rng.random() < 0.7:
        prompt = draw.say(TRANSLATE, word=word, language=language)
        return draw.example(prompt, f'"{word.capitalize()}" in {language} is "{foreign}".')
    meanings = [word for word in vocabulary.TRANSLATIONS if vocabulary.translation(word, language) == foreign]
    prompt = draw.say(TRANSLATE_BACK, foreign=foreign, language=language)
    return draw.example(prompt, f'"{foreign}" means "{meanings[0]}".')


def spell(draw: Draw) -> Example:
    """Ask to spell a word."""
    word = draw.rng.choice(vocabulary.SPELLED)
    return draw.example(draw.say(SPELL, word=word), "-".join(word.upper()))


def letters(draw: Draw) -> Example:
    """Ask for the number of letters of a word; the answer spells it."""
    word = draw.rng.choice(vocabulary.SPELLED)
    answer = f"{word}: {'-'.join(word)}, {len(word)} letters."
    return draw.example(draw.say(LETTERS, word=word), answer)


def sentence_with(draw: Draw) -> Example:
    """Ask for a sentence in which a word occurs."""
    word = draw.rng.choice(list(vocabulary.SENTENCES_WITH))

    def is_correct(answer: str) -> bool:
        words = re.findall(r"[\w']+", answer.lower())
        return word in words and 3 <= len(words) <= 20 and answer.strip()[-1] in ".!?"

    return draw.example(draw.say(SENTENCE, word=word), vocabulary.SENTENCES_WITH[word], is_correct)


def proverb(draw: Draw) -> Example:
    """Ask for the end of a proverb."""
    start = draw.rng.choice(list(vocabulary.PROVERBS))
    return draw.example(draw.say(PROVERB, start=start), f"{start} {vocabulary.PROVERBS[start]}")


def capitals(draw: Draw) -> Example:
    """Ask for a word in capital letters."""
    word = draw.rng.choice(vocabulary.SPELLED)
    return draw.example(draw.say(CAPITALS, word=word), word.upper())


TASKS: dict[Task, int] = {
    opposite: 12, plural: 9, past: 9, colour: 6, animal: 7, rhyme: 5, translate: 20, spell: 7, letters: 7,
    sentence_with: 8, proverb: 6, capitals: 4,
}  # fmt: skip


def generate(rng: random.Random, split: Split) -> Example:
    """Draw one question about words; all of them are known by heart, so only their phrasing can be new."""
    return draw_from("text", TASKS, rng, split, known_by_heart=TASKS)
