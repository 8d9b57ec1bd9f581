"""Calibration: a question in two parts. The prompt answers one; the other lies ahead, is private, lost or was never
found out. Saying the first plainly matters as much as owning up to the second."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from pipeline.tasks.bank.problem import Problem, told, truth, variable
from pipeline.tasks.bank.wording import UNTOLD, together


class Theme(NamedTuple):
    intros: tuple[str, ...]
    known: tuple[str, ...]
    """Things that the asker can see, one of VALUES or COUNTED each."""
    open: tuple[str, ...]
    """Things that cannot be known."""
    linked: tuple[tuple[str, str], ...]
    """(known thing, open thing) that move together: a hint, not an answer."""


LEVELS = ("low", "high", "normal")
VALUES = {
    "colour": ("red", "green", "blue", "white", "black", "grey", "brown", "yellow"),
    "size": ("small", "large", "normal", "huge"),
    "day": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "metal": ("gold", "silver", "iron", "copper"),
    "mood": ("calm", "shy", "wild", "friendly"),
    "weight": LEVELS,
    "price": LEVELS,
    "cost": LEVELS,
    "stock": LEVELS,
    "height": LEVELS,
    "heat": LEVELS,
    "pay": LEVELS,
}
COUNTED = (
    "gates",
    "players",
    "rooms",
    "stoves",
    "moons",
    "sons",
    "towns",
    "pages",
    "cats",
    "parties",
    "nests",
    "seats",
)
COUNTS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")

THEMES = {
    "old coin": Theme(
        ("I found an old coin in a field.", "My aunt left me a coin."),
        ("metal", "size", "weight", "colour"),
        ("age", "price", "owner", "maker"),
        (("weight", "price"), ("size", "price")),
    ),
    "stray cat": Theme(
        ("A cat came to our door.", "A stray cat sleeps in my shed."),
        ("colour", "size", "weight", "mood"),
        ("age", "owner", "name", "home"),
        (("weight", "age"), ("size", "age")),
    ),
    "market stall": Theme(
        ("There is a new stall at the market.", "A woman sells fruit by the church."),
        ("day", "price", "colour", "size"),
        ("owner", "rent", "profit", "name"),
        (("size", "rent"), ("price", "profit")),
    ),
    "next match": Theme(
        ("Our team plays at home soon.", "A big match is coming up."),
        ("day", "price", "gates", "players"),
        ("score", "winner", "crowd", "weather"),
        (("price", "crowd"), ("gates", "crowd")),
    ),
    "coming winter": Theme(
        ("I plan for the coming winter.", "We store wood for the winter."),
        ("stock", "price", "rooms", "stoves"),
        ("weather", "snow", "storms", "demand"),
        (("price", "demand"), ("stock", "demand")),
    ),
    "sealed box": Theme(
        ("A sealed box stands in our hall.", "The post brought a box for a friend."),
        ("colour", "size", "weight", "day"),
        ("contents", "sender", "value", "reason"),
        (("weight", "value"), ("size", "value")),
    ),
    "new planet": Theme(
        ("A far planet was seen this year.", "I read about a new planet."),
        ("size", "colour", "moons", "heat"),
        ("age", "weather", "origin", "soil"),
        (("heat", "weather"), ("size", "age")),
    ),
    "old king": Theme(
        ("A stone in our town shows a king.", "We dug up the grave of a king."),
        ("sons", "towns", "metal", "size"),
        ("name", "age", "home", "fate"),
        (("size", "age"),),
    ),
    "lost letter": Theme(
        ("I found a letter in an old book.", "A letter lay under our floor."),
        ("pages", "colour", "day", "size"),
        ("sender", "age", "reason", "name"),
        (("colour", "age"),),
    ),
    "new people": Theme(
        ("New people moved in next door.", "A family rents the flat above us."),
        ("rooms", "cats", "day", "mood"),
        ("plans", "rent", "reason", "income"),
        (("rooms", "rent"), ("rooms", "income")),
    ),
    "village vote": Theme(
        ("Our village votes on a new road.", "There is a vote on the school soon."),
        ("day", "parties", "cost", "rooms"),
        ("result", "winner", "crowd", "reason"),
        (("cost", "result"), ("cost", "crowd")),
    ),
    "old tree": Theme(
        ("A great tree stands on our land.", "There is an old tree by the pond."),
        ("height", "size", "colour", "nests"),
        ("age", "owner", "planter", "value"),
        (("size", "age"), ("height", "age")),
    ),
    "used boat": Theme(
        ("I may buy a used boat.", "A man offers me his boat."),
        ("colour", "seats", "price", "size"),
        ("age", "reason", "owner", "speed"),
        (("price", "age"), ("size", "speed")),
    ),
    "new job": Theme(
        ("I was offered a new job.", "My sister starts a new job."),
        ("day", "pay", "rooms", "size"),
        ("plans", "rules", "reason", "boss"),
        (("size", "rules"),),
    ),
}

IS = ("The {} is {}.", "I saw that the {} is {}.", "I know the {} is {}.", "As for the {}, it is {}.")
ARE = ("There are {} {}.", "I counted {} {}.", "I know of {} {}.", "I heard of {} {}.")
QUESTIONS = (
    "What can you say about the {} and the {}?",
    "Please tell me about the {} and the {}.",
    "I would like to know the {} and the {}.",
    "What do we know about the {} and the {}?",
    "I need the {} and the {} for a form.",
    "What about the {} and the {}?",
    "My son asks about the {} and the {}.",
)
CUED = 0.75
"""Share of prompts that say outright what is not known; in the others nothing at all is said of it."""


def draw(name: str, random: Random) -> Problem:
    theme = THEMES[name]
    values: dict[str, str] = {}
    for thing in random.sample(theme.known, 3):
        values[thing] = random.choice([value for value in VALUES.get(thing, COUNTS) if value not in values.values()])
    gap = random.choice(theme.open)
    asked = random.choice(sorted(values))
    pairs = [pair for pair in theme.linked if pair[0] in values and pair[1] == gap]
    groups = [list(random.choice(pairs))] if pairs and random.random() < 0.7 else []
    facts = [
        random.choice(ARE).format(value, thing) if thing in COUNTED else random.choice(IS).format(thing, value)
        for thing, value in values.items()
    ]
    hints = [together(random, group) for group in groups]
    cue = random.choice(UNTOLD).format(gap) if random.random() < CUED else ""
    return Problem(
        "calibration",
        name,
        told(random.choice(theme.intros), *facts, *hints, cue, random.choice(QUESTIONS).format(asked, gap)),
        truth(
            variables=[variable(thing, value) for thing, value in values.items()],
            groups=groups,
            unknown=[gap],
            answer=[values[asked]],
            request=[asked, gap],
        ),
    )
