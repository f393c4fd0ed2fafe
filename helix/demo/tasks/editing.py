"""Edits after which most of a text stays as it was: the tasks that predicted outputs and n-grams speed up most."""

from __future__ import annotations

import json
import random
import re

from helix.demo.example import Example, Split
from helix.demo.tasks import texts
from helix.demo.tasks.draw import Draw, Phrasings, Task, draw_from
from helix.demo.tasks.programs import PROGRAMS, fenced
from helix.demo.tasks.words import FOODS, FRUITS, IDENTIFIERS, THINGS

REPLACE = Phrasings("""
    Replace every "{old}" with "{new}" in this text:
    Replace "{old}" with "{new}" in this text:
    Replace {old} with {new} in this text:
    Replace the word {old} with {new}:
    Put {new} wherever the text has {old}:
    Change {old} to {new} in this text:
    Change every {old} to {new}:
    Swap {old} for {new} in this text:
    Rewrite this text with {new} instead of {old}:
    The word "{old}" should become "{new}" everywhere here:
    Replace all occurrences of {old} by {new}:
    Can you change {old} to {new} in the following text:
    Edit the text so that it says {new} instead of {old}:
    Use {new} instead of {old} in this text:
    I no longer want {old} in it, but {new}:
    Change the word "{old}" to "{new}":
    Write this text again, but with {new} in place of {old}:
""")
SPELLING = Phrasings("""
    Fix the spelling in this text:
    Fix the spelling:
    Correct the spelling mistakes in this text:
    Correct the spelling of this text:
    Some words here are misspelt. Write the text without the mistakes:
    Fix the typos in this text:
    Fix all typos:
    Please correct this text:
    Correct the typos:
    Which words are wrong? Give me the corrected text:
    Fix the spelling mistakes:
    Repair the spelling of the following text:
    Can you fix the spelling here:
    Write this with correct spelling:
""")
REPEAT = Phrasings("""
    Repeat this text exactly:
    Repeat the following text:
    Repeat after me:
    Copy this text exactly:
    Give me back precisely what I write:
    Write this text again:
    Repeat this word for word:
    Copy the following text:
    Say this exactly:
    Echo these words without any change:
    Print this text unchanged:
    Please repeat exactly what follows:
    Reproduce this text exactly:
""")
REMOVE_SENTENCE = Phrasings("""
    Remove the {which} sentence from this text:
    Delete the {which} sentence:
    Delete the {which} sentence of this text:
    Leave out the {which} sentence:
    Write the text without its {which} sentence:
    Remove the {which} sentence:
    Drop the {which} sentence from this text:
    Cut the {which} sentence:
    Take out the {which} sentence of this text:
    The {which} sentence is not needed, strike it:
    Erase the {which} sentence from the following text:
    Give me this text without the {which} sentence:
""")
ADD_SENTENCE = Phrasings("""
    Add the sentence "{sentence}" at the end of this text:
    Add "{sentence}" to the end of this text:
    Append "{sentence}" to this text:
    Put "{sentence}" at the end:
    The text should finish with "{sentence}" after everything else:
    Add this sentence at the end of the text: "{sentence}"
    Append the sentence "{sentence}" to the following text:
    Write this text and then add "{sentence}" at the end:
    End this text with "{sentence}":
    Let "{sentence}" be one more, final sentence of this:
    Please add "{sentence}" at the end:
    Extend the text by "{sentence}" at the end:
""")
RENAME = Phrasings("""
    Rename the variable {old} to {new} in this code:
    Rename {old} to {new}:
    Rename {old} to {new} in this code:
    Change the name {old} to {new} in this code:
    Give {old} the better name {new} in this code:
    Rename the variable {old} to {new}:
    Rename every {old} to {new} in the following code:
    Use the name {new} instead of {old}:
    Refactor this code: rename {old} to {new}.
    What is called {old} here should be called {new}:
    Please rename {old} to {new} in my code:
    In this Python code, rename {old} to {new}:
    Replace the name {old} by {new} in this code:
    Can you rename {old} to {new} here:
""")
DOCSTRING = Phrasings("""
    Add a docstring to this function:
    Add a docstring:
    Write a docstring for this function:
    Give this function a docstring:
    Document this one with a line under its head:
    Insert a docstring into this function:
    Please add a docstring to this code:
    Document this function:
    This function needs a docstring:
    My function has no docstring yet. Put one in:
    Can you add a docstring here:
    Add a short docstring to the function:
""")
SET_VALUE = Phrasings("""
    Set {key} to {value} in this file:
    Set {key} to {value}:
    Change {key} to {value} in this config:
    Change {key} to {value}:
    Let {key} have the value {value} from now on:
    Update {key} to {value}:
    Set the value of {key} to {value}:
    Change the value of {key} to {value}:
    In this file, set {key} to {value}:
    I want {value} as the {key} here:
    Make {key} {value} in this config:
    Please set {key} to {value}:
    Edit this so that {key} is {value}:
    Can you change {key} to {value} here:
""")
ADD_KEY = Phrasings("""
    Add {key} with the value {value} at the end:
    Add the setting {key} with the value {value} to this file:
    Add {key} = {value} to this config:
    Add a field {key} with the value {value}:
    One more entry should follow: {key}, with {value} as its value.
    Append {key} with the value {value}:
    Add a new entry {key} with the value {value}:
    Insert {key} with the value {value} at the end of this file:
    Add the key {key} with value {value}:
    After the others, there should be {key} set to {value}:
    Please add {key} with value {value} at the end:
    Extend this config by {key} with the value {value}:
""")
REMOVE_KEY = Phrasings("""
    Remove {key} from this file:
    Remove {key}:
    Delete {key} from this config:
    Delete the entry {key}:
    This should no longer mention {key}:
    Remove the setting {key}:
    Drop {key} from this file:
    Remove the field {key}:
    Take {key} out of this config:
    I do not need {key} any more, so leave it out:
    Please delete the line with {key}:
    Remove the line with {key}:
    Remove the key {key}:
""")
ADD_ITEM = Phrasings("""
    Add {item} to this list:
    Add {item} at the end of this list:
    Append {item} to the list:
    Put {item} on this list:
    My list should have {item} as well:
    Add {item} to my list:
    Add one more item, {item}:
    Please add {item} to the list:
    Add {item}:
    I forgot {item}, so write the list again with it:
    Extend this list by {item}:
    Can you add {item} to this list:
""")
REMOVE_ITEM = Phrasings("""
    Remove {item} from this list:
    Delete {item} from this list:
    Take {item} off this list:
    Remove {item}:
    My list should not have {item} any more:
    Remove {item} from my list:
    Drop {item} from the list:
    Please remove {item} from the list:
    Delete {item}:
    I already have {item}, so write the list again without it:
    Cross {item} off this list:
    Can you remove {item} from this list:
""")
NUMBER_LINES = Phrasings("""
    Add line numbers to this text:
    Number the lines:
    Put a number in front of each line:
    Add line numbers:
    Give each line its number:
    Number each line of this text:
    Write the line number before each line:
    Please number these lines:
    Number all lines of the following text:
    Let every line start with its number:
    Write these lines with numbers:
    Can you add line numbers here:
""")
MISSPELT = {
    "recieve": "receive", "beleive": "believe", "freind": "friend", "wich": "which", "teh": "the", "becuase": "because",
    "tommorow": "tomorrow", "definately": "definitely", "seperate": "separate", "untill": "until", "wierd": "weird",
    "adress": "address", "calender": "calendar", "neccessary": "necessary", "occured": "occurred",
    "begining": "beginning",
    "beautifull": "beautiful", "diffrent": "different", "intresting": "interesting", "libary": "library",
    "realy": "really",
    "suprise": "surprise", "togehter": "together", "alot": "a lot", "writting": "writing", "minuts": "minutes",
    "peopel": "people", "thier": "their", "somthing": "something", "allways": "always", "langauge": "language",
    "goverment": "government", "enviroment": "environment", "favorit": "favourite", "knowlege": "knowledge",
    "restaurent": "restaurant", "sucess": "success", "truely": "truly", "vegtable": "vegetable", "wensday": "Wednesday",
    "febuary": "February", "foriegn": "foreign", "garantee": "guarantee", "imediately": "immediately",
    "mispell": "misspell",
    "noticable": "noticeable", "posession": "possession", "questionaire": "questionnaire", "remeber": "remember",
    "rythm": "rhythm", "shoud": "should", "wether": "whether", "yestarday": "yesterday", "morining": "morning",
}  # fmt: skip
CARRIERS = (
    "The word {} is on the board.", "I wrote {} in my notebook.", "She said {} twice.", "He likes the word {}.",
    "We learned the word {} today.", "Please read {} aloud.", "My teacher wrote {} here.", "Do not forget the word {}.",
)  # fmt: skip
NATURAL = {
    "recieve": "Did you {} my letter?", "beleive": "I {} every word.", "freind": "My {} lives next door.",
    "wich": "Tell me {} one you like.", "teh": "I saw {} moon.", "becuase": "We stayed home {} it rained.",
    "tommorow": "We will meet {}.", "definately": "I will {} come.", "seperate": "They sleep in {} rooms.",
    "untill": "Wait here {} noon.", "wierd": "That was a {} dream.", "adress": "What is your {}?",
    "calender": "Look at the {} on the wall.", "neccessary": "That was not {}.", "occured": "The accident {} at night.",
    "begining": "This is only the {}.", "beautifull": "What a {} day!", "diffrent": "We took a {} road.",
    "intresting": "The book was very {}.", "libary": "She reads in the {}.", "realy": "I am {} tired.",
    "suprise": "The party was a {}.", "togehter": "We sang {}.", "writting": "He is {} a letter.",
    "minuts": "I will be there in ten {}.", "peopel": "Many {} were there.", "thier": "They lost {} keys.",
    "somthing": "There is {} in the box.", "allways": "She is {} on time.", "remeber": "I {} that song.",
    "shoud": "You {} go now.", "yestarday": "It was cold {}.", "morining": "Good {}, everyone.",
    "restaurent": "The {} opens at six.", "knowlege": "He has great {} of maps.", "langauge": "Which {} do they speak?",
    "alot": "It snowed {} last year.", "wensday": "The shop is closed on {}.", "febuary": "My birthday is in {}.",
}  # fmt: skip
PLACES_IN_TEXT = ("first", "second", "last")
TITLES = ("server", "database", "app", "logging", "client", "service", "general", "main")


