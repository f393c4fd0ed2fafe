"""Several turns, of which a later one can only be answered from an earlier one."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from helix.demo.example import Example, Split
from helix.demo.tasks.arithmetic import MINUS, PLUS, difference_in_steps, ends_in_number, is_basic, sum_in_steps
from helix.demo.tasks.draw import Draw, Phrasings, Task, draw_from, is_unseen
from helix.demo.tasks.lists import COUNT, SORT_UP, SORT_WORDS, listed
from helix.demo.tasks.words import ANIMALS, COLOURS, FOODS, FRUITS, HOBBIES, JOBS, NAMES, PETS, THINGS, TOWNS

NOTED = "Thank you, I will remember that."
FACTS: dict[str, tuple[Phrasings, Phrasings, str]] = {
    "name": (
        Phrasings("""
            My name is {value}.
            I am {value}.
            Hi, I'm {value}.
            Hello, my name is {value}.
            People call me {value}.
            You can call me {value}.
            Call me {value}.
            I'm called {value}.
        """, more="""
            The name is {value}.
            Everyone at home calls me {value}.
            My parents named me {value}.
            It's {value} here, nice to meet you.
            I go by the name of {value}.
            Just so you know, I'm {value}.
            I would like you to call me {value}.
            Good morning, this is {value} speaking.
            You are talking to {value}.
            By the way, my first name is {value}.
            If you want to know who I am: I am {value}.
            {value} is my name.
            Most people know me as {value}.
            Please remember that my name is {value}.
        """),
        Phrasings("""
            What is my name?
            What's my name?
            Do you know my name?
            Who am I?
            By which name do you know me?
            Can you tell me my name?
            What am I called?
            Do you remember my name?
        """, more="""
            Tell me my name.
            What did I say my name was?
            Which name did I give you?
            Say my name.
            And my name is?
            I told you my name. What was it?
            Please tell me who I am.
            How should you call me?
            What do people call me?
            I would like to know if you still know my name.
            If someone asks you who I am, which name do you say?
            Have you kept my name in mind? What is it?
            Under which name am I known?
            Can you remember who I am?
            My name, please?
        """),
        "Your name is {value}.",
    ),
    "dog": (
        Phrasings("""
            My dog is called {value}.
            I have a dog named {value}.
            My dog's name is {value}.
            My dog is {value}.
            There is a dog at my house, and we call it {value}.
            I have a dog called {value}.
            I own a dog. Its name is {value}.
        """, more="""
            We have a dog at home, {value}.
            {value} is my dog.
            {value} is the name of my dog.
            The dog that lives with me is called {value}.
            I live with a dog called {value}.
            We call our dog {value}.
            The name of my dog is {value}.
            I named my dog {value}.
            My new dog got the name {value}.
            When I shout {value}, my dog comes running.
            Every day I go out with my dog {value}.
            At our house we have a dog whose name is {value}.
            My family has a dog, and its name is {value}.
            Remember that my dog is named {value}.
            I gave my dog the name {value}.
        """),
        Phrasings("""
            What is my dog called?
            What is the name of my dog?
            What's my dog's name?
            How is my dog called?
            If I shout for my dog, what do I shout?
            Do you remember the name of my dog?
            Tell me the name of my dog.
        """, more="""
            My dog's name, please?
            Which name does my dog have?
            What did I name my dog?
            What do I call my dog?
            And my dog? What is its name?
            Say the name of my dog.
            I told you about my dog. What is it called?
            Which name did I give to my dog?
            When I want my dog to come, which name do I shout?
            I would like to know what my dog is called.
            If you met my dog, how would you call it?
            Can you tell me my dog's name?
            Do you still know what my dog is called?
            Please name my dog.
            How do we call the dog at my house?
        """),
        "Your dog is called {value}.",
    ),
    "cat": (
        Phrasings("""
            My cat is called {value}.
            I have a cat named {value}.
            My cat's name is {value}.
            I have a cat called {value}.
            There is a cat at my house, and we call it {value}.
            I own a cat. Its name is {value}.
        """, more="""
            We have a cat at home, {value}.
            {value} is my cat.
            {value} is the name of my cat.
            The cat that lives with me is called {value}.
            I live with a cat called {value}.
            We call our cat {value}.
            The name of my cat is {value}.
            I named my cat {value}.
            My new cat got the name {value}.
            When I shout {value}, my cat comes running.
            Every evening my cat {value} sits next to me.
            At our house we have a cat whose name is {value}.
            My family has a cat, and its name is {value}.
            My cat is {value}.
            I gave my cat the name {value}.
        """),
        Phrasings("""
            What is my cat called?
            What is the name of my cat?
            What's my cat's name?
            How is my cat called?
            If I shout for my cat, what do I shout?
            Do you remember the name of my cat?
        """, more="""
            My cat's name, please?
            Which name does my cat have?
            What did I name my cat?
            What do I call my cat?
            And my cat? What is its name?
            Tell me the name of my cat.
            I told you about my cat. What is it called?
            Which name did I give to my cat?
            When I want my cat to come, which name do I shout?
            I would like to know what my cat is called.
            If you met my cat, how would you call it?
            Can you tell me my cat's name?
            Do you still know what my cat is called?
            Please name my cat.
            How do we call the cat at my house?
        """),
        "Your cat is called {value}.",
    ),
    "town": (
        Phrasings("""
            I live in {value}.
            My home is in {value}.
            I am from {value}.
            I come from {value}.
            My flat is right in the middle of {value}.
            My house is in {value}.
            I'm living in {value}.
        """, more="""
            {value} is my home.
            {value} is where I live.
            The city I live in is {value}.
            My family and I live in {value}.
            I moved to {value} a year ago.
            My home town is {value}.
            You can find me in {value}.
            I have a small flat in {value}.
            We have a house in the middle of {value}.
            For some years now I have lived in {value}.
            I was born in {value} and still live there.
            If you want to visit me, come to {value}.
            My address is in {value}.
            I rent a room right in {value}.
            Send my letters to {value}, where I live.
        """),
        Phrasings("""
            Where do I live?
            In which city do I live?
            What city do I live in?
            Where am I from?
            To which city would you send me a letter?
            Do you remember where I live?
            Which city is my home?
        """, more="""
            Tell me where I live.
            What is my home town?
            Which town do I live in?
            In what town is my home?
            Where is my home?
            And where do I live?
            I told you where I live. Where is it?
            Which city did I say I live in?
            Where would a letter to me have to go?
            If you visit me, to which city do you go?
            I would like to know if you remember my city.
            Can you tell me where I am from?
            Name the city I live in.
            Where can people find me?
            Where is my house?
        """),
        "You live in {value}.",
    ),
    "colour": (
        Phrasings("""
            My favorite color is {value}.
            My favourite colour is {value}.
            The color I like best is {value}.
            I like the color {value} most.
            No color is as nice as {value}, I think.
            I love the color {value}.
            The best color is {value}.
        """, more="""
            {value} is my favorite color.
            {value} is the color I like most.
            Of all colors, I like {value} best.
            I think {value} is the nicest color.
            There is no nicer color than {value}.
            For me, {value} is the most beautiful color.
            I prefer the color {value}.
            If I could choose, everything would be {value}.
            I always choose {value} when I pick a color.
            The walls of my room are {value}, the color I love.
            My room is painted in my favorite color, {value}.
            I am a fan of the color {value}.
            Nothing looks as nice as {value}.
            When it comes to colors, I like {value}.
            My color is {value}.
        """),
        Phrasings("""
            What is my favorite color?
            What's my favourite colour?
            Which color do I like best?
            Which color do I like?
            In which color would I paint my room?
            Do you remember my favorite color?
            What color do I like most?
        """, more="""
            Tell me my favorite color.
            Tell me which color I like.
            Which color is my favorite?
            Which is the color I love?
            What color do I prefer?
            And my favorite color?
            I told you which color I like. What was it?
            Which color did I say I like best?
            If I buy paint for my room, which color do I take?
            If you gave me a shirt, what color should it be?
            I would like to know if you remember the color I like.
            Can you tell me what my favorite color is?
            Name the color I like most.
            Which color is the best one for me?
            My favorite colour, please?
        """),
        "Your favorite color is {value}.",
    ),
    "job": (
        Phrasings("""
            I work as a {value}.
            I am a {value}.
            My job is {value}.
            I'm a {value}.
            For a living, I am a {value}.
            I have been a {value} for years.
        """, more="""
            {value} is my job.
            {value} is what I do for a living.
            I earn my money as a {value}.
            I make a living as a {value}.
            My profession is {value}.
            By profession I am a {value}.
            At work I am a {value}.
            I have a job as a {value}.
            I got a new job as a {value}.
            I became a {value} some years ago.
            Every day I go to work as a {value}.
            They pay me to be a {value}.
            If you ask about my work: I'm a {value}.
            I am employed as a {value}.
            For many years I have worked as a {value}.
        """),
        Phrasings("""
            What is my job?
            What do I do for a living?
            What's my job?
            What do I work as?
            How do I earn my money?
            Do you remember my job?
        """, more="""
            Tell me my job.
            Tell me what I do for a living.
            What is my profession?
            Which job do I have?
            What kind of work do I do?
            And my job?
            I told you what I work as. What was it?
            Which job did I say I have?
            What am I paid for?
            If someone asks for my job, what do you say?
            I would like to know if you remember what my job is.
            Can you tell me what I work as?
            Name my profession.
            What am I by profession?
            With which job do I make money?
        """),
        "You work as a {value}.",
    ),
    "age": (
        Phrasings("""
            I am {value} years old.
            I'm {value} years old.
            My age is {value}.
            I turned {value} today.
            I was born {value} years ago.
            I have just turned {value}.
        """, more="""
            I am {value}.
            {value} is my age.
            I was {value} on my last birthday.
            I celebrated my birthday and I am now {value}.
            Yesterday I became {value} years old.
            Since last week I am {value} years old.
            My birthday cake had {value} candles.
            I have lived for {value} years.
            It is {value} years since I was born.
            As for my age, I am {value}.
            At the moment I am {value} years of age.
            If you ask for my age: {value} years.
            You should know that I'm {value} years of age.
            This year I turned {value}.
        """),
        Phrasings("""
            How old am I?
            What is my age?
            Do you know how old I am?
            What's my age?
            How many years have I lived?
            Tell me my age.
        """, more="""
            What age am I?
            And my age?
            My age, please?
            Tell me how old I am.
            I told you how old I am. What was it?
            Which age did I tell you?
            How many years old am I?
            How many years ago was I born?
            For how many years have I been alive?
            If someone asks you for my age, what do you answer?
            How many candles belong on my cake?
            I would like to know if you remember my age.
            Can you tell me how old I am?
            Do you remember my age?
            Say my age in years.
        """),
        "You are {value} years old.",
    ),
    "food": (
        Phrasings("""
            My favorite food is {value}.
            I like to eat {value}.
            I love {value} for dinner.
            The food I like best is {value}.
            Nothing tastes as good as {value}.
            I could eat {value} every day.
        """, more="""
            {value} is my favorite food.
            {value} is what I like to eat most.
            Of all food, I like {value} best.
            I love to eat {value}.
            I love {value}.
            For dinner I always want {value}.
            There is no better food than {value}.
            The best food is {value}.
            The most delicious thing in the world is {value}.
            If you cook for me, make {value}.
            When I am hungry, I want {value}.
            My favorite dish is {value}.
            To me, {value} tastes better than anything else.
            I think {value} tastes really good.
            I am always happy when there is {value} to eat.
        """),
        Phrasings("""
            What is my favorite food?
            What do I like to eat?
            Which food do I like best?
            What food do I like?
            What should you cook for me?
            Do you remember my favorite food?
        """, more="""
            Tell me my favorite food.
            Tell me what I like to eat.
            Which food is my favorite?
            What is my favorite dish?
            What do I love to eat?
            And my favorite food?
            I told you which food I like. What was it?
            Which food did I say I like most?
            If you cook dinner for me, what should it be?
            What would I order in a restaurant?
            What tastes best to me?
            I would like to know if you remember what I like to eat.
            Can you tell me what my favorite food is?
            Name the dish I love.
            When I am hungry, what do I want?
        """),
        "Your favorite food is {value}.",
    ),
    "hobby": (
        Phrasings("""
            My hobby is {value}.
            In my free time I like {value}.
            I enjoy {value}.
            I love {value} on weekends.
            My evenings are for {value}.
            I like {value} a lot.
        """, more="""
            {value} is my hobby.
            {value} is what I like to do.
            My favorite hobby is {value}.
            I have one hobby, {value}.
            I spend my free time with {value}.
            I spend my evenings with {value}.
            In the evening I enjoy {value}.
            After work, I relax with {value}.
            On weekends you will find me busy with {value}.
            My free hours are filled with {value}.
            There is nothing I enjoy more than {value}.
            When I have time, I like {value}.
            I am a big fan of {value}.
            What I do for fun is {value}.
            If I have a free day, I spend it on {value}.
        """),
        Phrasings("""
            What is my hobby?
            What do I like to do in my free time?
            What's my hobby?
            Which hobby do I have?
            How do I spend my free hours?
            Do you remember my hobby?
        """, more="""
            Tell me my hobby.
            Tell me what I do in my free time.
            What do I enjoy?
            What do I do for fun?
            Which hobby did I tell you about?
            And my hobby?
            I told you about my hobby. What was it?
            If I have a free hour, what do I do?
            What do I like to do after work?
            With what do I fill my free time?
            I would like to know if you remember my hobby.
            Can you tell me what my hobby is?
            Name my hobby.
            What am I doing on weekends?
        """),
        "Your hobby is {value}.",
    ),
    "key": (
        Phrasings("""
            I put my keys next to the {value}.
            My keys are next to the {value}.
            I left my keys by the {value}.
            The keys are by the {value}.
            My keys ended up beside the {value}.
            I have placed my keys next to the {value}.
        """, more="""
            My keys are by the {value}.
            Next to the {value} are my keys.
            Beside the {value} I left my keys.
            I dropped my keys next to the {value}.
            I keep my keys by the {value}.
            You will find my keys beside the {value}.
            The place of my keys is next to the {value}.
            My keys are lying right by the {value}.
            I laid the keys down next to the {value}.
            Somebody put my keys beside the {value}.
            Remember that my keys are near the {value}.
            If I look for my keys: they are next to the {value}.
            In the end I put the keys by the {value}.
        """),
        Phrasings("""
            Where are my keys?
            Where did I put my keys?
            Where did I leave my keys?
            Do you know where my keys are?
            I cannot find my keys. Any idea?
            Tell me where my keys are.
        """, more="""
            Where are the keys?
            Where do my keys lie?
            Where did my keys end up?
            And my keys?
            My keys, where are they?
            I am looking for my keys. Where are they?
            I told you where my keys are. Where was it?
            I lost my keys. Do you know where they are?
            I need my keys. Where should I look?
            If I want to find my keys, where do I have to look?
            I would like to know where my keys are.
            Can you tell me where I put my keys?
            Do you have any idea where I left my keys?
            Next to what did I put my keys?
            Help me find my keys.
        """),
        "Your keys are next to the {value}.",
    ),
}  # fmt: skip
POOLS = {
    "name": NAMES, "dog": PETS, "cat": PETS, "town": TOWNS, "colour": COLOURS, "job": JOBS, "food": FOODS,
    "hobby": HOBBIES, "key": THINGS,
}  # fmt: skip
FOLLOW_UPS: dict[str, tuple[Phrasings, Callable[[Sequence[str]], str]]] = {
    "reverse": (Phrasings("""
        Now reverse it.
        Now reverse the list.
        Reverse that.
        And in reverse order?
        Turn it around now.
        Now backwards.
        And now in reverse.
    """, more="""
        Reverse it, please.
        Now reverse the order.
        Can you reverse that?
        Could you turn the list around?
        I want it in reverse order now.
        I would like to see that backwards.
        What is it in reverse order?
        What does it look like backwards?
        Write it backwards.
        Start with the last one now and go back to the first.
        From the last to the first, please.
        The other way around, please.
        If you turn it around, what do you get?
        Give me that in the opposite order.
        And backwards?
    """), lambda items: listed(items[::-1])),
    "first": (Phrasings("""
        What is the first one?
        Which one is first?
        What is the first item?
        And the first one?
        Which one leads it?
        Give me the first one.
    """, more="""
        Tell me the first one.
        Tell me which one is first.
        Name the first one.
        The first one, please.
        What does it start with?
        Which item does the list start with?
        With which one does it begin?
        What comes first?
        Which one stands at the start?
        Which is at the beginning?
        I would like to know which one is first.
        Can you tell me the first item?
        If I take only the first, what do I have?
        What is at the top of it?
        Who or what leads the list?
    """), lambda items: f"The first one is {items[0]}."),
    "last": (Phrasings("""
        What is the last one?
        Which one is last?
        What is the last item?
        And the last one?
        Which one closes it?
        Give me the last one.
    """, more="""
        Tell me the last one.
        Tell me which one is last.
        Name the last one.
        The last one, please.
        What does it end with?
        Which item does the list end with?
        With which one does it close?
        What comes last?
        Which one stands at the end?
        Which is at the end?
        I would like to know which one is last.
        Can you tell me the last item?
        If I take only the last, what do I have?
        What is at the bottom of it?
        What closes the list?
    """), lambda items: f"The last one is {items[-1]}."),
    "count": (Phrasings("""
        How many are there?
        How many are those?
        How many items is that?
        Count them.
        And what is the number of them?
        How many items are there?
    """, more="""
        How many is that?
        How many are in the list?
        How many items does the list have?
        How many items do you count?
        Count the items.
        Can you count them?
        Please count how many there are.
        Tell me how many there are.
        Tell me the number of items.
        And how many are there in all?
        I would like to know how many there are.
        If you count them, how many do you get?
        How long is the list?
        The number of items, please?
    """), lambda items: f"There are {len(items)} items."),
    "remove": (Phrasings("""
        Remove the first one.
        Drop the first one.
        Now without the first one.
        Delete the first item.
        The first one should go away.
        Leave out the first one.
    """, more="""
        Remove the first item.
        Delete the first one.
        Drop the first item from the list.
        Take the first one away.
        Take away the first item.
        Can you remove the first one?
        Could you leave the first one out?
        I do not need the first one, drop it.
        I want it without the first item.
        Without the first, please.
        Now make the first one go.
        What is left without the first one?
        If the first one goes away, what is left?
        The first item is wrong, remove it.
        Throw out the first one.
    """), lambda items: listed(items[1:])),
    "bullets": (Phrasings("""
        Make it a bullet list.
        Now as a bullet list.
        Write it as bullet points.
        Turn it into a bullet list.
        Each on a line of its own with a dash, please.
        As bullets, please.
    """, more="""
        Make bullets out of it.
        Now write it as bullets.
        Show it as a bullet list.
        Show it as bullet points.
        Can you make a bullet list of it?
        Could you write that as bullet points?
        I want it as a bullet list.
        I would like to have bullet points.
        Give me that as a list with bullets.
        Put each one on its own line.
        Put a dash before each item, one per line.
        Write every item on a new line with a dash.
        Bullet points, please.
        And as a bullet list?
        How does it look as a bullet list?
    """), lambda items: "\n".join(f"- {item}" for item in items)),
    "again": (Phrasings("""
        Say that again.
        Repeat that.
        Once more, please.
        Can you repeat that?
        I did not get that, what was it?
        Again, please.
    """, more="""
        Say it once more.
        Repeat it, please.
        Repeat your answer.
        Please repeat your last answer.
        Can you say that again?
        Could you say it once more?
        What did you say?
        What was that?
        What was it again?
        I would like to hear that again.
        I did not hear you. Say it again.
        Sorry, I missed that. Can you repeat it?
        One more time, please.
        Tell me again.
        Give me that again.
    """), listed),
}  # fmt: skip
CORRECTIONS = Phrasings(
    """
    I meant {question}.
    Sorry, I meant {question}.
    No, I meant {question}.
    Oh, I meant {question}.
    My mistake, the task is {question}.
    Sorry, {question}.
    Wait, I wanted {question}.
    Actually, I meant {question}.
