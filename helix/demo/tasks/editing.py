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

REPLACE = Phrasings(
    """
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
    """,
    more="""
    Could you replace {old} with {new} everywhere?
    Would you please swap every {old} for {new}?
    Everywhere it says {old}, it should say {new}.
    Wherever {old} stands, write {new}.
    {old} is wrong here. The right word is {new}, so correct the text:
    I made a mistake: where I wrote {old}, I meant {new}. Write the text again:
    Substitute {new} for {old}:
    Please turn each {old} into {new}:
    Let each "{old}" be a "{new}" from now on:
    I want {new} where there is {old} now:
    Find {old} and put {new} in its place:
    Take the text and make it about {new}, no longer about {old}:
    Not {old} but {new}. Please write the text that way:
    I would like to read {new} rather than {old} here:
    {old} -> {new}
    Search for "{old}" and replace it by "{new}":
    Each time you see {old}, use {new}; leave everything else as it is.
    The text has {old} in it. Make that {new} and keep the rest:
    """,
)
SPELLING = Phrasings(
    """
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
    """,
    more="""
    Could you correct the spelling?
    Would you check my spelling and write the right text?
    There are mistakes in this text. Fix them:
    There may be a wrong word here or two. Correct what is wrong:
    Spelling check, please:
    I am bad at spelling. Please repair this text:
    Find the misspelt words and correct them:
    Rewrite the text with every word spelt right:
    Something is spelt wrong here. Please put it right:
    Give me this without typos:
    Remove all spelling errors from this text:
    What I typed has typos in it. How should it read?
    Please write the correct version:
    Clean up the spelling, but keep the words:
    Proofread this:
    How is this spelt correctly?
    """,
)
REPEAT = Phrasings(
    """
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
    """,
    more="""
    Could you repeat this for me:
    Would you write this once more, please:
    Say back to me what stands here:
    I want to see the same text again:
    Your answer should be this text and nothing else:
    Answer with exactly these words:
    Write down the following, and change nothing:
    Type this out again, letter by letter:
    Give me the text below just as it is:
    Return this without changes:
    Please echo what comes next:
    Once more, the same:
    Let me read this again, unchanged:
    Copy what I wrote, precisely as I wrote it:
    Make an exact copy of this:
    I need this back as it stands:
    Show me the same thing again:
    """,
)
REMOVE_SENTENCE = Phrasings(
    """
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
    """,
    more="""
    Could you delete the {which} sentence?
    Would you take the {which} sentence away, please?
    I do not need the {which} sentence. Leave it out:
    One sentence is too many here, namely the {which} sentence:
    Strike the {which} sentence and keep the others:
    Keep everything except for the {which} sentence:
    Everything but the {which} sentence, please:
    The {which} sentence should go:
    The text should no longer have its {which} sentence.
    Shorten the text: the {which} sentence can go.
    I want the text without the {which} sentence in it:
    Please write it again, leaving out the {which} sentence:
    Which text is left if you drop the {which} sentence?
    Get rid of the {which} sentence:
    I do not like the {which} sentence, so please cut it.
    Skip the {which} sentence and write the rest:
    """,
)
ADD_SENTENCE = Phrasings(
    """
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
    """,
    more="""
    Could you add "{sentence}" at the end?
    Would you put "{sentence}" after the last sentence, please?
    One sentence is missing at the end: "{sentence}" Add it.
    Finish this text with the words "{sentence}"
    I want one more sentence after these: "{sentence}"
    Write the text again and let it end with "{sentence}"
    The last sentence should be "{sentence}"
    Make "{sentence}" the final sentence:
    Please continue this text with "{sentence}":
    Attach "{sentence}" to the end of the following:
    After everything that is there, write "{sentence}"
    Close with "{sentence}" and leave all the others as they are:
    Here is a text. Its new ending is "{sentence}"
    I forgot to write "{sentence}" at the end. Please add it:
    Keep the text and let it be followed by "{sentence}"
    Add one more sentence at the end, namely "{sentence}"
    """,
)
RENAME = Phrasings(
    """
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
    """,
    more="""
    Could you rename {old} to {new}?
    Would you call {old} {new} instead, please?
    I do not like the name {old}. Use {new}:
    The name {old} is bad; a better one is {new}. Rename it:
    {old} should be named {new}.
    Everything named {old} must be renamed to {new}:
    From now on {old} is called {new}. Please update the code:
    Let the name be {new}, not {old}:
    Call it {new} where the code says {old}:
    Change each {old} to {new}:
    Please write this code again with {new} in place of {old}:
    I want {new} as the name of what is {old} now:
    {old} -> {new}
    Swap the name {old} for {new} everywhere in the code:
    Make {new} out of {old}, and leave the rest of the code alone:
    The variable {old} needs a new name: {new}.
    Find {old} in the code and name it {new}:
    """,
)
DOCSTRING = Phrasings(
    """
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
    """,
    more="""
    Could you write a docstring for this?
    Would you document this function, please?
    There is no docstring here. Add one.
    I forgot the docstring. Please write it:
    Say in a docstring what this function does:
    Put a line of documentation at the top of this function:
    Write one line under the def that says what the function does:
    A docstring is missing, so please insert one:
    Docstring, please:
    Describe the function in a docstring:
    I want this function documented:
    Complete the function with a docstring under its first line:
    This code is not documented yet. Do that with a docstring:
    Explain the function inside the code, by a docstring:
    The function should say what it does. Add a docstring to it:
    My code lacks a docstring. Can you help?
    """,
)
SET_VALUE = Phrasings(
    """
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
    """,
    more="""
    Could you set {key} to {value}?
    Would you change {key} so that it is {value}, please?
    {key} should be {value}.
    {key} must be {value} from now on:
    I would like {key} to have the value {value}:
    The value of {key} is wrong. Make it {value}:
    Please let {key} be {value} here:
    Give {key} the value {value}:
    Use {value} for {key}:
    Put {value} as the new value of {key}:
    {key} = {value}, please:
    Write this file again with {key} set to {value}:
    We need {value} for {key} now. Update the file:
    Adjust {key}: its value should be {value}.
    Replace the value of {key} by {value}:
    Change nothing but {key}, which becomes {value}:
    As {key}, I want to have {value}:
    Turn {key} to {value} and keep everything else:
    """,
)
ADD_KEY = Phrasings(
    """
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
    """,
    more="""
    Could you add {key} with the value {value}?
    Would you put {key} at the end and set it to {value}, please?
    {key} is missing. Add it at the end with the value {value}:
    There should also be an entry {key} whose value is {value}:
    I need one more setting: {key} is {value}.
    Let a new entry {key} with the value {value} follow the others:
    At the end of this, write {key} with {value}:
    Put in a new {key}, set to {value}:
    The file has no {key} yet. Insert it as {value}:
    Include {key} as well; its value should be {value}.
    After the last entry, add {key} with {value}:
    I also want {key} in here, and its value is {value}.
    New entry: {key} with the value {value}
    Keep all others and append {key}, which is {value}:
    Write this file again with one more key, {key}, set to {value}:
    Complete the config with {key} as {value}:
    """,
)
REMOVE_KEY = Phrasings(
    """
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
    """,
    more="""
    Could you remove {key}?
    Would you delete the entry for {key}, please?
    {key} is no longer needed. Delete it.
    We do not use {key} any longer. Take it out:
    {key} should go, the others should stay:
    I want this file without {key}:
    Leave out {key} and keep the rest:
    There should be no {key} in this file any more:
    Get rid of {key} here:
    Please write this again, but without {key}:
    Everything except {key} can stay as it is:
    Strike the entry {key}:
    Cut {key} from the config:
    Erase {key} and its value:
    No {key}, please:
    The setting {key} is old, so drop it.
    """,
)
ADD_ITEM = Phrasings(
    """
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
    """,
    more="""
    Could you put {item} on the list?
    Would you add {item} as well, please?
    {item} is missing. Add it:
    I also need {item}:
    I forgot to write down {item}. Please append it:
    There should be {item} on the list too:
    One more thing for my list is {item}:
    Write the list again, with {item} at the end:
    Let {item} be the last item:
    Also {item}, please:
    Include {item} in my list:
    We need {item} too, so add a line for it:
    My list lacks {item}:
    Here is my list. Now {item} should follow:
    Please note {item} under all the others:
    The new item is {item}:
    """,
)
REMOVE_ITEM = Phrasings(
    """
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
    """,
    more="""
    Could you take {item} off the list?
    Would you cross out {item}, please?
    {item} is done. Strike it:
    I no longer need {item}:
    I have {item} already. Delete that line:
    Leave out {item} and keep the other items:
    Write the list again, but leave {item} out:
    There should be no {item} on it:
    Everything but {item}, please:
    The list is right except for {item}, which should go:
    Get rid of {item}:
    Please give me this list without {item}:
    We do not want {item} any more:
    No {item}, please:
    Erase {item} from what I wrote:
    One item is not needed: {item}. Remove it.
    """,
)
NUMBER_LINES = Phrasings(
    """
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
    """,
    more="""
    Could you number these lines?
    Would you write a number before every line, please?
    I need line numbers here:
    The lines should be numbered:
    Each line should begin with a number:
    These lines have no numbers yet. Add them:
    Begin every line with 1, 2, 3 and so on:
    Start with 1 and count the lines:
    Make a numbered list of these lines:
    Turn this into a numbered list:
    Write 1. before the first line, 2. before the second, and so on:
    Show the text with its line numbers:
    Please put the right number at the start of every line:
    Line numbers, please:
    Let me see which line is which: give them numbers.
    Every line gets a number in front:
    """,
)
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