def instructed(draw: Draw, instruction: str, body: str) -> str:
    """Return an instruction and the text it is about, in one of the usual orders."""
    layout = draw.rng.random()
    if layout < 0.12:
        return f"{body}\n\n{instruction.rstrip(':').removesuffix(' in this text').removesuffix(' here')}."
    return f"{instruction}\n\n{body}" if layout < 0.4 else f"{instruction}\n{body}"


def replace(draw: Draw) -> Example:
    """Replace a word of a text."""
    text, words = texts.text(draw.rng)

    slots = [slot for slot, word in words.items() if re.search(rf"\b{word}\b", text)]

    def make() -> tuple[str, str]:
        slot = draw.rng.choice(slots)
        return words[slot], draw.rng.choice([word for word in texts.SORTS[slot] if word != words[slot]])

    old, new = draw.value(make)
    prompt = instructed(draw, draw.say(REPLACE, old=old, new=new), text)
    return draw.example(prompt, texts.replace_word(text, old, new))


def fix_spelling(draw: Draw) -> Example:
    """Correct one or two misspelt words."""

    def make() -> tuple[str, str]:
        parts = []
        for wrong in draw.rng.sample(list(MISSPELT), draw.rng.choice((1, 2, 2))):
            carrier = NATURAL.get(wrong) or draw.rng.choice(CARRIERS)
            parts.append((carrier.format(wrong), carrier.format(MISSPELT[wrong])))
        for _ in range(draw.rng.choice((0, 1, 2))):
            parts.append((texts.text(draw.rng, 1, 1)[0],) * 2)
        draw.rng.shuffle(parts)
        return " ".join(wrong for wrong, _ in parts), " ".join(right for _, right in parts)

    wrong_text, right_text = draw.value(make)
    return draw.example(instructed(draw, draw.say(SPELLING), wrong_text), right_text)


