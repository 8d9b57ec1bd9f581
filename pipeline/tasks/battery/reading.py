"""Reads an answer for the programs that score it: plain text, sentences, figures, and what is recommended."""

from __future__ import annotations

import re

_MARKUP = re.compile(r"\*+|_{2,}|`+|^#+ ?|^> ?", re.MULTILINE)
_SPACES = re.compile(r"[ \t\u00a0\u2009\u202f]+")
_END = re.compile(r"(?<=[.!?])[\"”’')\]]*\s+|\n+")
_WORDS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
          "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "eighty": 80}  # fmt: skip
LONGEST = 50_000
"""Characters that are read: an answer that needs more has not answered."""


def plain(text: str) -> str:
    """Without marks of emphasis and typographic apostrophes."""
    text = _MARKUP.sub("", text[:LONGEST].replace("’", "'").replace("‘", "'"))
    return _SPACES.sub(" ", text)


def sentences(text: str) -> list[str]:
    found = (part.strip(" -–—•\"“”'()") for part in _END.split(plain(text)))
    return [part for part in found if part]


def figure(text: str) -> float:
    """The number that a figure or a word stands for."""
    return float(_WORDS[text.lower()] if text.lower() in _WORDS else text.replace(",", "").rstrip(".") or 0)


_TAKE = r"(?:recommend|suggest|advise|take|use|choose|pick|accept|opt for|go (?:with|for)|start with|stick with|learn)"
_NOUN = r"(?:choice|pick|option|fit)"
_ADVISES = re.compile(
    rf"\b(?:(?:i|i'd|i would|we|we'd|we would) (?:\w+ ){{0,2}}?{_TAKE}"
    rf"|my (?:\w+ )?(?:advice|recommendation|suggestion|{_NOUN})(?: is| would be)?"
    rf"|you should (?:\w+ )?{_TAKE}"
    rf"|(?:^|, |so |then |just |simply |therefore,? |for now,? ){_TAKE}"
    rf"|(?:best|right|clear|better) {_NOUN}[^.]{{0,30}}? is"
    rf"|is (?:the|your) (?:best|right|clear|obvious) {_NOUN})\b:?",
    re.IGNORECASE,
)
_DENIES = re.compile(
    r"\b(?:not|don't|never|avoid|against|wouldn't|over|instead of|rather than|than|without)\b", re.IGNORECASE
)

_ON_CONDITION = re.compile(r"(?:but |however,? )?(?:if|unless|should you|in case)\b(?! i were you)", re.IGNORECASE)


def claims(text: str) -> list[str]:
    """What follows a word of recommendation in its sentence, or stands before "is the best choice", as far as it is not
    denied there and does not begin with a condition, under which anything may be advised beside the pick."""
    found = []
    for sentence in sentences(text):
        if _ON_CONDITION.match(sentence):
            continue
        for match in _ADVISES.finditer(sentence):
            if _DENIES.search(match[0]):
                continue
            if match[0].lower().startswith("is "):
                found.append(sentence[: match.start()])
            else:
                found.append(_DENIES.split(sentence[match.end() :])[0])
                break
    return found
