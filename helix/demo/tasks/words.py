"""Words that the tasks are about."""

from __future__ import annotations

from helix.demo.tasks.draw import Pool

NAMES = Pool(
    """
    Ada Ben Clara David Emma Felix Grace Hugo Iris Jack Kira Leo Mia Noah Olga Paul Rosa Sam Tina Victor Wendy Yara
    Zoe Adam Bella Carl Diana Eric Fiona George Hanna Ivan Julia Karl Laura Max Nina Oscar Petra Quinn Rita Simon
    Tara Uma Vera Will Xenia Yusuf Alice Bruno Chloe Daniel Elena Frank Gina Henry Ida Jonas Kate Liam Maria Nora
    Otto Peter Ruth Sofia Tom Ursula Vincent Walter Anna Boris Cora Dora Emil Flora Greta Helen Isaac Jana Kim Lina
    Marco Nadia Omar Pia Ralf Sara Theo Viola Willa Amir Bianca Cesar Dina Edgar Freya Gustav Heidi Igor Jasper Lars
    Mira Nils Olivia Pablo Robin Stella Tim Vlad Wanda Yuki Zack Amy Bob Eva Fred Gwen Lucy Mark Rachel
""",
    common="Ada Mira Max Luna Otto Pia Tim Nora Rosa Hugo Dora Leo Emil Theo Paul Freya Bob Igor Wanda Walter Alice "
    "Clara Karl Nils Zoe Ida Ben Helen Pablo",
    are_names=True,
)
PETS = Pool(
    """
    Rex Luna Milo Bella Coco Rocky Daisy Simba Nala Oreo Charlie Toby Ruby Lucky Max Misty Pepper Shadow Biscuit
    Ginger
    """,
    are_names=True,
)
TOWNS = Pool(
    """
    Paris London Berlin Madrid Rome Vienna Oslo Lisbon Athens Dublin Prague Warsaw Tokyo Cairo Delhi Lima Boston
    Chicago Denver Seattle Toronto Sydney Milan Munich Hamburg Lyon Porto Seville Krakow Geneva Zurich Bergen
    Helsinki Stockholm Copenhagen Brussels Amsterdam Budapest Istanbul Moscow Beijing Seoul Mumbai Bangkok Hanoi
    Nairobi Lagos Havana Bogota Quito Santiago Dallas Austin Miami Atlanta Phoenix Vancouver Montreal Melbourne
    Auckland Naples Venice Florence Valencia Dresden Leipzig Bristol Oxford York Glasgow Edinburgh Cardiff Belfast
    Riga Sofia Zagreb
""",
    common="Paris London Berlin Madrid Rome Tokyo Cairo",
    are_names=True,
)
COMPANIES = Pool(
    """
    Acme Globex Initech Umbra Vertex Nimbus Zenith Orion Quantix Helios Borealis Lumina Stratos Pinnacle Cobalt
    Aurora Meridian Falcon Sterling Horizon Atlas Cascade Ember Granite Harbor Summit
    """,
    are_names=True,
)
COLOURS = Pool("red blue green yellow black white brown pink purple orange grey golden silver")
ANIMALS = Pool("""
    cat dog fox bear horse cow sheep goat pig rabbit mouse lion tiger wolf owl duck hen frog snail bee ant crow deer
    donkey camel monkey parrot penguin seal whale turtle spider beaver otter
""")
FRUITS = Pool("""
    apple, pear, plum, peach, cherry, grape, lemon, orange, banana, mango, melon, fig, kiwi, lime, apricot, berry,
    date, papaya
""")
THINGS = Pool("""
    book pen lamp chair table cup plate spoon bottle bag box key clock phone coat hat shoe ball kite drum bell coin
    map stone ring brush candle mirror basket blanket pillow ladder hammer bucket rope wheel umbrella radio camera
    guitar
""")
PRODUCTS = Pool("""
    pencils, notebooks, chairs, lamps, mugs, batteries, cables, books, shirts, towels, candles, bottles, boxes,
    pens, folders, keyboards, headphones, plates, glasses, pillows, blankets, baskets, clocks, stickers, bags,
    envelopes
""")
GOODS = Pool("""
    apples, pears, marbles, stickers, coins, books, stamps, shells, cookies, pencils, balloons, cards, buttons,
    nuts, eggs, flowers, toys, stones, lemons, plums, beads, tickets, cups, keys
""")
PLACES = Pool("""
    garden kitchen park house school shop forest station market library office hall barn tower castle hotel museum
    stable cellar church hut
""")
JOBS = Pool("""
    teacher, doctor, baker, farmer, pilot, nurse, painter, writer, driver, cook, lawyer, engineer, gardener, singer,
    plumber, tailor, dentist, judge, sailor, builder, carpenter, librarian, mechanic, waiter
""")
HOBBIES = Pool("""
    chess, swimming, painting, dancing, cooking, reading, hiking, running, singing, fishing, gardening, cycling,
    skating, sailing, climbing, tennis, football, photography
""")
FOODS = Pool("""
    pizza, soup, rice, pasta, bread, cheese, salad, curry, pancakes, noodles, tacos, dumplings, sushi, stew,
    waffles, pie
""")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
EVENTS = Pool("""
    meeting, concert, workshop, party, lecture, picnic, exam, wedding, match, interview, lunch, dinner, tour,
    review, rehearsal, training, auction, festival, seminar, race
""")
IDENTIFIERS = Pool("""
    total count value result items numbers words text name index size limit price amount score level rate speed
    width height depth length weight data rows lines parts pairs keys names prices scores values entries records
    sums left right first second third start end low high step point node item entry record row line letter word
    number digit part pair key queue stack buffer table cache users orders tasks files pages points tokens steps
    answer output source target current best found seen kept small large city user order task file page label title
    color
""")
VERBS = Pool("""
    get make find read load check build count parse send show sort join split merge clean update compute print add
""")
NOUNS = Pool("""
    total list name order user file page report price score table word line value item task message image account
    label
""")


def an(noun: str) -> str:
    """Return the noun with its indefinite article."""
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def join_words(words: list[str]) -> str:
    """Return words as an English enumeration: a, b and c."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
