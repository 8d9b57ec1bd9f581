"""How much of what was asked came back to the letter: counts for each topic, and whether they reach a share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.engine.rows import Row
from pipeline.tasks.statistics import wilson


def spread(rows: Sequence[Row], most: int) -> list[Row]:
    """At most so many of them, spread evenly; 0: all."""
    if not most or most >= len(rows):
        return list(rows)
    return [rows[place * len(rows) // most] for place in range(most)]


def count_exact(rows: Sequence[Mapping[str, Any]]) -> Row:
    """{"exact", "expected", "share", "topics"} of answers as `Answer.to_row` has them; those that nothing was expected
    of are left out. `share` is an estimate with Wilson's interval, or None where nothing was expected."""
    held = [row for row in rows if row["expected"]]
    exact = sum(row["exact"] for row in held)
    topics: dict[str, dict[str, int]] = {}
    for row in held:
        topic = topics.setdefault(row.get("topic") or "all", {"exact": 0, "of": 0})
        topic["exact"] += row["exact"]
        topic["of"] += 1
    share = wilson(exact, len(held)).to_row() if held else None
    return {"exact": exact if held else None, "expected": len(held), "share": share, "topics": topics}


def decide_share(share: Row | None, least: float) -> Row:
    """The verdict on a share, never from a point: met where its whole interval reaches `least`, not met where none of
    it does."""
    question = f"Are at least {least:.0%} of the answers exact?"
    if share is None:
        outcome, why = "not measurable", "nothing was expected of any answer"
    else:
        outcome = "met" if share["low"] >= least else "not met" if share["high"] < least else "not measurable"
        why = f"{share['mean']:.1%} of {share['n']} are, 95 % interval {share['low']:.1%} to {share['high']:.1%}"
        if outcome == "not measurable":
            why += ": it could be either; ask more"
    criterion = {"name": "exact_answers", "question": question, "outcome": outcome, "why": why, "figure": share}
    return {"asked": "exact answers", "outcome": outcome, "met": outcome == "met", "criteria": [criterion]}
