from __future__ import annotations

import numpy as np
import pytest

from pipeline.scoring import ridge


def data(rows: int, width: int, noise: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    x = random.standard_normal((rows, width))
    truth = random.standard_normal((width, 2))
    return x, x @ truth + 3.0 + noise * random.standard_normal((rows, 2)), truth


def test_it_finds_a_linear_truth_and_its_offset() -> None:
    x, y, truth = data(200, 5, noise=0.01)
    found = ridge.fit(x, y, list(range(200)))
    assert np.abs(found.weights - truth).max() < 0.01 and np.abs(found.offset - 3.0).max() < 0.01
    assert found.penalties == (0.1, 0.1)


@pytest.mark.parametrize(("rows", "width"), [(30, 80), (80, 30)])
def test_both_forms_are_the_solution_of_the_normal_equations(rows: int, width: int) -> None:
    x, y, _ = data(rows, width, noise=1.0)
    for penalty, (weights, offset) in zip(ridge.PENALTIES, ridge._path(x, y), strict=True):
        centred = x - x.mean(axis=0)
        expected = np.linalg.solve(centred.T @ centred + penalty * np.eye(width), centred.T @ (y - y.mean(axis=0)))
        assert np.allclose(weights, expected, atol=1e-8)
        assert np.allclose(x.mean(axis=0) @ weights + offset, y.mean(axis=0))


def test_noise_asks_for_a_larger_penalty() -> None:
    x, y, _ = data(60, 50, noise=20.0)
    assert min(ridge.fit(x, y, list(range(60))).penalties) > 10


def test_rows_of_a_group_are_never_on_both_sides() -> None:
    """Ten rows of each group are equal but for their feature's noise: only whole groups show that nothing is learnt."""
    random = np.random.default_rng(0)
    centres, values = random.standard_normal((40, 60)), random.standard_normal((40, 1))
    x = np.repeat(centres, 10, axis=0) + 0.01 * random.standard_normal((400, 60))
    y = np.repeat(values, 10, axis=0)
    groups = [place // 10 for place in range(400)]
    assert ridge.fit(x, y, groups).penalties[0] > 100 * ridge.fit(x, y, list(range(400))).penalties[0]


def test_one_group_gives_the_mean_alone() -> None:
    x, y, _ = data(20, 3, noise=0.0)
    found = ridge.fit(x, y, [0] * 20)
    assert found.penalties == (ridge.PENALTIES[-1],) * 2 and np.abs(found.weights).max() < 1e-3
