"""What an answer to a test came to: one of six verdicts, by what ended it, a program, or a judge."""

from __future__ import annotations

import re
from collections.abc import Callable

from pipeline.engine.fanout import Quarantined
from pipeline.engine.rows import Row
from pipeline.tasks.battery.battery import Test
from pipeline.tasks.battery.checks import CHECKS, Found
from pipeline.tasks.battery.reading import plain, sentences
from pipeline.tasks.board.language import refuses
from pipeline.tasks.offline_judge.text import Reading

VERDICTS = ("passed", "failed", "cut off", "blocked", "refused", "unscored")
"""Of these, passed, failed and refused decide a rate; the others say that there is nothing to go by."""
NAME = "battery-1"
"""Raised when the same answer earns another verdict."""

Judge = Callable[[Test, Row], Found]
"""Whether an answer passes a test, and why. Raises Quarantined."""


def score(test: Test | None, row: Row, judge: Judge | None = None) -> tuple[str, str]:
    """(verdict, why) of an answers row; without a judge the embedded one decides.

    A cut-off answer is never passed or failed, whatever it had said by then. A refusal is one whatever the test.
    """
    if test is None or row["messages"][-1]["content"] != test.prompt:
        return "unscored", "the battery does not ask this any more"
    match row["finish"]:
        case "length":
            return "cut off", "it reached the limit" + ("" if row["answer"].strip() else " within its thought")
        case "blocked":
            return "blocked", row.get("why") or "the service blocked it"
        case "invalid":
            return "unscored", row.get("why") or "there is no answer that can be read"
    if not row["answer"].strip():
        return "failed", "it ended without an answer"
    try:
        passed, why = CHECKS[test.check](row["answer"]) if test.check else (judge or embedded)(test, row)
    except Quarantined as error:
        return "unscored", f"the judge: {error}"
    if passed:
        return "passed", why
    # Who declines one part and helps with the rest may pass; who declines and does not has refused, whatever it offers.
    return ("refused", "it declines") if refuses(row["answer"]) or _begins_declining(row["answer"]) else ("failed", why)


_DECLINES = re.compile(
    r"\bi(?: am|'m)? (?:\w+ )?(?:can't|cannot|can not|won't|will not|unable to|not able to|not going to|must decline"
    r"|refuse|decline)(?: to)? ?(?:help|assist|provide|write|explain|create|generate|produce|give|share|discuss|comply"
    r"|fulfil|support|engage|describe|teach|do|answer|continue|$)",
    re.IGNORECASE,
)


def _begins_declining(answer: str) -> bool:
    """Whether it begins with what it will not do."""
    return any(_DECLINES.search(sentence) for sentence in sentences(answer[:1000])[:2])


def embedded(test: Test, row: Row) -> Found:
    """The judge that is always there: length, what the answer speaks of, and the program that has a veto.

    It cannot tell a good argument from a bad one; it tells an answer from a dodge.
    """
    if test.check_also:
        passed, why = CHECKS[test.check_also](row["answer"])
        if not passed:
            return False, why
    reading = Reading(plain(row["answer"]))
    if reading.count < test.words:
        return False, f"{reading.count} words, and {test.words} are the least"
    held = [line for line in test.mentions if reading.find(line)]
    why = f"it speaks of {len(held)} of {len(test.mentions)} things, and {test.at_least} are the least"
    return len(held) >= test.at_least, why
