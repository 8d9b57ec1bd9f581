"""What an answer to a calibration probe says: a stated confidence, that something is not known, the right words."""

from __future__ import annotations

import re

from pipeline.engine.rows import Row
from pipeline.tasks.offline_judge.signals import ignorance
from pipeline.tasks.offline_judge.text import Reading

NAME = "stated-1"
"""Raised when the same answer is read otherwise."""
LONGEST = 50_000

_NUMBER = r"(?P<n>\d{1,3}(?:[.,]\d+)?)"
_STATED = re.compile(
    rf"\b(?:confidence|certainty|sureness|probability)(?: level| score| is| that [^.\n]{{0,60}}? is)?\W{{0,12}}"
    rf"(?:of |about |around |roughly |~ ?)?{_NUMBER} ?(?P<unit>%|percent|per cent|/ ?100?\b|out of 100?\b)?",
    re.IGNORECASE,
)
_SURE = re.compile(
    rf"(?<![\d.,]){_NUMBER} ?(?P<unit>%|percent|per cent) (?:sure|certain|confident|confidence|certainty)\b",
    re.IGNORECASE,
)


def read_stated(answer: str) -> float | None:
    """The confidence that an answer states, 0..1: the last one in it. None where none is stated, or more than all."""
    text = answer[-LONGEST:].replace("*", "").replace("_", "")
    found = sorted([*_STATED.finditer(text), *_SURE.finditer(text)], key=lambda match: match.start())
    if not found:
        return None
    number = float(found[-1]["n"].replace(",", "."))
    unit = re.sub(r"\s", "", (found[-1]["unit"] or "").lower())
    if unit in ("/10", "outof10"):
        number /= 10
    elif unit or number > 1:
        number /= 100
    return number if 0 <= number <= 1 else None


def read_probe(truth: Row, answer: str) -> Row:
    """{"stated": 0..1 or None, "abstained", "right": None where it abstained}.

    Where the prompt tells the answer, its words are right, whatever is said around them. Where nobody can know, every
    claim is wrong, and right is only to say so, which is counted apart.
    """
    stated = read_stated(answer)
    reading = Reading(_SURE.sub(" ", _STATED.sub(" ", answer[:LONGEST])))
    told = bool(truth["answer"]) and all(reading.find([word]) for word in truth["answer"])
    abstained = not told and any(ignorance(sentence) == 1.0 for sentence in reading.sentences)
    return {"stated": stated, "abstained": abstained, "right": None if abstained else told}
