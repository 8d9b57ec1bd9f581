"""Dialogue: facts dropped over three to five turns, often one of them put right later; the last turn asks for
something that must honour them all. Tests that nothing is forgotten."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from typing import NamedTuple

from pipeline.tasks.bank.problem import Problem, told, truth
from pipeline.tasks.bank.wording import UNTOLD
from pipeline.tasks.records import Conflict, Message, Variable


class Fact(NamedTuple):
    said: str
    word: str
    """What names it."""
    kept: str
    """How to say that it is kept in mind; completes `with ...`."""


class Slot(NamedTuple):
    """A fact with one value out of several, which may be put right later."""

    word: str
    values: tuple[str, ...]


class Theme(NamedTuple):
    intros: tuple[str, ...]
    goal: str
    pool: tuple[Fact, ...]
    slot: Slot
    gaps: tuple[str, ...]


GUESTS = (
    Fact("My sister eats no nuts.", "nuts", "no nuts"),
    Fact("Two of us eat no meat.", "meat", "no meat"),
    Fact("My father cannot climb stairs.", "stairs", "no stairs"),
    Fact("My aunt brings her dog.", "dog", "room for the dog"),
    Fact("There will be a baby.", "baby", "a place for the baby"),
    Fact("My uncle comes by train.", "train", "time for the train"),
    Fact("Our budget is small.", "budget", "the small budget"),
    Fact("The kids get bored fast.", "kids", "games for the kids"),
    Fact("It may rain that day.", "rain", "cover from the rain"),
    Fact("My mother hates noise.", "noise", "little noise"),
)
ROAD = (
    Fact("We have no car.", "car", "no car"),
    Fact("My aunt brings her dog.", "dog", "room for the dog"),
    Fact("My father cannot walk far.", "walk", "a short walk"),
    Fact("Two of us eat no meat.", "meat", "no meat"),
    Fact("It may rain that day.", "rain", "cover from the rain"),
    Fact("I have to be home by dark.", "dark", "a return before dark"),
    Fact("We carry a heavy bag.", "bag", "care for the bag"),
    Fact("Our budget is small.", "budget", "the small budget"),
    Fact("My friend speaks only French.", "French", "help in French"),
    Fact("The kids get bored fast.", "kids", "games for the kids"),
)
ROOMS = (
    Fact("We have a cat.", "cat", "care for the cat"),
    Fact("The stairs are narrow.", "stairs", "the narrow stairs"),
    Fact("The lift is broken.", "lift", "no lift"),
    Fact("My mother hates noise.", "noise", "little noise"),
    Fact("Our budget is small.", "budget", "the small budget"),
    Fact("I have only one free day.", "day", "one free day"),
    Fact("The piano must not get wet.", "piano", "a dry piano"),
    Fact("I have a bad back.", "back", "care for my back"),
    Fact("A neighbour lends us tools.", "tools", "borrowed tools"),
    Fact("There will be a baby.", "baby", "a place for the baby"),
)
STUDY = (
    Fact("I work at night.", "night", "nothing at night"),
    Fact("I learn best with pictures.", "pictures", "many pictures"),
    Fact("I have no desk.", "desk", "no desk"),
    Fact("My phone takes my time.", "phone", "no phone"),
    Fact("A friend learns with me.", "friend", "a friend beside you"),
    Fact("I forget new words.", "words", "a list of words"),
    Fact("Our budget is small.", "budget", "the small budget"),
    Fact("I get tired after lunch.", "lunch", "rest after lunch"),
    Fact("My room is full of noise.", "noise", "little noise"),
    Fact("I cannot sit for long.", "sit", "short times to sit"),
)
DAYS = Slot("day", ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"))
MONTHS = Slot("month", ("March", "April", "May", "June", "July", "August"))
ROOMY = Slot("place", ("the garden", "the hall", "the park", "the school", "the church", "the barn"))
FAR = Slot("place", ("the coast", "the lake", "the city", "the valley", "the forest", "the island"))
CLOSE = {"weather": "rain"}
"""What would say too much of what is not known."""
TIMES = Slot("time", ("the morning", "the afternoon", "the evening"))

THEMES = {
    "family dinner": Theme(
        ("I give a dinner for my family.", "We plan a big dinner."),
        "dinner",
        GUESTS,
        DAYS,
        ("budget", "guests", "time"),
    ),
    "birthday": Theme(
        ("My son has his birthday soon.", "We plan a birthday party."),
        "party",
        GUESTS,
        ROOMY,
        ("guests", "theme", "gift"),
    ),
    "wedding": Theme(
        ("My sister gets married.", "We prepare a small wedding."),
        "wedding",
        GUESTS,
        MONTHS,
        ("guests", "band", "time"),
    ),
    "street fair": Theme(
        ("Our street holds a fair.", "I help with the street fair."),
        "fair",
        GUESTS,
        ROOMY,
        ("food", "permit", "cost"),
    ),
    "picnic": Theme(
        ("We plan a picnic for the club.", "I want to hold a picnic."),
        "picnic",
        GUESTS,
        FAR,
        ("weather", "food", "time"),
    ),
    "day trip": Theme(
        ("We go on a trip for a day.", "I plan a day trip."),
        "trip",
        ROAD,
        FAR,
        ("weather", "price", "route"),
    ),
    "long hike": Theme(
        ("We go on a long hike.", "I plan a hike with friends."),
        "hike",
        ROAD,
        DAYS,
        ("weather", "route", "food"),
    ),
    "choir tour": Theme(
        ("Our choir goes on tour.", "I plan the tour of our choir."),
        "tour",
        ROAD,
        MONTHS,
        ("price", "weather", "hotel"),
    ),
    "city visit": Theme(
        ("A friend comes to visit us.", "I show a friend our city."),
        "visit",
        ROAD,
        TIMES,
        ("weather", "hotel", "price"),
    ),
    "moving house": Theme(
        ("We move to a new flat.", "I have to move next month."),
        "move",
        ROOMS,
        DAYS,
        ("cost", "van", "parking"),
    ),
    "new kitchen": Theme(
        ("We build a new kitchen.", "Our kitchen will be made new."),
        "kitchen",
        ROOMS,
        MONTHS,
        ("cost", "colour", "permit"),
    ),
    "concert at home": Theme(
        ("We hold a concert at home.", "I give a concert for friends."),
        "concert",
        ROOMS,
        TIMES,
        ("guests", "cost", "weather"),
    ),
    "learning Spanish": Theme(
        ("I want to learn Spanish.", "I started to learn Spanish."),
        "lessons",
        STUDY,
        TIMES,
        ("cost", "level", "date"),
    ),
    "driving test": Theme(
        ("I study for my driving test.", "My driving test comes soon."),
        "test",
        STUDY,
        DAYS,
        ("questions", "cost", "place"),
    ),
    "night school": Theme(
        ("I go to night school.", "I start at a night school."),
        "course",
        STUDY,
        MONTHS,
        ("level", "cost", "teacher"),
    ),
}

FIRST = ("It is set for {}.", "I have {} in mind.", "So far the plan is {}.", "The {word} is {}.")
PUT_RIGHT = (
    "Sorry, not {old}: it is {new}.",
    "I was wrong about {old}, it is {new}.",
    "It moved from {old} to {new}.",
    "Please forget {old}, it is {new}.",
    "It cannot be {old}, so make it {new}.",
)
REPLIES = (
    *("Noted.", "All right.", "I see.", "Good to know.", "Fine, go on.", "Thank you.", "That is clear."),
    *("Yes, I have that.", "Good, what else?", "I will keep that in mind.", "Understood.", "Very well."),
    *("Clear so far.", "I wrote it down."),
)
MORE = ("", "", "", "There is more.", "One more thing.", "I forgot something.", "Oh, and this.")
QUESTIONS = (
    "Now please plan the {}.",
    "How should the {} go?",
    "Can you make a plan for the {}?",
    "Please sum up the {} for me.",
    "What is your plan for the {}?",
    "So what do I do for the {}?",
    "Write me a short plan for the {}.",
)


def draw(name: str, random: Random) -> Problem:
    theme = THEMES[name]
    gap = random.choice(theme.gaps)
    known = [fact for fact in theme.pool if fact.word not in (gap, CLOSE.get(gap))]
    facts = random.sample(known, random.choice((3, 3, 4)))
    old, new = random.sample(theme.slot.values, 2)
    corrected = random.random() < 0.7
    turns = random.choice((3, 4, 5))
    first = random.choice(FIRST).format(old if corrected else new, word=theme.slot.word)
    later = [fact.said for fact in facts]
    if corrected:
        later.insert(random.randint(1, len(later)), random.choice(PUT_RIGHT).format(old=old, new=new))
    unknown = random.choice(UNTOLD).format(gap)
    asked = random.choice(QUESTIONS).format(theme.goal)
    if random.random() < 0.5:
        later.append(unknown)
        unknown = ""
    middle = _spread(later, turns - 2, random)
    messages: list[Message] = told(random.choice(theme.intros), first)
    for turn, reply in zip([*middle, (unknown, asked)], random.sample(REPLIES, turns - 1), strict=True):
        messages += [{"role": "assistant", "content": reply}, *told(*turn)]
    value, before = new.split()[-1], old.split()[-1]
    slot: Variable = {"name": theme.slot.word, "terms": [value], "value": new}
    kept: list[Variable] = [{"name": fact.word, "terms": [fact.word], "value": fact.kept} for fact in facts]
    conflict: Conflict = {
        "sides": [f"you first said {old}", f"you then said {new}"],
        "terms": [[before], [value]],
        "resolution": [value],
    }
    return Problem(
        "dialogue",
        name,
        messages,
        truth(
            variables=[slot, *kept],
            conflict=conflict if corrected else None,
            unknown=[gap],
            answer=[value],
            request=[theme.goal],
        ),
    )


def _spread(sentences: list[str], turns: int, random: Random) -> list[list[str]]:
    """The sentences over that many turns, in order, none empty."""
    cuts = [0, *sorted(random.sample(range(1, len(sentences)), turns - 1)), len(sentences)]
    return [[random.choice(MORE), *sentences[start:end]] for start, end in pairwise(cuts)]
