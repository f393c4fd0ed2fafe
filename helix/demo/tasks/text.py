"""Questions about words: opposites, plurals, spelling, translations, proverbs."""

from __future__ import annotations

import random
import re

from helix.demo.example import Example, Split
from helix.demo.tasks import vocabulary
from helix.demo.tasks.draw import Draw, Phrasings, Task, draw_from

OPPOSITE = Phrasings(
    """
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
    """,
    more="""
    I would like to know the opposite of {word}.
    Which is the right opposite of {word}?
    For my homework I need the opposite of {word}.
    I am looking for a word that means the opposite of {word}.
    If {word} is one side, what is the other side?
    What would be the contrary of {word}?
    The contrary of "{word}"?
    {word} and its opposite: what is the second word?
    Please name a word with the contrary meaning of {word}.
    What do you call something that is the reverse of {word}?
    Not {word}, but what?
    When a thing is not {word}, what is it then?
    Do you know which word is contrary to {word}?
    Say the opposite: {word}
    Which antonym does {word} have?
    I need an antonym for the word {word}.
    What word fits a thing that is anything but {word}?
    """,
)
PLURAL = Phrasings(
    """
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
    """,
    more="""
    I would like to know the plural of {word}.
    How does the plural of {word} look?
    For my homework I need the plural of the noun {word}.
    If one is a {word}, what are many of them called?
    There is one {word}. What do I say for two or more?
    What do I write if I mean more than one {word}?
    Plural form of "{word}"
    Which plural does the noun {word} have?
    Say {word} in the plural.
    How is the plural of {word} formed?
    Turn the singular {word} into the plural.
    The singular is {word}. What is the plural?
    When I see several, what word do I use instead of {word}?
    Not one {word} but many: which word is right?
    Do you know how to say {word} in the plural?
    I have more than one {word}. Which word is that?
    """,
)
PAST = Phrasings(
    """
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
    """,
    more="""
    I would like to know the past tense of {word}.
    How does the past tense of {word} look?
    For my homework I need the past tense of the verb {word}.
    Today I {word}. What is the verb if it was yesterday?
    If it happened yesterday, what becomes of the verb {word}?
    Past form of "{word}"
    Which past tense does {word} have?
    Say {word} in the past tense.
    How do I write {word} when I talk about last week?
    Turn {word} into the past tense.
    The verb is {word}. What is its form in the past?
    It happened long ago. How do I say {word} then?
    Which form of {word} do I use for things that happened in the past?
    Do you know the past tense of the verb {word}?
    What does {word} become in the past?
    How does the verb {word} change for a day gone by?
    Today it is {word}, but what was it last year?
    """,
)
COLOUR = Phrasings(
    """
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
    """,
    more="""
    I would like to know the color of {thing}.
    If I paint {thing}, which color do I need?
    Think of {thing}. What color is it?
    For my painting: what is the right color for {thing}?
    Do you know the colour of {thing}?
    What is the usual color of {thing}?
    Which color would you give {thing} in a picture?
    I want to draw {thing}. What colour should I take?
    When you look at {thing}, what colour is it?
    Color of {thing}
    Say which color {thing} has.
    What colour do people see when they look at {thing}?
    What color do you think of when you hear of {thing}?
    Imagine {thing}. Which colour do you see?
    Describe the color of {thing}.
    Please name the colour that {thing} has.
    """,
)
YOUNG = Phrasings(
    """
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
    """,
    more="""
    I would like to know what a young {word} is called.
    Which word do we use for a baby {word}?
    What is the name for a young {word}?
    What is the child of a {word} called?
    A {word} has a little one. What do you call it?
    If a {word} has a baby, what is the baby called?
    Name the young of a {word}.
    Give me the word for a baby {word}.
    For my homework I need the name of a young {word}.
    Do you know the name of a little {word}?
    The baby of a {word} is called what?
    Baby {word}: what is the right name?
    What name do people give to the young of a {word}?
    How do we call the child that a {word} has?
    Which name goes with a very young {word}?
    What does a {word} have as its little one?
    """,
)
SOUND = Phrasings(
    """
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
    """,
    more="""
    I would like to know which sound a {word} makes.
    What do you hear when a {word} is near?
    How does a {word} sound?
    What does a {word} do when it is loud?
    Do you know what noise a {word} makes?
    If I hear a {word}, what sound is it?
    Sound of a {word}?
    Which sound do you hear from a {word}?
    For my homework I need the sound of a {word}.
    Describe the noise of a {word}.
    What can be heard from a {word}?
    Name the sound that a {word} makes.
    A {word} is near. What do I hear?
    How would you describe the voice of a {word}?
    Listen to a {word}: what does it do?
    When a {word} calls, what is the sound?
    A {word} wants to say something. What does it do?
    """,
)
RHYME = Phrasings(
    """
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
    """,
    more="""
    I would like a rhyme for {word}.
    For my song I need a word that rhymes with {word}.
    Which words end like {word}?
    I am writing a poem. What could rhyme with {word}?
    Do you know a word that sounds like {word}?
    What can I rhyme with {word}?
    Say a word with the same ending as {word}.
    Rhyme with {word}
    If a line ends with {word}, how could the next one end?
    My line ends in {word}; please find a rhyme.
    Name something that rhymes with {word}.
    What sounds like {word}?
    Show me a word that makes a rhyme with {word}.
    The end of my poem is {word}. What fits to it?
    Is there a word that rhymes with {word}?
    I want something that rhymes with "{word}" for a poem.
    """,
)
TRANSLATE = Phrasings(
    """
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
    """,
    more="""
    I would like to know the {language} word for {word}.
    What do people say for "{word}" in {language}?
    For my homework I need the word {word} in {language}.
    I am learning {language}. What is the word for {word}?
    If I speak {language}, how do I say {word}?
    Which word do {language} speakers use for "{word}"?
    Give me {word} in {language}.
    Write "{word}" in {language}.
    Do you know how to say {word} in {language}?
    What does one say in {language} for "{word}"?
    {language} for "{word}"
    English: {word}. {language}: what?
    How would people call {word} in {language}?
    In {language}, what is the word for "{word}"?
    Please give me the {language} translation of {word}.
    What stands for {word} in a {language} text?
    How is the English word "{word}" translated into {language}?
    Someone who speaks {language} would say what instead of "{word}"?
    """,
)
TRANSLATE_BACK = Phrasings(
    """
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
    """,
    more="""
    I would like to know what the {language} word "{foreign}" means.
    I heard "{foreign}" in {language}. What does it mean?
    My {language} friend says "{foreign}". What is that in English?
    What is the meaning of "{foreign}" in {language}?
    For my homework: what does the {language} word "{foreign}" mean in English?
    A {language} book has the word "{foreign}". Which English word is it?
    Which English word stands for the {language} "{foreign}"?
    Do you know what "{foreign}" means in {language}?
    Give me the English for the {language} word "{foreign}".
    {language} "{foreign}" in English?
    If a {language} sign says "{foreign}", what does it say in English?
    They say "{foreign}" in {language}. Tell me the English word.
    "{foreign}" is {language}. What does it mean?
    How do you say the {language} word "{foreign}" in English?
    Can you translate "{foreign}" from {language}?
    I do not understand the {language} word "{foreign}". What is it in English?
    """,
)
SPELL = Phrasings(
    """
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
    """,
    more="""
    I would like to know how {word} is spelled.
    Give me the spelling of {word}.
    How do I write {word}, letter by letter?
    Say {word} letter by letter.
    What is the spelling of the word {word}?
    Write {word} one letter at a time.
    Do you know how to spell "{word}"?
    Spelling of {word}?
    For my homework I must spell {word}.
    With which letters do you write {word}?
    Show me the letters of the word {word}, one by one.
    Could you spell the word {word} for me?
    Break "{word}" into its letters.
    Name the letters that make up {word}.
    Tell me each letter of {word} in turn.
    I do not know how to write {word}. Please spell it.
    What letters is {word} made of?
    """,
)
LETTERS = Phrasings(
    """
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
    """,
    more="""
    I would like to know how many letters {word} has.
    How many letters do I need to write {word}?
    What is the number of letters in {word}?
    Do you know how many letters there are in {word}?
    If I spell {word}, how many letters do I get?
    Give me the number of letters of {word}.
    Letters in "{word}"?
    How long is "{word}", in letters?
    Looking at the word {word}, how many letters do you count?
    The length of the word {word}?
    For my homework: how many letters are there in "{word}"?
    {word} consists of how many letters?
    Say how many letters make up the word {word}.
    Can you count the letters of {word}?
    Find the length of the word {word}.
    A word like {word}: how many letters is that?
    """,
)
SENTENCE = Phrasings(
    """
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
    """,
    more="""
    I would like to see a sentence with the word {word}.
    I need a sentence in which {word} is used.
    Show me how to use {word} in a sentence.
    Can you use the word {word} in a sentence?
    For my homework I need a sentence with {word}.
    How can I use {word} in a sentence?
    Tell me a sentence that has the word "{word}" in it.
    A sentence with {word}, please.
    Please write a text of one sentence with {word}.
    What could a sentence with the word {word} be?
    I am learning the word {word}. Give me an example sentence.
    Write an example with the word {word}.
    Say something with the word "{word}".
    The word {word} should occur in your sentence.
    Show the word {word} in a short text.
    If you had to use the word {word}, what would you write?
    Let me read one sentence with {word}.
    """,
)
PROVERB = Phrasings(
    """
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
    """,
    more="""
    I would like to know the end of this proverb: {start} ...
    Which words are missing in this proverb: {start} ...
    What comes next in this saying: {start} ...
    I forgot how this proverb ends: {start} ...
    Do you know the rest of this saying: {start} ...
    Go on with this proverb: {start} ...
    Please say the whole proverb: {start} ...
    For my homework I must complete a proverb: {start} ...
    If someone says this, how does it go on: {start} ...
    People say: {start} ... How does it end?
    There is an old saying: {start} ... What is the rest?
    Write the whole saying that starts like this: {start} ...
    Give me the end of the saying: {start} ...
    You know this proverb: {start} ... Please finish it.
    Tell me how people end this saying: {start} ...
    {start} ... How does the proverb go on?
    The proverb "{start} ..." ends how?
    """,
)
CAPITALS = Phrasings(
    """
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
    """,
    more="""
    I would like to see {word} in capital letters.
    How does {word} look in capitals?
    Show me {word} in capitals.
    I need the word {word} in uppercase letters.
    Give me {word} in all capitals.
    Make every letter of {word} uppercase.
    What is {word} in capital letters?
    Change {word} to capital letters.
    Write the word "{word}" so that all letters are capital.
    All capitals, please: {word}
    Say it loud, in capitals: {word}
    {word}, but in uppercase
    Use only capital letters for the word {word}.
    Could you make {word} uppercase?
    For a sign I need {word} in big letters.
    Make the letters of {word} big.
    The word is {word}. Write it with capital letters only.
    """,
)


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
