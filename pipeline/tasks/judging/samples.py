"""Several judgments of one trace made into one, with how far they lie apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from pipeline.tasks.dimensions import DIMENSIONS, Scores
from pipeline.tasks.judging.verdict import Judgment


@dataclass(frozen=True)
class Combined:
    judgment: Judgment
    spread: Scores
    """Standard deviation over the samples that scored the dimension (n - 1 in the denominator); None below two."""


def combine(samples: Sequence[Judgment]) -> Combined:
    """The mean of each dimension over the samples that scored it, at least one sample being given.

    A dimension does not apply where more than half of the samples say so. Its reason is that of the first sample that
    lies nearest to the mean, or of the first that says that it does not apply.
    """
    scores: Scores = {}
    spread: Scores = {}
    reasons: dict[str, str] = {}
    for name in DIMENSIONS:
        found = [score for sample in samples if (score := sample.scores[name]) is not None]
        applies = 2 * len(found) >= len(samples)
        scores[name] = round(fmean(found), 4) if applies else None
        spread[name] = round(stdev(found), 4) if applies and len(found) > 1 else None
        if reason := _nearest(samples, name, scores[name]).reasons.get(name):
            reasons[name] = reason
    return Combined(Judgment(scores, reasons), spread)


def _nearest(samples: Sequence[Judgment], name: str, middle: float | None) -> Judgment:
    def distance(sample: Judgment) -> float:
        score = sample.scores[name]
        if score is None or middle is None:
            return 0.0 if score is middle else 2.0
        return abs(score - middle)

    return min(samples, key=distance)
