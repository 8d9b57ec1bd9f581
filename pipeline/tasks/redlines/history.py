"""The metrics of one training so far, as the rules ask for them: by name, oldest first, only what is finite."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.engine.rows import Row


class History:
    def __init__(self, settings: Mapping[str, Any]) -> None:
        """`settings`: those in effect, for advice that names them."""
        self.settings = settings
        self.row: Row = {}
        """The newest row, figures that are not finite included."""
        self.evaluations: list[Row] = []
        """The rows of steps after which prompts were answered."""
        self._figures: dict[str, list[float]] = defaultdict(list)
        self._steps: dict[str, list[int]] = defaultdict(list)

    def add(self, row: Row) -> None:
        self.row = row
        if "prompts" in row:
            self.evaluations.append(row)
        for name, value in row.items():
            if isinstance(value, int | float) and math.isfinite(value):
                self._figures[name].append(float(value))
                self._steps[name].append(row["step"])

    @property
    def step(self) -> int:
        return int(self.row["step"])

    def holds(self, name: str) -> bool:
        """Whether the newest row has a finite figure of that name."""
        return bool(self._steps[name]) and self._steps[name][-1] == self.step

    def figures(self, name: str) -> Sequence[float]:
        return self._figures[name]

    def last(self, name: str, count: int) -> Sequence[float]:
        """The newest `count` figures; fewer where there are no more."""
        return self._figures[name][-count:]

    def first(self, name: str, count: int) -> Sequence[float]:
        return self._figures[name][:count]

    def count(self, name: str) -> int:
        return len(self._figures[name])

    def step_of(self, name: str, back: int) -> int:
        """The step at which the `back`-th newest figure was read; 1 is the newest."""
        return self._steps[name][-back]