""",
    more="""
    I wanted to ask {question}.
    I wanted {question}.
    Sorry, it should be {question}.
    That was wrong, I meant {question}.
    I made a mistake, it is {question}.
    My fault, I wanted {question}.
    Not that one. I meant {question}.
    No, the sum I want is {question}.
    No, not that: {question}.
    What I really wanted is {question}.
    I should have written {question}.
    Please do {question} instead.
    Oh no, the right task is {question}.
    Let me correct that: {question}.
    Can you do {question} instead?
""",
)
CHANGES = Phrasings(
    """
    Sorry, I made a mistake. {statement}
    Wait, that was wrong. {statement}
    That is not right. {statement}
    No, sorry. {statement}
    Let me correct myself. {statement}
    Actually, that was wrong. {statement}
    Sorry, I have to correct that. {statement}
""",
    more="""
    Oh, I made a mistake. {statement}
    My mistake. {statement}
    I was wrong. {statement}
    I told you something wrong. {statement}
    I have to correct myself. {statement}
    Please correct that. {statement}
    Forget what I said. {statement}
    Forget that. {statement}
    That was a mistake. {statement}
    Oh no, that is wrong. {statement}
    Wait, not so. {statement}
    No, that is not correct. {statement}
    I said it wrong. {statement}
    Oops. {statement}
    Here is the right version. {statement}
