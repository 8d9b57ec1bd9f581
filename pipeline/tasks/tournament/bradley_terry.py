"""Strengths from won and lost games: the model of Bradley and Terry, a tie counting as half a win to each side.

Bradley and Terry, Rank Analysis of Incomplete Block Designs (1952); whether there is a maximum: Ford (1957).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]
    Vector = NDArray[np.float64]
    Mask = NDArray[np.bool_]

ROUNDS = 200
CLOSE = 1e-9
"""Change of a strength below which Newton's method has arrived."""
LONGEST_STEP = 3.0
"""Of one strength in one step: farther away the curvature says nothing."""
NEAR = 0.1
"""Steps so short that the curvature hardly changes over them: they gain without being looked at."""


def strengths(wins: Matrix, met: Mask, start: Vector | None = None) -> tuple[Vector, bool]:
    """(log strengths with mean 0, whether a prior was needed) of contestants whom `met` connects.

    `wins` [n, n]: games that the row won against the column, ties half to each; `met` [n, n]: the pairs that played. By
    maximum likelihood; where that has no maximum, because some win every game against all others, each pair that met is
    given one more game, a tie.
    """
    prior = not is_strong(wins > 0)
    return maximise(wins + 0.5 * met if prior else wins, start), prior


def maximise(wins: Matrix, start: Vector | None = None) -> Vector:
    """The log strengths, mean 0, that make `wins` likeliest, by Newton's method with steps that never lose likelihood.

    There has to be a maximum: every contestant leads to every other over won games.
    """
    import numpy as np

    games = wins + wins.T
    won = wins.sum(axis=1)
    theta = np.zeros(len(wins)) if start is None else start - start.mean()
    for _ in range(ROUNDS):
        chance = 1 / (1 + np.exp(theta[None, :] - theta[:, None]))
        gradient = won - (games * chance).sum(axis=1)
        weight = games * chance * (1 - chance)
        # Only differences are known: the constant fixes the mean, and leaves the step as it is.
        information = np.diag(weight.sum(axis=1)) - weight + weight.mean()
        step = np.linalg.solve(information, gradient)
        step *= min(1.0, LONGEST_STEP / max(np.abs(step).max(), 1e-300))
        while np.abs(step).max() > NEAR and _likelihood(wins, theta + step) < _likelihood(wins, theta):
            step /= 2
        theta = theta + step
        if np.abs(step).max() <= CLOSE:
            break
    centred: Vector = theta - theta.mean()
    return centred


def _likelihood(wins: Matrix, theta: Vector) -> float:
    import numpy as np

    return -float((wins * np.logaddexp(0, theta[None, :] - theta[:, None])).sum())


def components(met: Mask) -> list[list[int]]:
    """Groups of contestants that games connect, each in order; `met` [n, n]: whether two of them played."""
    found: list[list[int]] = []
    seen: set[int] = set()
    for place in range(len(met)):
        if place not in seen:
            found.append([int(other) for other in _reach(met | met.T, place).nonzero()[0]])
            seen.update(found[-1])
    return found


def is_strong(beat: Mask) -> bool:
    """Whether everyone leads to everyone over wins; then and only then is there a finite maximum (Ford, 1957)."""
    return bool(_reach(beat, 0).all() and _reach(beat.T, 0).all())


def levels(beat: Mask) -> list[list[int]]:
    """Groups within which everyone leads to everyone over wins, each in order."""
    import numpy as np

    ahead = np.array([_reach(beat, place) for place in range(len(beat))])
    both = ahead & ahead.T
    return [[int(other) for other in np.flatnonzero(row)] for place, row in enumerate(both) if row.argmax() == place]


def _reach(edges: Mask, start: int) -> Mask:
    """Which places can be come to from `start`, itself included."""
    import numpy as np

    seen = np.zeros(len(edges), dtype=bool)
    front = seen.copy()
    seen[start] = front[start] = True
    while front.any():
        front = edges[front].any(axis=0) & ~seen
        seen |= front
    return seen
