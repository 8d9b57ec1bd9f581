"""Complexity: six or seven things that matter at once, some of which move together, one of them unmeasured and
only one in the asker's hands. The way through is to group, to start with what can be changed and to name the gap."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from pipeline.tasks.bank.problem import Problem, told, truth, variable
from pipeline.tasks.bank.wording import NUMBERS, UNMEASURED, listed, sentence, together


class Theme(NamedTuple):
    intros: tuple[str, ...]
    goal: str
    clusters: tuple[tuple[str, ...], ...]
    """Things that sensibly move together."""
    levers: tuple[str, ...]
    """Those of them that a person can change."""


THEMES = {
    "garden": Theme(
        ("I keep a garden behind the house.", "My garden did badly this year."),
        "harvest",
        (("water", "weeds", "mud"), ("compost", "worms", "roots"), ("seed", "labour", "cost")),
        ("water", "compost", "seed", "labour"),
    ),
    "bakery": Theme(
        ("I run a small bakery.", "Our bakery loses money."),
        "bread",
        (("heat", "crust", "smoke"), ("flour", "price", "waste"), ("queue", "staff", "noise")),
        ("heat", "flour", "price", "staff"),
    ),
    "clinic": Theme(
        ("Our clinic is always full.", "I lead a small clinic."),
        "clinic",
        (("queue", "staff", "noise"), ("tests", "paper", "cost"), ("cold", "fever", "beds")),
        ("staff", "tests", "paper", "beds"),
    ),
    "school": Theme(
        ("I teach at a village school.", "My class is falling behind."),
        "class",
        (("sleep", "mood", "marks"), ("crowd", "noise", "heat"), ("books", "cost", "staff")),
        ("noise", "heat", "books", "staff"),
    ),
    "bus line": Theme(
        ("I plan the bus line in our town.", "Our bus is late every day."),
        "route",
        (("traffic", "delay", "stops"), ("fuel", "cost", "fares"), ("rain", "crowd", "noise")),
        ("stops", "fuel", "fares"),
    ),
    "dairy farm": Theme(
        ("We keep nine cows on a small farm.", "My farm sells milk."),
        "herd",
        (("feed", "milk", "weight"), ("rain", "grass", "mud"), ("price", "cost", "labour")),
        ("feed", "price", "labour"),
    ),
    "beehive": Theme(
        ("I keep bees on the hill.", "My bees are weak this spring."),
        "hive",
        (("sun", "flowers", "honey"), ("cold", "damp", "mould"), ("sugar", "cost", "labour")),
        ("flowers", "damp", "sugar", "labour"),
    ),
    "old house": Theme(
        ("We live in an old house.", "Our old house is hard to heat."),
        "house",
        (("wind", "cold", "damp"), ("fuel", "smoke", "cost"), ("sun", "light", "heat")),
        ("damp", "fuel", "light", "heat"),
    ),
    "corner shop": Theme(
        ("I own a corner shop.", "My shop is doing worse than last year."),
        "shop",
        (("price", "demand", "stock"), ("staff", "hours", "cost"), ("rain", "mud", "dust")),
        ("price", "stock", "staff", "hours"),
    ),
    "water mill": Theme(
        ("We run an old water mill.", "The mill by the river is in my care."),
        "mill",
        (("rain", "flow", "mud"), ("power", "speed", "noise"), ("grain", "flour", "price")),
        ("power", "speed", "grain", "price"),
    ),
    "software": Theme(
        ("My team builds software for banks.", "Our software team is behind plan."),
        "release",
        (("size", "cost", "delay"), ("stress", "errors", "hours"), ("tools", "tests", "speed")),
        ("size", "hours", "tools", "tests"),
    ),
    "theatre": Theme(
        ("Our theatre opens a new play.", "I run the town theatre."),
        "show",
        (("crowd", "noise", "heat"), ("price", "seats", "sales"), ("stress", "errors", "hours")),
        ("heat", "price", "seats", "hours"),
    ),
    "running": Theme(
        ("I train for a long run.", "My times got worse this month."),
        "race",
        (("sleep", "mood", "speed"), ("food", "weight", "water"), ("heat", "sweat", "dust")),
        ("sleep", "speed", "food", "water"),
    ),
    "restaurant": Theme(
        ("I cook in a small restaurant.", "Our kitchen is too slow at night."),
        "kitchen",
        (("heat", "smoke", "sweat"), ("food", "price", "waste"), ("queue", "staff", "noise")),
        ("heat", "food", "price", "staff"),
    ),
    "fishing boat": Theme(
        ("We fish from a small boat.", "My boat comes home half empty."),
        "catch",
        (("wind", "waves", "noise"), ("fuel", "speed", "cost"), ("ice", "weight", "stock")),
        ("fuel", "speed", "ice", "stock"),
    ),
    "library": Theme(
        ("I run the library of our town.", "Fewer people come to our library."),
        "library",
        (("crowd", "noise", "queue"), ("books", "cost", "staff"), ("sun", "light", "heat")),
        ("noise", "books", "staff", "light"),
    ),
}

COUNTED = (
    "{n} things matter: {all}.",
    "{n} things play a part: {all}.",
    "I have to watch {n} things: {all}.",
    "These {n} count: {all}.",
    "We keep an eye on {all}.",
    "It all depends on {all}.",
    "There is a lot to weigh: {all}.",
    "My notes name {n} things: {all}.",
    "A lot comes together: {all}.",
    "I try to follow {all}.",
)
IN_HAND = (
    "We can only change the {}.",
    "Only the {} can be changed now.",
    "All we can change is the {}.",
    "This week I can only work on the {}.",
    "My one free choice is the {}.",
    "For now we may touch only the {}.",
    "I have a say in just the {}.",
    "There is money to change only the {}.",
)
QUESTIONS = (
    "What should come first for the {}?",
    "How do I help the {}?",
    "Where do we start with the {}?",
    "What can be done for the {}?",
    "How do we improve the {}?",
    "Which step is best for the {}?",
    "What is a good plan for the {}?",
)


def draw(name: str, random: Random) -> Problem:
    theme = THEMES[name]
    lever = random.choice(theme.levers)
    first = next(cluster for cluster in theme.clusters if lever in cluster)
    second, rest = random.sample([cluster for cluster in theme.clusters if cluster is not first], 2)
    mates = random.sample([thing for thing in first if thing != lever], random.choice((1, 1, 2)))
    alone = random.sample(rest, 1 if len(mates) == 2 and random.random() < 0.5 else 2)
    groups = [[lever, *mates], random.sample(second, 2)]
    gap = random.choice(alone)
    names = [*groups[0], *groups[1], *alone]
    random.shuffle(names)
    groups = [sorted(group, key=names.index) for group in groups]

    middle = [
        *(together(random, group) for group in groups),
        random.choice(UNMEASURED).format(gap),
        random.choice(IN_HAND).format(lever),
    ]
    random.shuffle(middle)
    counted = random.choice(COUNTED).format(n=NUMBERS[len(names)], all=listed(names))
    messages = told(
        random.choice(theme.intros), sentence(counted), *middle, random.choice(QUESTIONS).format(theme.goal)
    )
    return Problem(
        "complexity",
        name,
        messages,
        truth(
            variables=[variable(name) for name in names],
            groups=groups,
            unknown=[gap],
            answer=[lever],
            request=[theme.goal],
        ),
    )