def repeat(draw: Draw) -> Example:
    """Repeat a text, a list or code as it is."""
    form = draw.rng.random()

    def make() -> str:
        if form < 0.7:
            return texts.text(draw.rng, 1, 5)[0]
        if form < 0.85:
            return texts.config_file(
                draw.rng.choice(("json", "yaml", "ini")), texts.settings(draw.rng), draw.rng.choice(TITLES)
            )
        return texts.code(draw.rng)[0].replace("$", "")

    body = draw.value(make)
    return draw.example(f"{draw.say(REPEAT)}\n{body}", body)


def remove_sentence(draw: Draw) -> Example:
    """Leave out the first, second or last sentence."""
    text = draw.value(lambda: texts.text(draw.rng, 3, 5)[0])
    which = draw.rng.choice(PLACES_IN_TEXT)
    sentences = re.split(r"(?<=\.) ", text)
    del sentences[{"first": 0, "second": 1, "last": -1}[which]]
    return draw.example(instructed(draw, draw.say(REMOVE_SENTENCE, which=which), text), " ".join(sentences))


def add_sentence(draw: Draw) -> Example:
    """Add a sentence at the end."""
    text, sentence = draw.value(lambda: (texts.text(draw.rng, 2, 4)[0], texts.text(draw.rng, 1, 1)[0]))
    return draw.example(instructed(draw, draw.say(ADD_SENTENCE, sentence=sentence), text), f"{text} {sentence}")


