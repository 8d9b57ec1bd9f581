"""What conflicts are about: sources that contradict each other, orders that do not fit, duties that collide."""

from __future__ import annotations

from typing import NamedTuple

Facts = tuple[tuple[str, str], ...]
"""What to keep in mind, and the word that names it."""


class Sources(NamedTuple):
    """Two of them say different things of the subject."""

    intros: tuple[str, ...]
    subject: str
    claims: tuple[tuple[str, str], ...]
    voices: tuple[str, ...]
    outs: tuple[str, ...]
    gaps: tuple[str, ...]
    facts: Facts


class Orders(NamedTuple):
    """Two people want the subject to be different things."""

    intros: tuple[str, ...]
    subject: str
    claims: tuple[tuple[str, str], ...]
    voices: tuple[str, ...]
    outs: tuple[str, ...]
    gaps: tuple[str, ...]
    facts: Facts


class Good(NamedTuple):
    said: str
    """As the asker says it."""
    word: str
    """What names it."""
    answered: str
    """As an answer says it."""


class Duties(NamedTuple):
    """Two goods, one of each camp, that cannot both be had."""

    intros: tuple[str, ...]
    subject: str
    camps: tuple[tuple[Good, ...], tuple[Good, ...]]
    outs: tuple[str, ...]
    gaps: tuple[str, ...]
    facts: Facts


Theme = Sources | Orders | Duties

WALK: Facts = (("We leave at noon.", "noon"), ("We have a dog with us.", "dog"), ("It may rain.", "rain"))
DUE: Facts = (
    ("The work is due on Monday.", "Monday"),
    ("The work is due on Friday.", "Friday"),
    ("The budget is small.", "budget"),
)
HOME: Facts = (("We have a baby.", "baby"), ("My mother lives with us.", "mother"), ("We have little money.", "money"))
BODY: Facts = (("I drive to work.", "work"), ("I am over sixty.", "sixty"), ("I sleep badly.", "sleep"))

