"""Answers that stand in a report: of the held-out prompts a few, of the battery every one, long texts cut."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pipeline.engine.rows import Row
from pipeline.tasks.records import CATEGORIES, TRACE_TYPES

LONGEST = 6000
"""Characters of one text that are shown; the whole of it stands in the rows it came from."""


def sample_answers(rows: Sequence[Row], evaluation: Row | None, per_category: int) -> list[Row]:
    """The first prompts of each category, with the first answer of every contestant to each."""
    if evaluation is None:
        return []
    names = [contestant["name"] for contestant in evaluation["contestants"]]
    rows = [row for row in rows if row.get("set", "heldout") == "heldout"]
    first = {(row["contestant"], row["prompt_id"]): row for row in reversed(rows)}
    prompts: dict[str, Row] = {row["prompt_id"]: row for row in rows}
    chosen = [
        row
        for category in CATEGORIES
        for row in [row for row in prompts.values() if row["category"] == category][:per_category]
    ]
    return [
        {
            "prompt_id": prompt["prompt_id"],
            "category": prompt["category"],
            "messages": _turns(prompt),
            "answers": [_answer(row) for name in names if (row := first.get((name, prompt["prompt_id"])))],
        }
        for prompt in chosen
    ]


def battery_answers(rows: Sequence[Row]) -> list[Row]:
    """Every answer to the battery that was marked, with its verdict and why."""
    return [
        {
            **{key: row.get(key) for key in ("id", "test", "verdict", "why")},
            **_answer(row),
            "why": cut(row.get("why") or ""),
        }
        for row in rows
        if row.get("verdict") is not None
    ]


def sample_traces(rows: Iterable[Row], per_category: int) -> list[Row]:
    """Of the traces that were learnt from, the first of each category and type."""
    kept = ("id", "category", "type", "scores", "reward")
    left = {(category, kind): per_category for category in CATEGORIES for kind in TRACE_TYPES}
    found = []
    for row in rows:
        place = (row["category"], row["type"])
        if left.get(place):
            left[place] -= 1
            texts = {key: cut(row[key]) for key in ("thought", "answer")}
            found.append({**{key: row.get(key) for key in kept}, "messages": _turns(row), **texts})
        if not any(left.values()):
            break
    return found


def _turns(row: Row) -> list[Row]:
    return [{**turn, "content": cut(turn["content"])} for turn in row["messages"]]


def _answer(row: Row) -> Row:
    kept = ("contestant", "sample", "outcome", "tokens", "scores", "reward")
    return {**{key: row.get(key) for key in kept}, "thought": cut(row["thought"]), "answer": cut(row["answer"])}


def cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text) - LONGEST} more characters)"
