"""Ridge regression, the penalty chosen by cross-validation over whole groups: what a distilled scorer is made with.

Source: Hastie, Tibshirani and Friedman, The Elements of Statistical Learning (2009), sections 3.4.1 and 7.10.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PENALTIES = tuple(10.0**power for power in range(-1, 7))
"""For standardised features, whose squares add up to the number of rows."""
FOLDS = 5


@dataclass(frozen=True)
class Fit:
    """Several targets fitted to the same rows: predictions are `features @ weights + offset`."""

    weights: NDArray[np.float64]
    """Shape [features, targets]."""
    offset: NDArray[np.float64]
    """Shape [targets]."""
    penalties: tuple[float, ...]
    """Chosen for each target."""


def fit(features: Any, targets: Any, groups: Sequence[int]) -> Fit:
    """Fit standardised `features` [rows, features] to `targets` [rows, targets].

    `groups` [rows]: rows of one group are never on both sides of a cross-validation. Its FOLDS follow from the order in
    which groups first come. Each target gets the penalty with the least squared error; with fewer than two groups the
    largest.
    """
    import numpy as np

    x, y = np.asarray(features, dtype=np.float64), np.asarray(targets, dtype=np.float64)
    places = {group: place for place, group in enumerate(dict.fromkeys(groups))}
    folds = np.array([places[group] % FOLDS for group in groups])
    errors = np.zeros((len(PENALTIES), y.shape[1]))
    if len(places) < 2:
        errors[:-1] = 1.0
    else:
        for fold in np.unique(folds):
            seen, held = folds != fold, folds == fold
            for place, (weights, offset) in enumerate(_path(x[seen], y[seen])):
                errors[place] += ((x[held] @ weights + offset - y[held]) ** 2).sum(axis=0)
    best = errors.argmin(axis=0)
    path = _path(x, y)
    columns = range(y.shape[1])
    return Fit(
        np.stack([path[best[column]][0][:, column] for column in columns], axis=1),
        np.array([path[best[column]][1][column] for column in columns]),
        tuple(PENALTIES[place] for place in best),
    )


def _path(x: Any, y: Any) -> list[tuple[Any, Any]]:
    """(weights, offset) for every penalty; through the smaller of the two equal forms, by features or by rows."""
    import numpy as np

    middle, mean = x.mean(axis=0), y.mean(axis=0)
    x, y = x - middle, y - mean
    rows, width = x.shape
    gram = x.T @ x if width <= rows else x @ x.T
    path = []
    for penalty in PENALTIES:
        system = gram + penalty * np.eye(len(gram))
        weights = np.linalg.solve(system, x.T @ y) if width <= rows else x.T @ np.linalg.solve(system, y)
        path.append((weights, mean - middle @ weights))
    return path
