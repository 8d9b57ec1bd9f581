"""How far two readings of the same thing agree: ICC, Krippendorff's alpha, weighted kappa, AUROC, all with intervals.

A table holds one unit (an item judged) a row and one reading a column; NaN is a reading that is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

from pipeline.tasks.statistics import Estimate

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Table = NDArray[np.float64]

Level = Literal["nominal", "ordinal", "interval"]
Value = float | None
ROUNDS = 1000
TINY = 1e-12
"""A variance below this is rounding, not spread."""


def table_of(rows: Sequence[Sequence[Value]]) -> Table:
    """[units, readings] of rows of any length; None becomes NaN, and so does what a shorter row lacks."""
    import numpy as np

    table = np.full((len(rows), max(map(len, rows), default=0)), np.nan)
    for number, row in enumerate(rows):
        table[number, : len(row)] = [np.nan if value is None else value for value in row]
    return table


def icc(table: Table) -> Value:
    """ICC(1,1): the share of one reading's variance that is the item's, from a one-way analysis of variance.

    One-way, for the samples of one judge are exchangeable: there is no first reader whose bias a second way could take
    out. Shrout and Fleiss, Intraclass Correlations (1979), case 1; for items with unequal numbers of readings the mean
    number is replaced as by Donner, A Review of Inference Procedures for the ICC (1986). None without spread.
    """
    return icc_of(icc_sums(table).sum(axis=0))


def icc_sums(table: Table) -> Table:
    """[units with two readings or more, 6]: what of each is added up for `icc_of`."""
    import numpy as np

    sizes = (~np.isnan(table)).sum(axis=1)
    table, sizes = table[sizes >= 2], sizes[sizes >= 2]
    totals = np.nansum(table, axis=1)
    within = np.nansum((table - (totals / sizes)[:, None]) ** 2, axis=1)
    return np.column_stack([np.ones(len(sizes)), sizes, sizes**2, totals, totals**2 / sizes, within])


def icc_of(sums: Table) -> Value:
    units, readings, squared, total, between, within = map(float, sums)
    if units < 2:
        return None
    within /= readings - units
    between = (between - total**2 / readings) / (units - 1)
    size = (readings - squared / readings) / (units - 1)
    spread = between + (size - 1) * within
    return (between - within) / spread if spread > TINY else None


def of_mean(single: Value, readings: int) -> Value:
    """ICC(1,k), that of the mean of k readings, from ICC(1,1): Spearman and Brown's formula. None where it has none."""
    if single is None or 1 + (readings - 1) * single <= TINY:
        return None
    return readings * single / (1 + (readings - 1) * single)


def alpha(table: Table, level: Level = "ordinal") -> Value:
    """Krippendorff's alpha: 1 - observed / expected disagreement of the values that can be paired within a unit.

    Krippendorff, Computing Krippendorff's Alpha-Reliability (2011). Any number of readings, missing ones allowed.
    None where there is nothing to pair or every value is the same.
    """
    import numpy as np

    table = table[(~np.isnan(table)).sum(axis=1) >= 2]
    values = np.unique(table[~np.isnan(table)])
    if len(values) < 2:
        return None
    counts = (table[:, :, None] == values).sum(axis=1)
    shares = counts / (counts.sum(axis=1, keepdims=True) - 1)
    coincidences = shares.T @ counts - np.diag(shares.sum(axis=0))
    totals = coincidences.sum(axis=1)
    distances = _distances(values, totals, level)
    expected = (np.outer(totals, totals) * distances).sum() / (totals.sum() - 1)
    return float(1 - (coincidences * distances).sum() / expected)


def _distances(values: Table, totals: Table, level: Level) -> Table:
    """Squared differences [values, values]; of ranks, half a value's own count included, for ordinal ones."""
    import numpy as np

    if level == "nominal":
        return 1.0 - np.eye(len(values))
    places = np.cumsum(totals) - totals / 2 if level == "ordinal" else values
    squares: Table = (places[:, None] - places) ** 2
    return squares


def alpha_sums(table: Table) -> Table:
    """[units with two readings or more, 4]: what of each is added up for `alpha_of`."""
    import numpy as np

    sizes = (~np.isnan(table)).sum(axis=1)
    table, sizes = table[sizes >= 2], sizes[sizes >= 2]
    totals, squares = np.nansum(table, axis=1), np.nansum(table**2, axis=1)
    return np.column_stack([sizes, totals, squares, (sizes * squares - totals**2) / (sizes - 1)])


def alpha_of(sums: Table) -> Value:
    """`alpha` for interval data from sums alone, so that it can be resampled: all pairs of n values differ by squares
    that add up to n sum(x^2) - sum(x)^2."""
    readings, total, squares, observed = map(float, sums)
    expected = readings * squares - total**2
    return 1 - (readings - 1) * observed / expected if expected > TINY else None


def weighted_kappa(table: Table) -> Value:
    """Cohen's kappa of two columns with quadratic weights; rows with a missing reading are left out.

    Cohen, Weighted Kappa (1968): 1 - sum(w observed) / sum(w expected), w = (i - j)^2. Over all cells this is the mean
    squared difference of the pairs over that of all cross pairs.
    """
    return kappa_of(kappa_sums(table).sum(axis=0))


def kappa_sums(table: Table) -> Table:
    """[whole pairs, 5]: what of each is added up for `kappa_of`."""
    import numpy as np

    first, second = table.reshape(-1, 2)[~np.isnan(table).any(axis=1)].T
    return np.column_stack([np.ones(len(first)), first, second, first**2 + second**2, (first - second) ** 2])


def kappa_of(sums: Table) -> Value:
    pairs, first, second, squares, observed = map(float, sums)
    expected = squares - 2 * first * second / pairs if pairs else 0.0
    return 1 - observed / expected if expected > TINY else None


def auroc(better: Sequence[float] | Table, worse: Sequence[float] | Table) -> Value:
    """How often one drawn from `better` is above one drawn from `worse`, a tie counting half: Mann and Whitney's U."""
    import numpy as np

    if not len(better) or not len(worse):
        return None
    known, asked = np.sort(np.asarray(worse, dtype=float)), np.asarray(better, dtype=float)
    below = np.searchsorted(known, asked, "left") + np.searchsorted(known, asked, "right")
    return float(below.mean() / (2 * len(known)))


def bootstrap(
    figure: Callable[[NDArray[np.int64]], Value],
    units: int,
    *,
    seed: int,
    rounds: int = ROUNDS,
    confidence: float = 0.95,
) -> Estimate:
    """A figure of all units with the percentile interval of resampling whole units.

    `figure` is given how often each unit was drawn. No interval where fewer than 3 units stand behind it or half of the
    resamples have no figure.
    """
    import numpy as np

    point = figure(np.ones(units, dtype=np.int64)) if units else None
    if point is None or units < 3:
        return Estimate(point, None, None, units)
    random = np.random.default_rng(seed)
    times = (np.bincount(random.integers(0, units, units), minlength=units) for _ in range(rounds))
    found = [value for value in map(figure, times) if value is not None]
    if len(found) < rounds / 2:
        return Estimate(point, None, None, units)
    low, high = np.quantile(found, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Estimate(point, float(low), float(high), units)


def bootstrap_sums(sums: Table, figure: Callable[[Table], Value], *, seed: int) -> Estimate:
    """As `bootstrap`, for a figure that follows from sums over the units: `sums` holds a unit's share in each row."""
    return bootstrap(lambda times: figure(times @ sums), len(sums), seed=seed)
