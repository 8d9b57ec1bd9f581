"""Contestants held side by side: what their answers came to, their scores, and what sets each apart from the others.

Every interval resamples prompts, not answers: the answers to one prompt are no independent witnesses.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from pipeline.engine.rows import Row
from pipeline.tasks.dimensions import DIMENSIONS
from pipeline.tasks.records import CATEGORIES, Finish
from pipeline.tasks.statistics import mean, mean_interval, paired_difference, quantile

OUTCOMES = ("answered", "cut off", "empty", "blocked", "invalid")
"""`cut off`: at the limit. `empty`: the turn was ended without an answer, such as within an unclosed thought."""

Values = dict[str, float]
"""Prompt id -> mean over its answers."""


def outcome_of(finish: Finish, answer: str) -> str:
    """What an answer came to; every answer is exactly one of OUTCOMES."""
    if finish != "stop":
        return {"length": "cut off", "blocked": "blocked", "invalid": "invalid"}[finish]
    return "answered" if answer.strip() else "empty"


@dataclass(frozen=True)
class Bootstrap:
    seed: int
    rounds: int
    confidence: float

    def options(self) -> dict[str, Any]:
        return {"seed": self.seed, "rounds": self.rounds, "confidence": self.confidence}


def compare(rows: Iterable[Row], contestants: Sequence[str], bootstrap: Bootstrap) -> Row:
    """{"contestants": one entry each, in order; "pairs": each against the first, then against the one before it}."""
    of: dict[str, list[Row]] = {name: [] for name in contestants}
    for row in rows:
        of[row["contestant"]].append(row)
    pairs = [(name, contestants[0]) for name in contestants[1:]]
    pairs += [(name, before) for before, name in pairwise(contestants[1:])]
    return {
        "contestants": [_contestant(name, of[name], bootstrap) for name in contestants],
        "pairs": [
            {"contestant": new, "against": old, **_by_category(of[new], bootstrap, of[old])} for new, old in pairs
        ],
    }


def _contestant(name: str, rows: list[Row], bootstrap: Bootstrap) -> Row:
    counts = Counter(row["outcome"] for row in rows)
    tokens = [row["tokens"] for row in rows]
    return {
        "name": name,
        "prompts": len({row["prompt_id"] for row in rows}),
        "answers": len(rows),
        "outcomes": {outcome: counts[outcome] for outcome in OUTCOMES},
        "unscored": sum(row["reward"] is None for row in rows),
        "thoughts": sum(bool(row["thought"].strip()) for row in rows),
        "tokens": {"mean": mean(tokens), "median": quantile(tokens, 0.5), "p95": quantile(tokens, 0.95)},
        **_by_category(rows, bootstrap),
    }


def _by_category(rows: list[Row], bootstrap: Bootstrap, others: list[Row] | None = None) -> Row:
    """Estimates of all rows and of each category's; of the differences to `others` where these are given."""

    def within(category: str, rows: list[Row]) -> list[Row]:
        return [row for row in rows if row["category"] == category]

    found = [category for category in CATEGORIES if within(category, rows)]
    return {
        **_estimates(rows, bootstrap, others),
        "categories": {
            category: _estimates(within(category, rows), bootstrap, others and within(category, others))
            for category in found
        },
    }


def _estimates(rows: list[Row], bootstrap: Bootstrap, others: list[Row] | None) -> Row:
    def estimate(dimension: str | None) -> Row:
        values = _per_prompt(rows, dimension)
        if others is None:
            return mean_interval(list(values.values()), **bootstrap.options()).to_row()
        return paired_difference(values, _per_prompt(others, dimension), **bootstrap.options()).to_row()

    return {"reward": estimate(None), "dimensions": {dimension: estimate(dimension) for dimension in DIMENSIONS}}


def _per_prompt(rows: list[Row], dimension: str | None) -> Values:
    """Mean per prompt of a dimension, or of the reward; a prompt where it never applies is left out."""
    values: dict[str, list[float]] = {}
    for row in rows:
        scores: Mapping[str, float | None] = row["scores"]
        value = row["reward"] if dimension is None else scores.get(dimension)
        if value is not None:
            values.setdefault(row["prompt_id"], []).append(value)
    return {prompt: sum(found) / len(found) for prompt, found in values.items()}