""",
)


def _value(draw: Draw, topic: str) -> str:
    return str(draw.value(lambda: draw.rng.randint(6, 90))) if topic == "age" else draw.word(POOLS[topic])


def remember(draw: Draw) -> Example:
    """Tell one to three facts, then ask for one of them."""
    topics = draw.rng.sample(list(FACTS), draw.rng.choice((1, 1, 2, 2, 3)))
    values = {topic: _value(draw, topic) for topic in topics}
    if draw.rng.random() < 0.3:
        turns = [" ".join(_statement(draw, topic, values[topic]) for topic in topics), NOTED]
    else:
        turns = [turn for topic in topics for turn in (_statement(draw, topic, values[topic]), NOTED)]
    topic = draw.rng.choice(topics)
    return _asked(draw, turns, topic, values[topic])


def change(draw: Draw) -> Example:
    """Tell a fact, correct it, then ask for it."""
    topic = draw.rng.choice(list(FACTS))
    first, second = _value(draw, topic), _value(draw, topic)
    correction = draw.say(CHANGES, statement=_statement(draw, topic, second))
    return _asked(draw, [_statement(draw, topic, first), NOTED, correction, NOTED], topic, second)


def _statement(draw: Draw, topic: str, value: str) -> str:
    statement = draw.say(FACTS[topic][0], value=value)
    return statement if statement[-1] == "." else f"{statement}."


def _asked(draw: Draw, turns: list[str], topic: str, value: str) -> Example:
    _, questions, answer = FACTS[topic]
    expected = answer.format(value=value)
    return draw.dialogue(
        [*turns, draw.say(questions), expected], lambda text: value.lower() in text.lower().rstrip(".").split()
    )


def follow_up(draw: Draw) -> Example:
    """Sort or write a list, then ask for something about it, once or twice."""
    kind = draw.rng.randrange(3)
    if kind == 0:
        numbers = draw.value(lambda: tuple(draw.rng.sample(range(1, 100), draw.rng.randint(3, 5))))
        items = [str(number) for number in sorted(numbers)]
        prompt = draw.say(SORT_UP, items=listed(numbers))
    elif kind == 1:
        pool = draw.rng.choice((ANIMALS, FRUITS, NAMES))
        words = draw.value(lambda: tuple(draw.rng.sample(pool.seen, draw.rng.randint(3, 5))))
        items = sorted(words)
        prompt = draw.say(SORT_WORDS, items=listed(words))
    else:
        start, end = draw.value(lambda: ((start := draw.rng.randint(1, 80)), start + draw.rng.randint(2, 7)))
        items = [str(number) for number in range(start, end + 1)]
        prompt = draw.say(COUNT, a=start, b=end)
    turns = [prompt, listed(items)]
    for name in draw.rng.sample(list(FOLLOW_UPS), draw.rng.choice((1, 1, 2))):
        phrasings, answer = FOLLOW_UPS[name]
        turns += [draw.say(phrasings), answer(items)]
        if name in ("reverse", "remove"):
            items = items[::-1] if name == "reverse" else items[1:]
    return draw.dialogue(turns)


def correct_sum(draw: Draw) -> Example:
    """Ask for a sum, then for the one that was meant."""
    low, high = draw.value(lambda: tuple(sorted(draw.rng.sample(range(2, 99), 2))), is_basic)
    other = draw.rng.choice([number for number in range(low, 100) if not is_unseen((low, number))])
    if draw.rng.random() < 0.6:
        turns = [draw.say(PLUS, a=other, b=low), sum_in_steps(other, low)]
        meant, answer, result = f"{high} + {low}", sum_in_steps(high, low), high + low
    else:
        turns = [draw.say(MINUS, a=other, b=low), difference_in_steps(other, low)]
        meant, answer, result = f"{high} - {low}", difference_in_steps(high, low), high - low
    return draw.dialogue([*turns, draw.say(CORRECTIONS, question=meant), answer], ends_in_number(result))


TASKS: dict[Task, int] = {remember: 45, change: 12, follow_up: 28, correct_sum: 15}


def generate(rng: random.Random, split: Split) -> Example:
    """Draw one conversation of several turns."""
    return draw_from("conversation", TASKS, rng, split)