THEMES: dict[str, Theme] = {
    "river crossing": Sources(
        ("We hike to the river.", "Our path crosses a river."),
        "bridge",
        (("open", "closed"), ("safe", "broken"), ("dry", "flooded")),
        ("map", "guide", "sign", "radio", "farmer"),
        ("the warden", "the ferry"),
        ("depth", "reason", "date"),
        WALK,
    ),
    "new pill": Sources(
        ("I have to take a new pill.", "My aunt gave me a pill."),
        "pill",
        (("safe", "risky"), ("strong", "weak"), ("old", "fresh")),
        ("label", "leaflet", "nurse", "website", "book"),
        ("the doctor", "the clinic"),
        ("dose", "maker", "date"),
        BODY,
    ),
    "last train": Sources(
        ("I need the last train home.", "We go to the city by train."),
        "train",
        (("late", "early"), ("full", "empty"), ("slow", "fast")),
        ("app", "poster", "driver", "clerk", "website"),
        ("the station", "the bus"),
        ("platform", "reason", "price"),
        WALK,
    ),
    "old well": Sources(
        ("We drink from an old well.", "The well gives us water."),
        "well",
        (("clean", "dirty"), ("deep", "shallow"), ("safe", "risky")),
        ("lab", "farmer", "report", "map", "plumber"),
        ("the council", "the expert"),
        ("cause", "method", "date"),
        HOME,
    ),
    "house sale": Sources(
        ("We want to buy a house.", "A house near us is for sale."),
        "roof",
        (("new", "old"), ("dry", "damp"), ("sound", "broken")),
        ("seller", "survey", "advert", "builder", "report"),
        ("the expert", "the council"),
        ("price", "date", "owner"),
        HOME,
    ),
    "open air feast": Sources(
        ("We plan a feast in the open.", "Our fair is in the open."),
        "evening",
        (("dry", "wet"), ("warm", "cold"), ("calm", "windy")),
        ("radio", "app", "farmer", "paper", "website"),
        ("the tent", "the hall"),
        ("wind", "time", "guests"),
        (("A band will play.", "band"), ("We have a baby.", "baby"), ("The budget is small.", "budget")),
    ),
    "report": Orders(
        ("I write a report at work.", "I was told to write a report."),
        "report",
        (("short", "full"), ("plain", "exact"), ("public", "secret")),
        ("boss", "client", "editor", "lawyer", "team"),
        ("a summary", "a draft"),
        ("format", "reason", "length"),
        DUE,
    ),
    "logo": Orders(
        ("I design a logo.", "I draw a logo for a shop."),
        "logo",
        (("plain", "bold"), ("red", "grey"), ("small", "large")),
        ("owner", "boss", "printer", "client"),
        ("a draft", "a vote", "a test"),
        ("price", "reason", "font"),
        DUE,
    ),
    "feast soup": Orders(
        ("I cook for a feast.", "I help to cook a feast."),
        "soup",
        (("hot", "mild"), ("thick", "thin"), ("salty", "plain")),
        ("host", "guest", "chef", "bride"),
        ("a sauce", "a vote", "a test"),
        ("guests", "reason", "time"),
        HOME,
    ),
    "shared office": Orders(
        ("Six of us share an office.", "We share one room at work."),
        "room",
        (("warm", "cool"), ("quiet", "lively"), ("dark", "bright")),
        ("boss", "team", "clerk", "intern"),
        ("a rota", "a screen", "a vote"),
        ("cost", "reason", "owner"),
        (("We have six desks.", "desks"), ("The budget is small.", "budget"), ("There is one lamp.", "lamp")),
    ),
    "school play": Orders(
        ("I write the school play.", "I lead the school play."),
        "play",
        (("sad", "funny"), ("long", "short"), ("old", "modern")),
        ("teacher", "mayor", "coach", "class"),
        ("a draft", "a vote", "a break"),
        ("date", "budget", "reason"),
        (("We have ten players.", "players"), ("The hall is small.", "hall"), ("The work is due on Friday.", "Friday")),
    ),
    "friend's secret": Duties(
        ("A friend told me a secret.", "I know a secret of a friend."),
        "secret",
        (
            (
                Good("I gave my promise.", "promise", "you gave a promise"),
                Good("Our trust is at stake.", "trust", "trust is at stake"),
            ),
            (
                Good("His wife has a right to the truth.", "truth", "his wife has a right to the truth"),
                Good("I cannot bear the lie.", "lie", "you cannot bear the lie"),
            ),
        ),
        ("a talk", "a pause", "a letter"),
        ("reason", "risk", "date"),
        (("We work side by side.", "work"), ("He has a baby.", "baby"), ("They marry in May.", "May")),
    ),
    "care at home": Duties(
        ("My father is ill.", "My father needs help all day."),
        "father",
        (
            (
                Good("He wants care at home.", "care", "he wants care at home"),
                Good("I gave him my word.", "word", "you gave him your word"),
            ),
            (
                Good("I cannot lose my job.", "job", "you cannot lose your job"),
                Good("My own health is going.", "health", "your own health is going"),
            ),
        ),
        ("a nurse", "a rota", "a talk"),
        ("cost", "cause", "rules"),
        HOME,
    ),
    "one seat": Duties(
        ("We have one seat left on the bus.", "There is one seat left in the car."),
        "seat",
        (
            (
                Good("The first to ask has a claim.", "claim", "the first to ask has a claim"),
                Good("Our guest has our promise.", "promise", "your guest has your promise"),
            ),
            (
                Good("The oldest has the most need.", "need", "the oldest has the most need"),
                Good("A child is very tired.", "child", "a child is very tired"),
            ),
        ),
        ("a taxi", "a vote", "a swap"),
        ("price", "time", "distance"),
        WALK,
    ),
    "fault at work": Duties(
        ("I found a fault in our product.", "I saw a fault at work."),
        "fault",
        (
            (
                Good("I owe my team loyalty.", "loyalty", "you owe your team loyalty"),
                Good("My job may be at risk.", "job", "your job may be at risk"),
            ),
            (
                Good("The buyers have a right to safety.", "safety", "the buyers have a right to safety"),
                Good("The law asks us to speak up.", "law", "the law asks you to speak up"),
            ),
        ),
        ("a test", "a report", "a lawyer"),
        ("cause", "cost", "batch"),
        (("We ship on Monday.", "Monday"), ("The boss is away.", "boss"), ("We have ten shops.", "shops")),
    ),
    "sick pet": Duties(
        ("Our old dog is ill.", "Our dog is very ill."),
        "dog",
        (
            (
                Good("We want to spare it pain.", "pain", "you want to spare it pain"),
                Good("The cost is more than we have.", "cost", "the cost is more than you have"),
            ),
            (
                Good("My son has not lost hope.", "hope", "your son has not lost hope"),
                Good("The doctor sees a small chance.", "chance", "the doctor sees a small chance"),
            ),
        ),
        ("a vet", "a loan", "a pause"),
        ("cause", "time", "risk"),
        HOME,
    ),
}
