"""Means with bootstrap intervals, and differences that pair what belongs together.

Intervals are percentile bootstraps: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CELLS = 4_000_000
"""Resampled values held in memory at once."""


@dataclass(frozen=True)
class Estimate:
    """A mean over `n` independent units and its interval; None where there is too little to say it."""

    mean: float | None
    low: float | None
    high: float | None
    n: int

    def to_row(self) -> dict[str, Any]:
        """{"mean", "low", "high", "n"}, rounded to six places."""
        return {key: round(value, 6) if isinstance(value, float) else value for key, value in asdict(self).items()}


def mean_interval(values: Sequence[float], *, seed: int, rounds: int = 2000, confidence: float = 0.95) -> Estimate:
    """Mean of independent units with its percentile bootstrap interval.

    The units are resampled with replacement `rounds` times; the bounds are the (1 - confidence) / 2 quantiles of the
    resampled means on either side. One unit has a mean and no interval: resampling it would claim certainty.
    """
    import numpy as np

    if len(values) < 2:
        return Estimate(float(values[0]) if len(values) else None, None, None, len(values))
    sample = np.asarray(values, dtype=float)
    low, high = _bounds(_resampled_means(sample, seed, rounds), confidence)
    return Estimate(float(sample.mean()), low, high, len(values))


def paired_difference(
    new: Mapping[str, float], old: Mapping[str, float], *, seed: int, rounds: int = 2000, confidence: float = 0.95
) -> Estimate:
    """Mean of new - old over the keys that both have, such as prompts; whole keys are resampled.

    Pairing removes what makes one prompt harder than another, which is the larger part of the spread.
    """
    shared = sorted(new.keys() & old.keys())
    return mean_interval([new[key] - old[key] for key in shared], seed=seed, rounds=rounds, confidence=confidence)


def difference_of_means(
    new: Sequence[float], old: Sequence[float], *, seed: int, rounds: int = 2000, confidence: float = 0.95
) -> Estimate:
    """mean(new) - mean(old) of two samples without pairs, each resampled on its own; `n` is the smaller sample's size.

    Source: Efron and Tibshirani, chapter 8.3 (the two-sample problem).
    """
    import numpy as np

    n = min(len(new), len(old))
    if n == 0:
        return Estimate(None, None, None, 0)
    first, second = np.asarray(new, dtype=float), np.asarray(old, dtype=float)
    mean = float(first.mean() - second.mean())
    if n < 2:
        return Estimate(mean, None, None, n)
    differences = _resampled_means(first, seed, rounds) - _resampled_means(second, seed + 1, rounds)
    low, high = _bounds(differences, confidence)
    return Estimate(mean, low, high, n)


def wilson(hits: int, n: int, confidence: float = 0.95) -> Estimate:
    """A share with its score interval, which holds for few draws and for none or all of them hit; None of no draws.

    Source: Wilson, Probable Inference, the Law of Succession, and Statistical Inference (1927).
    """
    if n == 0:
        return Estimate(None, None, None, 0)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share, width = hits / n, z * z / n
    middle = (share + width / 2) / (1 + width)
    reach = z / (1 + width) * (share * (1 - share) / n + width / (4 * n)) ** 0.5
    return Estimate(share, max(0.0, middle - reach), min(1.0, middle + reach), n)


def cohens_d(new: Sequence[float], old: Sequence[float]) -> float | None:
    """(mean(new) - mean(old)) / pooled standard deviation; None where either has no spread to measure it by.

    Source: Cohen, Statistical Power Analysis for the Behavioral Sciences (1988), equations 2.5.1 and 2.5.2; the pooled
    variance is ((n1 - 1) s1^2 + (n2 - 1) s2^2) / (n1 + n2 - 2).
    """
    import numpy as np

    if len(new) < 2 or len(old) < 2:
        return None
    first, second = np.asarray(new, dtype=float), np.asarray(old, dtype=float)
    freedom = len(first) + len(second) - 2
    pooled = ((len(first) - 1) * first.var(ddof=1) + (len(second) - 1) * second.var(ddof=1)) / freedom
    return float((first.mean() - second.mean()) / pooled**0.5) if pooled > 0 else None


def pearson(left: Sequence[float], right: Sequence[float]) -> float | None:
    """The linear correlation of pairs, -1..1; None below three pairs or where either side is constant."""
    import numpy as np

    first, second = np.asarray(left, dtype=float), np.asarray(right, dtype=float)
    if len(first) < 3 or not (np.ptp(first) > 0 and np.ptp(second) > 0):
        return None
    return float(np.corrcoef(first, second)[0, 1])


def spearman(left: Sequence[float], right: Sequence[float]) -> float | None:
    """The correlation of ranks, equal values sharing the mean of theirs; None as with `pearson`."""
    import numpy as np

    def ranks(values: Sequence[float]) -> list[float]:
        _, which, counts = np.unique(np.asarray(values, dtype=float), return_inverse=True, return_counts=True)
        mean_rank = np.cumsum(counts) - (counts - 1) / 2
        return [float(rank) for rank in mean_rank[which]]

    return pearson(ranks(left), ranks(right))


def quantile(values: Sequence[float], share: float) -> float | None:
    """The value below which `share` (0..1) of them lie, interpolated between neighbours; None of nothing.

    Source: Hyndman and Fan, Sample Quantiles in Statistical Packages (1996), definition 7.
    """
    import numpy as np

    return float(np.quantile(np.asarray(values, dtype=float), share)) if len(values) else None


def mean(values: Sequence[float]) -> float | None:
    """None of nothing."""
    return sum(values) / len(values) if values else None


def _resampled_means(sample: NDArray[np.float64], seed: int, rounds: int) -> NDArray[np.float64]:
    """Means of `rounds` samples of the same size drawn with replacement: shape [rounds]."""
    import numpy as np

    random = np.random.default_rng(seed)
    means = np.empty(rounds)
    chunk = max(1, CELLS // len(sample))
    for start in range(0, rounds, chunk):
        size = min(chunk, rounds - start)
        means[start : start + size] = sample[random.integers(0, len(sample), (size, len(sample)))].mean(axis=1)
    return means


def _bounds(resampled: NDArray[np.float64], confidence: float) -> tuple[float, float]:
    import numpy as np

    tail = (1 - confidence) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return float(low), float(high)
