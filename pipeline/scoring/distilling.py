"""The making of a distilled scorer from features of judged traces, and how well it agrees with the judge elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipeline.engine.rows import Row
from pipeline.scoring.distilled import Regression
from pipeline.scoring.ridge import fit
from pipeline.tasks.dimensions import DIMENSIONS
from pipeline.tasks.statistics import mean, pearson, spearman

LEAST = 0.5
"""Correlation with the judge below which a dimension is not used unless told: such a reward would be mostly noise."""
FEWEST = 10
"""Held-out traces below which no correlation is claimed."""


def train(features: Any, rows: Sequence[Row]) -> tuple[Regression, dict[str, float | None]]:
    """The regression, and the penalty of each dimension's score; None where no row has one.

    `features` [rows, features] are those of `rows`, which have `prompt_id` and `scores`. Prompts are the groups of the
    cross-validation.
    """
    import numpy as np

    mean_of = features.mean(axis=0)
    scale = features.std(axis=0)
    scale[scale == 0] = 1.0
    x = (features - mean_of) / scale
    nine = len(DIMENSIONS)
    weights, offset = np.zeros((x.shape[1], 2 * nine)), np.zeros(2 * nine)
    penalties: dict[str, float | None] = dict.fromkeys(DIMENSIONS)
    prompts = [row["prompt_id"] for row in rows]
    applies = np.array([[row["scores"][name] is not None for name in DIMENSIONS] for row in rows])
    shared: dict[bytes, list[int]] = {}
    for place in range(nine):
        shared.setdefault(applies[:, place].tobytes(), []).append(place)
    for places in shared.values():  # dimensions that apply to the same rows are fitted at once
        there = np.flatnonzero(applies[:, places[0]]).tolist()
        if there:
            scores = [[rows[row]["scores"][DIMENSIONS[place]] for place in places] for row in there]
            found = fit(x[there], scores, [prompts[row] for row in there])
            weights[:, places], offset[places] = found.weights, found.offset
            penalties |= {DIMENSIONS[place]: value for place, value in zip(places, found.penalties, strict=True)}
    found = fit(x, applies, prompts)
    weights[:, nine:], offset[nine:] = found.weights, found.offset
    single = [array.astype(np.float32) for array in (mean_of, scale, weights, offset)]
    return Regression(*single), penalties


def report(regression: Regression, features: Any, rows: Sequence[Row]) -> dict[str, Row]:
    """How well it agrees with the judge on rows that it has not seen, of each dimension.

    `pearson`, `spearman` and `correlation`, the lower of the two, over the `count` rows that the judge scored;
    `within_type`, Pearson's once the mean of their `type` is taken from both: traces that were written to be good and
    bad are easily told apart, and completions of one policy are not. `applies`, the share of all rows of which it says
    rightly whether the dimension applies.
    """
    said, applying = regression(features)
    found: dict[str, Row] = {}
    for place, name in enumerate(DIMENSIONS):
        truth = [row["scores"][name] for row in rows]
        pairs = [(float(said[row, place]), score) for row, score in enumerate(truth) if score is not None]
        right = [float(bool(applying[row, place]) == (score is not None)) for row, score in enumerate(truth)]
        types = [row.get("type", "") for row, score in zip(rows, truth, strict=True) if score is not None]
        ours, theirs = [ours for ours, _ in pairs], [theirs for _, theirs in pairs]
        both = [pearson(ours, theirs), spearman(ours, theirs)] if len(pairs) >= FEWEST else [None, None]
        known = [value for value in both if value is not None]
        found[name] = {
            "pearson": both[0],
            "spearman": both[1],
            "correlation": min(known) if known else None,
            "within_type": pearson(*_centred(pairs, types)) if len(pairs) >= FEWEST else None,
            "count": len(pairs),
            "applies": mean(right),
        }
    return found


def _centred(pairs: Sequence[tuple[float, float]], types: Sequence[str]) -> list[list[float]]:
    """Both sides of the pairs, without the mean of their type."""
    groups: dict[str, list[tuple[float, float]]] = {}
    for pair, kind in zip(pairs, types, strict=True):
        groups.setdefault(kind, []).append(pair)
    means = {kind: [sum(side) / len(some) for side in zip(*some, strict=True)] for kind, some in groups.items()}
    return [[pair[side] - means[kind][side] for pair, kind in zip(pairs, types, strict=True)] for side in (0, 1)]
