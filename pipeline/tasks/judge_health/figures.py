"""The health of a judge as figures, from its scores alone: repeats, use of the scale, failures, length.

What holds it against something else (people, itself at another time, another judge) is in `judge_compare.py`. Rows are
those that `digest` makes.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from pipeline.engine.rows import Row, content_hash
from pipeline.tasks.agreement import alpha, bootstrap_sums, icc_of, icc_sums, of_mean, table_of
from pipeline.tasks.dimensions import DIMENSIONS, Scores
from pipeline.tasks.marks import key_of
from pipeline.tasks.rubric import LEVELS
from pipeline.tasks.statistics import Estimate, mean, quantile, wilson

if TYPE_CHECKING:
    from pipeline.tasks.agreement import Table

REASONS = 5
"""Reasons of failure that are listed, the commonest first."""


Reward = Callable[[Scores], float]


def digest(row: Row, reward: Reward) -> Row:
    """What the figures need of a row of scores: its texts as their key and their words alone, its reward made anew."""
    return {
        "id": row["id"],
        "prompt_id": row.get("prompt_id") or content_hash(row["messages"]),
        "type": row.get("type", ""),
        "model": row.get("model", ""),
        "scores": row["scores"],
        "reward": reward(row["scores"]),
        "samples": [sample["scores"] for sample in row.get("samples", ())],
        "judge": row["judge"]["model"],
        "unusable": row["judge"].get("unusable", 0),
        "key": key_of(row),
        "words": len(f"{row['thought']} {row['answer']}".split()),
    }


def level(score: float) -> int:
    """The nearest of the rubric's levels, 0 to 4, to a score of 0..1; halves go up."""
    return math.floor(score * LEVELS[-1] + 0.5)


def retest(rows: Sequence[Row], reward: Reward, *, seed: int) -> Row | None:
    """How far the k samples of an item agree; None where no row has more than one.

    {"items", "samples" (k), "reward", "dimensions" {name}} with {"single" (ICC(1,1), an estimate over items), "mean"
    (ICC(1,k)), "alpha" (ordinal), "equal" (share of items where all samples are the same, null being one of the
    values)} each.
    """
    several = [row["samples"] for row in rows if len(row["samples"]) > 1]
    if not several:
        return None
    most = max(map(len, several))
    rewards = [[reward(scores) for scores in item] for item in several]
    return {
        "items": len(several),
        "samples": most,
        "reward": _repeated(rewards, most, seed),
        "dimensions": {
            name: _repeated([[scores[name] for scores in item] for item in several], most, seed) for name in DIMENSIONS
        },
    }


def _repeated(items: Sequence[Sequence[float | None]], most: int, seed: int) -> Row:
    table = table_of(items)
    single = bootstrap_sums(icc_sums(table), icc_of, seed=seed)
    bounds = [of_mean(bound, most) for bound in (single.mean, single.low, single.high)]
    return {
        "single": single.to_row(),
        "mean": Estimate(bounds[0], bounds[1], bounds[2], single.n).to_row(),
        # Two decimals: alpha has a table of all values with all, and a reward can have thousands.
        "alpha": alpha(table.round(2), "ordinal"),
        "equal": mean([float(len(set(item)) == 1) for item in items]),
    }


def histogram(rows: Iterable[Row]) -> dict[str, dict[str, int]]:
    """Dimension -> how many single verdicts gave each level ("0" to "4") and none ("null")."""
    counts = {name: dict.fromkeys([*map(str, LEVELS), "null"], 0) for name in DIMENSIONS}
    for row in rows:
        for scores in row["samples"] or [row["scores"]]:
            for name, score in scores.items():
                counts[name]["null" if score is None else str(level(score))] += 1
    return counts


def failures(rows: Sequence[Row], quarantined: Iterable[Row]) -> Row:
    """What the judge did not mark: {"asked", "answered", "outcomes" {"cut off", "blocked", "invalid": {"count", "share"
    (an estimate)}}, "samples" {"asked", "count", "share"} (single samples lost of traces that have others), "reasons"
    [{"outcome", "reason", "count"}]}.
    """
    counts: Counter[str] = Counter()
    reasons: Counter[tuple[str, str]] = Counter()
    for row in quarantined:
        counts[row["outcome"]] += 1
        reasons[row["outcome"], row["reason"]] += 1
    asked = len(rows) + counts.total()
    lost = sum(row["unusable"] for row in rows)
    samples = lost + sum(len(row["samples"]) or 1 for row in rows)
    return {
        "asked": asked,
        "answered": len(rows),
        "outcomes": {
            outcome: {"count": counts[outcome], "share": wilson(counts[outcome], asked).to_row()}
            for outcome in ("cut off", "blocked", "invalid")
        },
        "samples": {"asked": samples, "count": lost, "share": wilson(lost, samples).to_row()},
        "reasons": [
            {"outcome": outcome, "reason": reason, "count": count}
            for (outcome, reason), count in reasons.most_common(REASONS)
        ],
    }


def length_slope(rows: Sequence[Row], *, seed: int) -> Row:
    """What twice the words bring in reward, among traces of one prompt, and among those meant to be equally good.

    Ordinary least squares of reward on log2(words of thought and answer) with a level of its own for each group; whole
    groups are resampled. {"within_prompt", "within_type" (estimates), "words" {"median", "p95"}}. Within a prompt good
    traces may be longer on purpose; within prompt and type that is taken out.
    """
    words = [row["words"] for row in rows]
    points = [(row, math.log2(max(1, row["words"]))) for row in rows]
    return {
        "within_prompt": _slope([(row["prompt_id"], x, row["reward"]) for row, x in points], seed).to_row(),
        "within_type": _slope(
            [(f"{row['prompt_id']}/{row['type']}", x, row["reward"]) for row, x in points], seed
        ).to_row(),
        "words": {"median": quantile(words, 0.5), "p95": quantile(words, 0.95)},
    }


def _slope(points: Sequence[tuple[str, float, float]], seed: int) -> Estimate:
    """sum Sxy / sum Sxx over the groups in which x varies."""
    import numpy as np

    groups: dict[str, list[tuple[float, float]]] = {}
    for group, x, y in points:
        groups.setdefault(group, []).append((x, y))
    centred: list[Table] = [np.array(some) - np.mean(some, axis=0) for some in groups.values() if len(some) > 1]
    sums = np.array(
        [[(some[:, 0] * some[:, 1]).sum(), (some[:, 0] ** 2).sum()] for some in centred if some[:, 0].any()]
    )

    def of(total: Table) -> float | None:
        return float(total[0] / total[1]) if total[1] > 0 else None

    return bootstrap_sums(sums, of, seed=seed)
