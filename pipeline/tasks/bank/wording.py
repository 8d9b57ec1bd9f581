"""Turns of phrase that several categories share. Each works with a singular and with a plural noun, and a noun
follows its cue closely: that is what lets a small model learn to find it again."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")

TOGETHER = (
    "{} move together.",
    "{} rise and fall together.",
    "{} go hand in hand.",
    "{} are tied to each other.",
    "{} change at the same pace.",
    "We always see {} change together.",
    "I find that {} go together.",
    "There is a close link between {}.",
    "As a rule, {} move together.",
    "We know that {} hang together.",
)
"""Takes `the a and the b`."""

UNMEASURED = (
    "Nobody has measured the {}.",
    "No one has checked the {}.",
    "We have no figure for the {}.",
    "There is no record of the {}.",
    "I have no data on the {}.",
    "We could not measure the {}.",
    "So far nobody has looked at the {}.",
    "Nothing is known about the {}.",
    "I cannot say much about the {}.",
    "We still know nothing about the {}.",
)
"""For quantities."""

UNTOLD = (
    "Nobody can tell me about the {}.",
    "No one told me about the {}.",
    "I could not find out about the {}.",
    "There is no word on the {}.",
    "I am not sure of the {}.",
    "Nothing is known about the {}.",
    "We have not heard about the {}.",
    "I forgot to ask about the {}.",
    "I know nothing about the {}.",
    "I have no news of the {}.",
)
"""For facts."""

OUTS = (
    "{} might help.",
    "We could try {}.",
    "There is also {}.",
    "One idea is {}.",
    "Some would try {}.",
    "We could turn to {}.",
)
"""Takes something that would help, with its article."""


def listed(names: Sequence[str], article: str = "") -> str:
    """`a, b and c`; with an article, `the a, the b and the c`."""
    words = [f"{article} {name}" if article else name for name in names]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def sentence(text: str) -> str:
    """With a capital at its start."""
    return text[:1].upper() + text[1:]


def together(random: Random, names: Sequence[str]) -> str:
    return sentence(random.choice(TOGETHER).format(listed(names, "the")))
