"""What the demo model knows about words by heart."""

from __future__ import annotations


def _pairs(lines: str) -> dict[str, str]:
    """Read pairs separated by commas, each written left=right."""
    return dict(pair.strip().split("=") for pair in lines.replace("\n", " ").split(","))


OPPOSITES = _pairs("""
    hot=cold, big=small, tall=short, fast=slow, happy=sad, young=old, light=dark, day=night, up=down,
    left=right, open=closed, full=empty, hard=soft, wet=dry, clean=dirty, rich=poor, strong=weak, early=late,
    near=far, high=low, good=bad, easy=difficult, true=false, loud=quiet, heavy=light, thick=thin, wide=narrow,
    deep=shallow, sweet=sour, sharp=blunt, brave=cowardly, polite=rude, cheap=expensive, safe=dangerous,
    begin=end, buy=sell, give=take, win=lose, push=pull, love=hate, laugh=cry, always=never, above=below,
    inside=outside, before=after, first=last, same=different, alive=dead, awake=asleep, black=white, yes=no,
    north=south, east=west, summer=winter, front=back, top=bottom, arrive=leave, remember=forget, find=lose,
    friend=enemy, more=less, many=few, right=wrong, smooth=rough, tight=loose, public=private, ancient=modern,
    simple=complex, war=peace, question=answer, borrow=lend, rise=fall, accept=refuse, increase=decrease,
    success=failure, maximum=minimum
""")
PLURALS = _pairs("""
    cat=cats, dog=dogs, book=books, car=cars, tree=trees, house=houses, apple=apples, bird=birds,
    child=children, man=men, woman=women, mouse=mice, foot=feet, tooth=teeth, goose=geese, person=people,
    box=boxes, bus=buses, fox=foxes, wish=wishes, dish=dishes, glass=glasses, church=churches, city=cities,
    baby=babies, lady=ladies, story=stories, party=parties, country=countries, berry=berries, leaf=leaves,
    knife=knives, wolf=wolves, life=lives, wife=wives, half=halves, shelf=shelves, loaf=loaves, potato=potatoes,
    tomato=tomatoes, hero=heroes, sheep=sheep, fish=fish, deer=deer, key=keys, day=days, boy=boys, toy=toys,
    ox=oxen, table=tables, chair=chairs, hand=hands, watch=watches, brush=brushes, class=classes, kiss=kisses
""")
PAST = _pairs("""
    go=went, see=saw, eat=ate, run=ran, come=came, give=gave, take=took, make=made, find=found, know=knew,
    think=thought, buy=bought, bring=brought, teach=taught, catch=caught, write=wrote, drive=drove, ride=rode,
    speak=spoke, break=broke, sing=sang, swim=swam, drink=drank, begin=began, sleep=slept, keep=kept, feel=felt,
    leave=left, meet=met, sell=sold, tell=told, say=said, hear=heard, hold=held, stand=stood, win=won,
    lose=lost, send=sent, build=built, spend=spent, fly=flew, grow=grew, throw=threw, draw=drew, wear=wore,
    forget=forgot, choose=chose, fall=fell, read=read, put=put, cut=cut, walk=walked, play=played, work=worked,
    help=helped, look=looked, jump=jumped, open=opened, ask=asked, call=called, like=liked, love=loved,
    dance=danced, live=lived, carry=carried, try=tried, stop=stopped
""")
COLOURS_OF = _pairs("""
    the sky=blue, grass=green, snow=white, coal=black, blood=red, a lemon=yellow, a banana=yellow, the
    sun=yellow, a carrot=orange, a ripe tomato=red, a polar bear=white, chocolate=brown, milk=white, a leaf in
    summer=green, a strawberry=red, an elephant=grey, a flamingo=pink, a raven=black, gold=yellow, a frog=green,
    an orange=orange, a ripe cherry=red, salt=white, tar=black, a lion=brown, the ocean=blue, a fire engine=red,
    a cucumber=green, a blueberry=blue, a crow=black, a swan=white, spinach=green
""")
YOUNG = _pairs("""
    dog=puppy, cat=kitten, cow=calf, horse=foal, sheep=lamb, pig=piglet, duck=duckling, hen=chick, goat=kid,
    bear=cub, lion=cub, frog=tadpole, swan=cygnet, goose=gosling, deer=fawn, kangaroo=joey, seal=pup,
    eagle=eaglet, owl=owlet
""")
SOUNDS = _pairs("""
    dog=barks, cat=meows, cow=moos, sheep=bleats, pig=grunts, duck=quacks, horse=neighs, lion=roars, wolf=howls,
    bee=buzzes, snake=hisses, owl=hoots, frog=croaks, mouse=squeaks, donkey=brays, bird=sings, hen=clucks,
    elephant=trumpets
""")
RHYMES = _pairs("""
    cat=hat, dog=fog, house=mouse, tree=bee, star=car, moon=spoon, night=light, day=play, cake=lake, rain=train,
    bear=chair, king=ring, ball=wall, book=cook, fish=dish, snow=crow, sun=fun, boat=coat, bed=red, pen=hen,
    fox=box, frog=log, nose=rose, sand=hand, bell=well, goat=boat, sea=tea, time=lime, clock=rock, bread=head,
    face=race, fire=wire, gold=cold, hill=mill, mice=rice, song=long, town=crown
""")
LANGUAGES = ("Spanish", "French", "German")
TRANSLATIONS = {
    words.split()[0].replace("_", " "): dict(zip(LANGUAGES, words.split()[1:], strict=True))
    for words in """
    hello hola bonjour hallo
    yes sí oui ja
    no no non nein
    please por_favor s'il_vous_plaît bitte
    thank_you gracias merci danke
    good_morning buenos_días bonjour guten_Morgen
    good_night buenas_noches bonne_nuit gute_Nacht
    goodbye adiós au_revoir auf_Wiedersehen
    water agua eau Wasser
    bread pan pain Brot
    milk leche lait Milch
    wine vino vin Wein
    cheese queso fromage Käse
    apple manzana pomme Apfel
    egg huevo œuf Ei
    fish pescado poisson Fisch
    meat carne viande Fleisch
    salt sal sel Salz
    sugar azúcar sucre Zucker
    coffee café café Kaffee
    tea té thé Tee
    house casa maison Haus
    door puerta porte Tür
    window ventana fenêtre Fenster
    table mesa table Tisch
    chair silla chaise Stuhl
    bed cama lit Bett
    book libro livre Buch
    letter carta lettre Brief
    city ciudad ville Stadt
    street calle rue Straße
    school escuela école Schule
    church iglesia église Kirche
    car coche voiture Auto
    train tren train Zug
    ship barco bateau Schiff
    dog perro chien Hund
    cat gato chat Katze
    horse caballo cheval Pferd
    bird pájaro oiseau Vogel
    cow vaca vache Kuh
    mouse ratón souris Maus
    tree árbol arbre Baum
    flower flor fleur Blume
    sun sol soleil Sonne
    moon luna lune Mond
    star estrella étoile Stern
    sky cielo ciel Himmel
    rain lluvia pluie Regen
    snow nieve neige Schnee
    fire fuego feu Feuer
    sea mar mer Meer
    mountain montaña montagne Berg
    river río rivière Fluss
    man hombre homme Mann
    woman mujer femme Frau
    child niño enfant Kind
    mother madre mère Mutter
    father padre père Vater
    brother hermano frère Bruder
    sister hermana sœur Schwester
    friend amigo ami Freund
    day día jour Tag
    night noche nuit Nacht
    week semana semaine Woche
    month mes mois Monat
    year año année Jahr
    hand mano main Hand
    head cabeza tête Kopf
    eye ojo œil Auge
    heart corazón cœur Herz
    red rojo rouge rot
    blue azul bleu blau
    green verde vert grün
    yellow amarillo jaune gelb
    white blanco blanc weiß
    black negro noir schwarz
    one uno un eins
    two dos deux zwei
    three tres trois drei
    four cuatro quatre vier
    five cinco cinq fünf
    ten diez dix zehn
    big grande grand groß
    small pequeño petit klein
    good bueno bon gut
    bad malo mauvais schlecht
    new nuevo nouveau neu
    old viejo vieux alt
    """.strip().splitlines()
}
SPELLED = [
    "cat",
    "dog",
    "sun",
    "moon",
    "tree",
    "book",
    "fish",
    "bird",
    "milk",
    "rain",
    "snow",
    "star",
    "lamp",
    "door",
    "hand",
    "foot",
    "ball",
    "cake",
    "ring",
    "king",
    "ship",
    "boat",
    "train",
    "horse",
    "house",
    "mouse",
    "apple",
    "bread",
    "water",
    "table",
    "chair",
    "green",
    "black",
    "white",
    "happy",
    "tiger",
    "zebra",
    "lemon",
    "grape",
    "peach",
    "river",
    "ocean",
    "robot",
    "music",
    "paper",
    "pencil",
    "garden",
    "winter",
    "summer",
    "spring",
    "autumn",
    "monkey",
    "rabbit",
    "turtle",
    "flower",
    "window",
    "school",
    "doctor",
    "friend",
    "yellow",
    "orange",
    "banana",
    "cherry",
    "butter",
    "cheese",
    "coffee",
    "planet",
    "rocket",
    "castle",
    "bridge",
    "forest",
    "island",
    "market",
    "kitchen",
    "teacher",
    "bicycle",
    "elephant",
    "mountain",
    "computer",
    "language",
    "sandwich",
    "umbrella",
    "python",
    "helix",
    "token",
    "hello",
    "world",
    "cup",
    "pen",
    "key",
    "map",
    "egg",
    "bee",
    "ant",
    "owl",
    "fox",
    "cow",
    "pig",
    "hen",
    "duck",
    "bear",
    "wolf",
    "lion",
    "frog",
    "desk",
    "bed",
    "cold",
    "warm",
    "fast",
    "slow",
    "red",
    "blue",
    "pink",
    "one",
    "two",
    "three",
    "seven",
    "eight",
    "love",
    "hope",
    "time",
    "year",
    "day",
    "night",
]
SENTENCES_WITH = _pairs("""
    apple=She ate a red apple., dog=The dog runs in the park., cat=The cat sleeps on the bed., book=He reads a
    book every night., tree=The tree is very tall., rain=The rain fell all day., sun=The sun is bright today.,
    moon=The moon shines at night., car=My father has a blue car., school=The children walk to school.,
    teacher=The teacher writes on the board., river=The river flows to the sea., mountain=We climbed a high
    mountain., friend=My friend lives next door., house=They live in a small house., garden=Flowers grow in the
    garden., bread=The baker sells fresh bread., water=I drink a glass of water., train=The train arrives at
    noon., bird=A bird sings in the tree., fish=The fish swims in the lake., music=They listen to music in the
    evening., window=Please open the window., door=Somebody knocked at the door., letter=She wrote a long
    letter., winter=It is cold in winter., summer=We swim in the lake in summer., happy=The boy is happy today.,
    sad=The girl was sad without her cat., blue=The sky is blue., green=The grass is green., red=He wears a red
    hat., fast=The horse is very fast., slow=The snail is slow., quickly=She ran home quickly., jump=Frogs can
    jump far., sing=The children sing a song., dance=They dance at the party., cook=My mother can cook well.,
    write=I write a letter to my friend., read=We read the story together., play=The boys play in the yard.,
    computer=He works at his computer., city=The city never sleeps., island=The island is full of palms.,
    king=The king lives in a castle., queen=The queen wears a crown., clock=The clock strikes twelve., bridge=We
    walked over the bridge., bicycle=He rides his bicycle to work., flower=She picked a flower., kitchen=Dinner
    is ready in the kitchen., star=A star fell from the sky., snow=The snow is white and soft., ship=The ship
    sails across the sea., coffee=He drinks coffee in the morning.
""")
PROVERBS = dict(
    line.strip().split(" / ")
    for line in """
    An apple a day / keeps the doctor away.
    Actions speak / louder than words.
    All that glitters / is not gold.
    Better late / than never.
    Birds of a feather / flock together.
    Don't count your chickens / before they hatch.
    Don't judge a book / by its cover.
    Every cloud has / a silver lining.
    Honesty is / the best policy.
    Practice makes / perfect.
    Rome was not built / in a day.
    The early bird / catches the worm.
    Time is / money.
    Two heads are / better than one.
    When in Rome, / do as the Romans do.
    Where there is a will, / there is a way.
    Where there is smoke, / there is fire.
    You can't teach an old dog / new tricks.
    A picture is worth / a thousand words.
    A friend in need / is a friend indeed.
    Curiosity killed / the cat.
    Easy come, / easy go.
    Look before / you leap.
    No pain, / no gain.
    Out of sight, / out of mind.
    The pen is mightier / than the sword.
    Too many cooks / spoil the broth.
    When the cat's away, / the mice will play.
    A stitch in time / saves nine.
    Haste makes / waste.
    Still waters / run deep.
    Many hands / make light work.
    """.strip().splitlines()
)


def translation(word: str, language: str) -> str:
    """Return a known word in one of LANGUAGES."""
    return TRANSLATIONS[word][language].replace("_", " ")
