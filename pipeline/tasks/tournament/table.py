"""Battles in columns: a million of them in some twenty megabytes, and drawn anew in milliseconds."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import TYPE_CHECKING

from pipeline.tasks.tournament.battles import Battle

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]
    Places = NDArray[np.int64]

_POINTS = {"a": 2, "tie": 1, "b": 0}
"""Of model_a, in halves of a win."""


class Table:
    """One entry a battle in every column."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        """`names`: contestants that are there though they may have fought no battle."""
        self.names = {name: place for place, name in enumerate(names)}
        """Contestant -> its place."""
        self.units = array("q")
        """What is resampled as one: the prompt's number, or one of its own where no prompt is told."""
        self.unit_count = 0
        self._first, self._second, self._points = array("i"), array("i"), array("b")
        self._prompts: dict[str, int] = {}

    def add(self, battle: Battle) -> int:
        """The battle's unit."""
        self._first.append(self.names.setdefault(battle.model_a, len(self.names)))
        self._second.append(self.names.setdefault(battle.model_b, len(self.names)))
        self._points.append(_POINTS[battle.winner])
        unit = self._prompts.get(battle.prompt) if battle.prompt else None
        if unit is None:
            unit = self.unit_count
            self.unit_count += 1
            if battle.prompt:
                self._prompts[battle.prompt] = unit
        self.units.append(unit)
        return unit

    def __len__(self) -> int:
        return len(self.units)

    def cells(self) -> tuple[Places, Places]:
        """(units, cells): the unit of each battle and the place of its result in a table [first, second, points]."""
        import numpy as np

        columns = (self._first, self._second, self._points)
        first, second, points = (np.asarray(column, dtype=np.int64) for column in columns)
        return np.asarray(self.units, dtype=np.int64), (first * len(self.names) + second) * 3 + points


def wins_of(counts: Matrix, names: int) -> Matrix:
    """[n, n] wins of the row over the column, ties half to each, from how often each cell was seen."""
    by_points = counts.reshape(names, names, 3)
    won = by_points[:, :, 2] + by_points[:, :, 1] / 2
    lost = by_points[:, :, 0] + by_points[:, :, 1] / 2
    found: Matrix = won + lost.T
    return found