def rename(draw: Draw) -> Example:
    """Rename a variable or function in code."""
    marked, names = texts.code(draw.rng)
    words = set(re.findall(r"\w+", marked))
    old, new = draw.value(lambda: (draw.rng.choice(names), draw.rng.choice(IDENTIFIERS.seen)))
    while new in words:
        old, new = draw.value(lambda: (draw.rng.choice(names), draw.rng.choice(IDENTIFIERS.seen)))
    edited = re.sub(rf"\${old}\b", new, marked).replace("$", "")
    prompt = instructed(draw, draw.say(RENAME, old=old, new=new), fenced(marked.replace("$", "")))
    return draw.example(prompt, fenced(edited))


def add_docstring(draw: Draw) -> Example:
    """Say in a docstring what a function does."""
    program = draw.rng.choice(PROGRAMS)
    head, body = program.text.split("\n", 1)
    docstring = f'    """{program.purpose[0].upper()}{program.purpose[1:]}."""'
    prompt = instructed(draw, draw.say(DOCSTRING), fenced(program.text))
    return draw.example(prompt, fenced(f"{head}\n{docstring}\n{body}"))


def edit_config(draw: Draw) -> Example:
    """Set, add or remove a setting in JSON, YAML, INI or Python constants."""
    language, title = draw.rng.choice(("json", "yaml", "ini", "python")), draw.rng.choice(TITLES)
    values = draw.value(lambda: texts.settings(draw.rng))
    before = texts.config_file(language, values, title)
    action = draw.rng.choice((SET_VALUE, SET_VALUE, ADD_KEY, REMOVE_KEY))
    keys = [key for key in texts.SETTINGS if key not in values] if action is ADD_KEY else list(values)
    key = draw.rng.choice(keys)
    value = draw.rng.choice([value for value in texts.SETTINGS[key] if value != values.get(key)])
    if action is REMOVE_KEY:
        del values[key]
    else:
        values[key] = value
    shown = str(value) if language == "python" or isinstance(value, str) else json.dumps(value)
    instruction = draw.say(action, key=key.upper() if language == "python" else key, value=shown)
    after = texts.config_file(language, values, title)
    return draw.example(instructed(draw, instruction, fenced(before, language)), fenced(after, language))


def edit_list(draw: Draw) -> Example:
    """Add an item to a bullet list or take one off it."""
    items = draw.value(lambda: draw.rng.sample(draw.rng.choice((FOODS, FRUITS, THINGS)).seen, draw.rng.randint(4, 7)))
    before = items[:-1]
    if draw.rng.random() < 0.5:
        action, item, after = ADD_ITEM, items[-1], items
    else:
        action, item = REMOVE_ITEM, draw.rng.choice(before)
        after = [other for other in before if other != item]
    prompt = f"{draw.say(action, item=item)}\n" + "\n".join(f"- {item}" for item in before)
    return draw.example(prompt, "\n".join(f"- {item}" for item in after))


def number_lines(draw: Draw) -> Example:
    """Write the number of each line in front of it."""
    lines = draw.value(lambda: [texts.text(draw.rng, 1, 1)[0] for _ in range(draw.rng.randint(2, 4))])
    answer = "\n".join(f"{number}. {line}" for number, line in enumerate(lines, 1))
    return draw.example(instructed(draw, draw.say(NUMBER_LINES), "\n".join(lines)), answer)


TASKS: dict[Task, int] = {
    replace: 22, fix_spelling: 9, repeat: 10, remove_sentence: 6, add_sentence: 5, rename: 18, add_docstring: 5,
    edit_config: 15, edit_list: 6, number_lines: 4,
}  # fmt: skip


def generate(rng: random.Random, split: Split) -> Example:
    """Draw one edit."""
    return draw_from("editing", TASKS, rng, split, known_by_heart=(add_docstring,))
