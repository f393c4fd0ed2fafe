"""Edits after which most of a text stays as it was: the tasks that predicted outputs and n-grams speed up most."""

from __future__ import annotations

import json
import random
import re

from helix.demo.example import Example, Split
from helix.demo.tasks import texts
from helix.demo.tasks.draw import Draw, Task, draw_from, load_phrasings
from helix.demo.tasks.programs import PROGRAMS, fenced
from helix.demo.tasks.words import FOODS, FRUITS, IDENTIFIERS, THINGS

PHRASINGS = load_phrasings("editing")

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
        instruction = instruction.rstrip(":").removesuffix(" in this text").removesuffix(" here")
        return f"{body}\n\n{instruction}" + ("" if instruction.endswith((".", "?", '."')) else ".")
    return f"{instruction}\n\n{body}" if layout < 0.4 else f"{instruction}\n{body}"


def replace(draw: Draw) -> Example:
    """Replace a word of a text."""
    text, words = texts.text(draw.rng)

    slots = [slot for slot, word in words.items() if re.search(rf"\b{word}\b", text)]

    def make() -> tuple[str, str]:
        slot = draw.rng.choice(slots)
        return words[slot], draw.rng.choice([word for word in texts.SORTS[slot] if word != words[slot]])

    old, new = draw.value(make)
    prompt = instructed(draw, draw.say(PHRASINGS["replace"], old=old, new=new), text)
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
    return draw.example(instructed(draw, draw.say(PHRASINGS["spelling"]), wrong_text), right_text)


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
    request = draw.say(PHRASINGS["repeat"])
    return draw.example(f"{request}\n{body}", body)


def remove_sentence(draw: Draw) -> Example:
    """Leave out the first, second or last sentence."""
    text = draw.value(lambda: texts.text(draw.rng, 3, 5)[0])
    which = draw.rng.choice(PLACES_IN_TEXT)
    sentences = re.split(r"(?<=\.) ", text)
    del sentences[{"first": 0, "second": 1, "last": -1}[which]]
    prompt = instructed(draw, draw.say(PHRASINGS["remove_sentence"], which=which), text)
    return draw.example(prompt, " ".join(sentences))


def add_sentence(draw: Draw) -> Example:
    """Add a sentence at the end."""
    text, sentence = draw.value(lambda: (texts.text(draw.rng, 2, 4)[0], texts.text(draw.rng, 1, 1)[0]))
    prompt = instructed(draw, draw.say(PHRASINGS["add_sentence"], sentence=sentence), text)
    return draw.example(prompt, f"{text} {sentence}")


def rename(draw: Draw) -> Example:
    """Rename a variable or function in code."""
    marked, names = texts.code(draw.rng)
    words = set(re.findall(r"\w+", marked))
    old, new = draw.value(lambda: (draw.rng.choice(names), draw.rng.choice(IDENTIFIERS.seen)))
    while new in words:
        old, new = draw.value(lambda: (draw.rng.choice(names), draw.rng.choice(IDENTIFIERS.seen)))
    edited = re.sub(rf"\${old}\b", new, marked).replace("$", "")
    prompt = instructed(draw, draw.say(PHRASINGS["rename"], old=old, new=new), fenced(marked.replace("$", "")))
    return draw.example(prompt, fenced(edited))


def add_docstring(draw: Draw) -> Example:
    """Say in a docstring what a function does."""
    program = draw.rng.choice(PROGRAMS)
    head, body = program.text.split("\n", 1)
    docstring = f'    """{program.purpose[0].upper()}{program.purpose[1:]}."""'
    prompt = instructed(draw, draw.say(PHRASINGS["docstring"]), fenced(program.text))
    return draw.example(prompt, fenced(f"{head}\n{docstring}\n{body}"))


def edit_config(draw: Draw) -> Example:
    """Set, add or remove a setting in JSON, YAML, INI or Python constants."""
    language, title = draw.rng.choice(("json", "yaml", "ini", "python")), draw.rng.choice(TITLES)
    values = draw.value(lambda: texts.settings(draw.rng))
    before = texts.config_file(language, values, title)
    action = draw.rng.choice(("set_value", "set_value", "add_key", "remove_key"))
    keys = [key for key in texts.SETTINGS if key not in values] if action == "add_key" else list(values)
    key = draw.rng.choice(keys)
    value = draw.rng.choice([value for value in texts.SETTINGS[key] if value != values.get(key)])
    if action == "remove_key":
        del values[key]
    else:
        values[key] = value
    shown = str(value) if language == "python" or isinstance(value, str) else json.dumps(value)
    instruction = draw.say(PHRASINGS[action], key=key.upper() if language == "python" else key, value=shown)
    after = texts.config_file(language, values, title)
    return draw.example(instructed(draw, instruction, fenced(before, language)), fenced(after, language))


def edit_list(draw: Draw) -> Example:
    """Add an item to a bullet list or take one off it."""
    items = draw.value(lambda: draw.rng.sample(draw.rng.choice((FOODS, FRUITS, THINGS)).seen, draw.rng.randint(4, 7)))
    before = items[:-1]
    if draw.rng.random() < 0.5:
        action, item, after = "add_item", items[-1], items
    else:
        action, item = "remove_item", draw.rng.choice(before)
        after = [other for other in before if other != item]
    prompt = f"{draw.say(PHRASINGS[action], item=item)}\n" + "\n".join(f"- {item}" for item in before)
    return draw.example(prompt, "\n".join(f"- {item}" for item in after))


def number_lines(draw: Draw) -> Example:
    """Write the number of each line in front of it."""
    lines = draw.value(lambda: [texts.text(draw.rng, 1, 1)[0] for _ in range(draw.rng.randint(2, 4))])
    answer = "\n".join(f"{number}. {line}" for number, line in enumerate(lines, 1))
    return draw.example(instructed(draw, draw.say(PHRASINGS["number_lines"]), "\n".join(lines)), answer)


TASKS: dict[Task, int] = {
    replace: 22, fix_spelling: 9, repeat: 10, remove_sentence: 6, add_sentence: 5, rename: 18, add_docstring: 5,
    edit_config: 15, edit_list: 6, number_lines: 4,
}  # fmt: skip


def generate(rng: random.Random, split: Split) -> Example:
    """Draw one edit."""
    return draw_from("editing", TASKS, rng, split, known_by_heart=(add_docstring,))
