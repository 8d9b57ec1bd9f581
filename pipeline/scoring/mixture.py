"""A reward from several scorers: a weighted mean, dimension by dimension, of those that gave a mark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.engine.rows import Row
from pipeline.scoring.scorers import Scorer
from pipeline.tasks.dimensions import DIMENSIONS, Scores
from pipeline.tasks.rubric import Weights, reward
from pipeline.training.grpo import Mark


@dataclass(frozen=True)
class Mixture:
    """Marks completions by all its scorers. The reward is None where none of them gave a mark that has a weight."""

    scorers: Mapping[str, tuple[Scorer, float]]
    """Name -> scorer and its weight."""
    weights: Weights
    renormalise: bool = True

    def __call__(self, rows: Sequence[Row], texts: Sequence[str]) -> list[Mark]:
        found = [scorer(rows, texts) for scorer, _ in self.scorers.values()]
        parts = [weight for _, weight in self.scorers.values()]
        return [self._mark(list(zip(parts, scores, strict=True))) for scores in zip(*found, strict=True)]

    def _mark(self, found: Sequence[tuple[float, Scores | None]]) -> Mark:
        scores = mix(found)
        counts = any(scores[name] is not None and self.weights.of(name) for name in DIMENSIONS)
        return (reward(scores, self.weights, self.renormalise) if counts else None), scores


def mix(found: Sequence[tuple[float, Scores | None]]) -> Scores:
    """All nine dimensions from (weight of the scorer, its scores).

    Of a dimension those have a say that marked the text and have an opinion of it. It does not apply where more than
    half of their weight says so, or where there are none; else it is the weighted mean of those that scored it.
    """
    mixed: Scores = {}
    for name in DIMENSIONS:
        said = [(weight, scores[name]) for weight, scores in found if scores is not None and name in scores]
        scored = [(weight, score) for weight, score in said if score is not None]
        part, whole = sum(weight for weight, _ in scored), sum(weight for weight, _ in said)
        applies = bool(scored) and 2 * part >= whole
        mixed[name] = sum(weight * score for weight, score in scored) / part if applies else None
    return mixed
