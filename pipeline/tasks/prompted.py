"""Answers to evaluation prompts, held against what was expected: to the letter, and by what they say."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from pipeline.engine.rows import Row

REPEATS = 4
"""So many equal words or characters in a row are no answer."""
_REPEATED = re.compile(rf"(.)\1{{{2 * REPEATS - 1},}}|\b(\w+)(?:\W+\2\b){{{REPEATS - 1},}}", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Answer:
    """What a model said to one prompt."""

    name: str
    prompt: str
    expected: str
    """Empty: nothing is expected."""
    given: str
    well_formed: bool
    """Whether it ended as an answer ends, with no tag before that."""

    @property
    def exact(self) -> bool:
        return self.given == self.expected

    @property
    def normalised(self) -> bool:
        """Equal but for case, spaces and punctuation at the ends."""
        return bare(self.given) == bare(self.expected)

    @property
    def likeness(self) -> float:
        """0 to 1. Source: Ratcliff and Metzener, Pattern Matching: the Gestalt Approach (1988)."""
        return SequenceMatcher(None, bare(self.given), bare(self.expected)).ratio()

    @property
    def repeating(self) -> bool:
        """Whether it says one word or one character again and again."""
        return _REPEATED.search(self.given) is not None

    def to_row(self) -> Row:
        return {
            "name": self.name,
            "prompt": self.prompt,
            "expected": self.expected,
            "given": self.given,
            "exact": self.exact,
            "normalised": self.normalised,
            "well_formed": self.well_formed,
        }


def bare(text: str) -> str:
    return " ".join(text.casefold().split()).strip(" .!?,;:\"'")


def sum_up(answers: Sequence[Answer]) -> Row:
    """Counts as metrics have them; shares are of the answers that something was expected of."""
    asked = [answer for answer in answers if answer.expected] or list(answers)
    return {
        "prompts": len(answers),
        "prompts_exact": sum(answer.exact for answer in asked) / len(asked),
        "prompts_normalised": sum(answer.normalised for answer in asked) / len(asked),
        "prompts_likeness": sum(answer.likeness for answer in asked) / len(asked),
        "prompts_distinct": len({answer.given for answer in answers}),
        "prompts_expected": len({answer.expected for answer in asked}),
        "prompts_malformed": sum(not answer.well_formed for answer in answers) / len(answers),
        "prompts_repeating": sum(answer.repeating for answer in answers) / len(answers),
    }
