"""Ratings with intervals: strengths on Elo's scale, 400 points for a factor of ten, with a mean of 1000.

Intervals are percentile bootstraps over prompts; without a prompt's id a battle is a unit of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.engine.rows import Row
from pipeline.tasks.tournament.bradley_terry import components, levels, maximise, strengths
from pipeline.tasks.tournament.table import Table, wins_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]
    Vector = NDArray[np.float64]

SCALE = 400 / math.log(10)
"""Points of one natural unit of log strength."""
MEAN = 1000.0
STILL = 1e-7
"""Spread of a log strength over all resamples below which it is rounding."""
NAMED = 8
"""Contestants that a note names."""


@dataclass(frozen=True)
class Resampling:
    seed: int
    rounds: int
    confidence: float


@dataclass(frozen=True)
class Rated:
    rows: list[Row]
    """{"model", "rating", "low", "high", "games"}, the best first; of several groups also "group"."""
    wins: list[list[float]]
    """Of the row over the column, ties half to each, in the order of the table's names."""
    games: list[list[int]]
    notes: list[str]


def rate(table: Table, resampling: Resampling, each: Callable[[int], None] = lambda _: None) -> Rated:
    """Every contestant of the table. A rating is None for one in no battle; a bound is None where the data set none.

    Contestants that no chain of battles connects are rated apart, each group with its own mean of 1000. `each` is told
    the number of every bootstrap round that is done.
    """
    import numpy as np

    names = list(table.names)
    units, cells = table.cells()
    size = 3 * len(names) ** 2
    wins = wins_of(np.bincount(cells, minlength=size).astype(float), len(names))
    games = wins + wins.T
    groups = [group for group in components(games > 0) if len(group) > 1]
    inner = [np.ix_(group, group) for group in groups]
    drawn = np.empty((resampling.rounds, len(names)))
    point, low, high = np.full((3, len(names)), np.nan)
    held = []
    for group, square in zip(groups, inner, strict=True):
        point[group], prior = strengths(wins[square], games[square] > 0)
        held.append(prior)
    random = np.random.default_rng(resampling.seed)
    for place in range(resampling.rounds if groups else 0):
        times = np.bincount(random.integers(0, table.unit_count, table.unit_count), minlength=table.unit_count)
        again = wins_of(np.bincount(cells, weights=times[units], minlength=size).astype(float), len(names))
        for group, square in zip(groups, inner, strict=True):
            # A pair that was not drawn still has met: the prior, where a resample needs it, ties it too.
            drawn[place, group] = strengths(again[square], games[square] > 0, point[group])[0]
        each(place + 1)
    tail = (1 - resampling.confidence) / 2
    for group, square, prior in zip(groups, inner, held, strict=True):
        bounds = np.quantile(drawn[:, group], [tail, 1 - tail], axis=0)
        bounds[:, np.ptp(drawn[:, group], axis=0) < STILL] = np.nan
        low[group], high[group] = _open(wins[square], bounds[0], bounds[1], tail) if prior else bounds
    rows = _rows(names, groups, SCALE * np.stack([point, low, high], axis=1) + MEAN, games)
    return Rated(
        rows,
        [[float(cell) for cell in row] for row in wins],
        [[round(float(cell)) for cell in row] for row in games],
        _notes(names, groups, held, wins, rows),
    )


def _open(wins: Matrix, low: Vector, high: Vector, tail: float) -> tuple[Vector, Vector]:
    """Bounds where some win every game against all others, so that no gap is too large for the data.

    The smallest gap is that of the share of lost games which so many wins just rule out, 1 - tail^(1/n): Clopper and
    Pearson (1934). Who stands on the upper side has no upper bound, who stands on the lower no lower one.
    """
    import numpy as np

    level = np.zeros(len(wins), dtype=int)
    for place, members in enumerate(levels(wins > 0)):
        level[members] = place
    games = wins + wins.T
    apart = level[:, None] != level[None, :]
    share = np.where(apart & (games > 0), 1 - tail ** (1 / np.maximum(games, 1)), 0.0)
    nearest = maximise((1 - share) * wins + share * wins.T)
    over = np.bincount(level, weights=((wins > 0) & apart).sum(axis=1))[level] > 0
    under = np.bincount(level, weights=((wins > 0) & apart).sum(axis=0))[level] > 0
    return np.where(under, np.nan, np.fmin(low, nearest)), np.where(over, np.nan, np.fmax(high, nearest))


def _rows(names: list[str], groups: list[list[int]], figures: Matrix, games: Matrix) -> list[Row]:
    """Group by group, the best first; those in no battle at the end."""
    order = [place for group in groups for place in sorted(group, key=lambda place: -figures[place, 0])]
    order += [place for place in range(len(names)) if place not in set(order)]
    group_of = {place: number for number, group in enumerate(groups, 1) for place in group}
    return [
        {
            "model": names[place],
            **{
                what: round(float(figure), 4) if math.isfinite(figure) else None
                for what, figure in zip(("rating", "low", "high"), figures[place], strict=True)
            },
            "games": round(float(games[place].sum())),
            **({"group": group_of.get(place)} if len(groups) > 1 else {}),
        }
        for place in order
    ]


def _notes(names: list[str], groups: list[list[int]], held: list[bool], wins: Matrix, rows: list[Row]) -> list[str]:
    """What a reader of the ratings has to know of them."""
    notes = []
    if len(names) < 2:
        notes.append("One contestant alone cannot be rated." if names else "There is no battle to rate.")
    elif idle := [row["model"] for row in rows if row["rating"] is None]:
        notes.append(f"Without a battle that counts, and so without a rating: {_some(idle)}.")
    if len(groups) > 1:
        told = "; ".join(f"{number}: {_some([names[place] for place in group])}" for number, group in
                         enumerate(groups, 1))  # fmt: skip
        notes.append(
            f"No battle connects {len(groups)} groups of contestants. Each is rated by itself, with a mean of 1000; "
            f"ratings of different groups do not compare ({told})."
        )
    for group, prior in zip(groups, held, strict=True):
        if prior:
            ends = {
                "wins": [names[place] for place in group if wins[place].any() and not wins[:, place].any()],
                "loses": [names[place] for place in group if wins[:, place].any() and not wins[place].any()],
            }
            told = "; ".join(f"{_some(models)} {does} every battle" for does, models in ends.items() if models)
            notes.append(
                f"{told or 'Some contestants win every battle against all others'}: no finite rating is likeliest. "
                "So each pair that met counts one more battle, a tie. The bound towards the middle is that of the "
                "share of other results which is just ruled out, and towards the end there is none."
            )
    still = [row["model"] for row in rows if row["rating"] is not None and row["low"] is row["high"] is None]
    if still and not any(held):
        notes.append(f"No interval, for every resample gives the same rating: {_some(still)}.")
    if groups and not any(row["rating"] is not None and row["rating"] != MEAN for row in rows):
        notes.append("All contestants are rated alike.")
    return notes


def _some(names: list[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
