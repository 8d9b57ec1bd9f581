"""Words that there are not, coined from syllables: what is copied cannot have been learnt by heart."""

from __future__ import annotations

from random import Random
from zlib import crc32

ONSETS = ("b", "bl", "br", "d", "dr", "f", "fl", "g", "gr", "k", "l", "m", "n", "p", "pl", "pr",
          "r", "s", "sk", "sl", "sn", "st", "t", "th", "tr", "v", "w", "z")  # fmt: skip
NUCLEI = ("a", "e", "i", "o", "u", "a", "e", "i", "o", "u", "ee", "oo", "ai")
CODAS = ("", "", "b", "ck", "d", "ft", "g", "k", "l", "m", "mp", "n", "nd", "ng", "nt", "p", "r", "s", "st",
         "t", "th", "x")  # fmt: skip
SHORT = tuple(onset for onset in ONSETS if len(onset) == 1)
VOWELS = "aeiou"
SYLLABLES = (1, 2, 2, 2, 2, 3)
LETTERS = 6
"""With these syllables a word of so many letters has at most four tokens of GPT-2."""
HELD_OUT = 10
"""One word in so many is never one to train on, whatever the seed."""
WORD = 3
"""Letters of a word at least."""
UNFIT = (
    "fuck",
    "dick",
    "slut",
    "tit",
    "rape",
    "nazi",
    "fag",
    "nig",
    "kill",
    "piss",
    "arsch",
    "fick",
    "wank",
    "spast",
    "uw",
)
"""What chance must not spell; uw makes a token of each letter."""


def coin(random: Random) -> str:
    """A word in small letters, of one to three syllables, those of long words short ones."""
    while True:
        count = random.choice(SYLLABLES)
        if count == 3:
            word = "".join(random.choice(SHORT) + random.choice(VOWELS) for _ in range(count))
        else:
            word = random.choice(ONSETS) + random.choice(NUCLEI) + random.choice(CODAS)
            if count == 2:
                word = (
                    random.choice(SHORT) + random.choice(VOWELS) + random.choice(("", "l", "n", "r", "m", "s")) + word
                )
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
