"""Words that there are not, coined from syllables: what is copied cannot have been learnt by heart."""

from __future__ import annotations

from random import Random
from zlib import crc32

ONSETS = ("b", "bl", "br", "d", "dr", "f", "fl", "g", "gr", "k", "l", "m", "n", "p", "pl", "pr",
          "r", "s", "sk", "sl", "sn", "st", "t", "th", "tr", "v", "w", "z")  # fmt: skip
NUCLEI = ("a", "e", "i", "o", "u", "a", "e", "i", "o", "u", "ee", "oo", "ai")
CODAS = ("", "", "b", "ck", "d", "ft", "g", "k", "l", "m", "mp", "n", "nd", "ng", "nt", "p", "r", "s", "st",
         "t", "th", "x")  # fmt: skip
SYLLABLES = (1, 2, 2, 2, 3)
LETTERS = 7
"""With these syllables a word of so many letters has hardly ever more than four tokens of GPT-2."""
HELD_OUT = 10
"""One word in so many is never one to train on, whatever the seed."""
WORD = 3
"""Letters of a word at least."""
UNFIT = ("fuck", "dick", "slut", "tit", "rape", "nazi", "fag", "nig", "kill", "piss", "arsch", "fick", "wank", "spast")
"""What chance must not spell."""


def coin(random: Random, syllables: int = 0) -> str:
    """A word in small letters, of so many syllables or, where none are asked for, of one to three."""
    while True:
        count = syllables or random.choice(SYLLABLES)
        parts = []
        for place in range(count):
            coda = random.choice(CODAS) if place == count - 1 else random.choice(("", "", "l", "n", "r", "m", "s"))
            parts.append(random.choice(ONSETS) + random.choice(NUCLEI) + coda)
        word = "".join(parts)
        if WORD <= len(word) <= LETTERS and not any(part in word for part in UNFIT):
            return word


def held_out(text: str) -> bool:
    """Whether every word of a text is one of those that are kept from training."""
    return all(_held_out(word) for word in text.split())


def trained(text: str) -> bool:
    """Whether no word of a text is kept from training."""
    return not any(_held_out(word) for word in text.split())


def _held_out(word: str) -> bool:
    return crc32(word.strip(".,!?").casefold().encode()) % HELD_OUT == 0
