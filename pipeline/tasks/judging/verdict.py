"""Reads what a remote judge replied. Exactly the nine dimensions, or it is no verdict.

Only a reply is ever read here, never a text under judgement.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

from pipeline.engine.fanout import Quarantined
from pipeline.tasks.dimensions import DIMENSIONS, Scores
from pipeline.tasks.records import split_thought
from pipeline.tasks.rubric import LEVELS

T = TypeVar("T")
Score = float | None
_REFUSES = re.compile(
    r"\bi(?:['’]m| am)? (?:[a-z]+ ){0,2}?(?:can['’]?t|cannot|can not|won['’]?t|will not|unable|not able|not going to"
    r"|decline|refuse|sorry)\b|\bas an ai\b|\bagainst (?:my|the|our) (?:[a-z]+ )?(?:guidelines|policy|policies)\b",
    re.IGNORECASE,
)


class Pairs(list[tuple[str, Any]]):
    """A JSON object as it was written, so that a name that stands there twice is seen."""


@dataclass(frozen=True)
class Judgment:
    scores: Scores
    reasons: dict[str, str]
    """Dimension -> why, where the judge said so."""


def read_verdict(text: str) -> Judgment:
    """The scores of a judge's reply: the last verdict in it, bare, in prose or in a code block.

    A verdict is a JSON object of the nine names, each with {"reason", "score"}, the score a whole level 0..4 or null;
    or, as section 4.3 of the plan of phase 03e has it, each with a number from 0.0 to 1.0 or null. Raises Quarantined:
    "blocked" for a refusal in words, "invalid" for anything else.
    """
    return read_reply(text, DIMENSIONS, _read)


def read_reply(text: str, names: Sequence[str], read: Callable[[Pairs], T]) -> T:
    """`read` of the last JSON object with any of `names` in a judge's reply; it raises ValueError for what is none.

    Raises Quarantined: "blocked" for a refusal in words, "invalid" for anything else.
    """
    try:
        verdict = _last_verdict(split_thought(text)[1] if text.lstrip().startswith("<think>") else text, names)
        if verdict is not None:
            return read(verdict)
    except ValueError as error:
        raise Quarantined("invalid", str(error), text) from None
    if _REFUSES.search(text):
        raise Quarantined("blocked", f"the judge refused: {_short(text.strip())}", text)
    raise Quarantined("invalid", "no verdict in the reply" if text.strip() else "the reply is empty", text)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no score")


_DECODER = json.JSONDecoder(object_pairs_hook=Pairs, parse_constant=_refuse_constant)


def _last_verdict(text: str, names: Sequence[str]) -> Pairs | None:
    """The last object with any of the names. Raises ValueError where that one is not whole JSON: the whole one
    before it may be a quotation from the text that was judged.
    """
    opens = re.compile(rf'\{{\s*"(?:{"|".join(names)})"')
    found: Pairs | ValueError | None = None
    place = text.find("{")
    while place >= 0:
        end = place + 1
        try:
            value, end = _DECODER.raw_decode(text, place)
        except RecursionError:
            raise ValueError("the JSON is nested too deep") from None
        except ValueError as error:
            if opens.match(text, place):
                found = ValueError(f"the last verdict is not whole JSON: {error}")
        else:
            if any(name in names for name, _ in value):
                found = value
        place = text.find("{", end)
    if isinstance(found, ValueError):
        raise found
    return found


def _read(verdict: Pairs) -> Judgment:
    """Raises ValueError for whatever is not exactly a verdict."""
    values = unique(verdict, DIMENSIONS, "dimension")
    if any(isinstance(value, Pairs) for value in values.values()):
        marks = {name: _level(name, values[name]) for name in DIMENSIONS}
        reasons = {name: reason for name, (_, reason) in marks.items() if reason}
        return Judgment({name: score for name, (score, _) in marks.items()}, reasons)
    scores = {name: _share(name, values[name]) for name in DIMENSIONS}
    given = [value for value in values.values() if value is not None]
    if given and all(isinstance(value, int) for value in given):
        raise ValueError("whole numbers without reasons: levels and shares cannot be told apart")
    return Judgment(scores, {})


def unique(pairs: Pairs, names: Sequence[str], what: str) -> dict[str, Any]:
    """The object as a dict: exactly `names`, each once."""
    faults = [f"{what} `{_short(name)}` is none of ours" for name, _ in pairs if name not in names]
    counts = Counter(name for name, _ in pairs)
    faults += [f"{what} `{name}` stands there {counts[name]} times" for name in names if counts[name] > 1]
    faults += [f"{what} `{name}` is missing" for name in names if not counts[name]]
    if faults:
        raise ValueError("; ".join(faults[:3]))
    return dict(pairs)


def _level(name: str, value: Any) -> tuple[Score, str]:
    """(0..1, reason) of one dimension in levels; a bare null does not apply either."""
    if value is None:
        return None, ""
    if not isinstance(value, Pairs):
        raise ValueError(f"{name}: an object with `reason` and `score` was expected")
    fields = unique(value, ("reason", "score"), f"{name}: field")
    if not isinstance(fields["reason"], str):
        raise ValueError(f"{name}: the reason is no text")
    level = fields["score"]
    if level is not None and (type(level) is not int or level not in LEVELS):
        raise ValueError(f"{name}: {_short(repr(level))} is no whole level from {LEVELS[0]} to {LEVELS[-1]}")
    return None if level is None else level / LEVELS[-1], fields["reason"].strip()


def _share(name: str, value: Any) -> Score:
    """0..1 of one dimension in the plan's form, in which 0.00 is a score."""
    if value is None:
        return None
    if type(value) not in (int, float) or not 0 <= value <= 1:
        raise ValueError(f"{name}: {_short(repr(value))} is no number from 0 to 1")
    return float(value)


def _short(text: str) -> str:
    return text if len(text) <= 120 else f"{text[:119]}…"
