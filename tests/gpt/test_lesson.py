from __future__ import annotations

import numpy as np
import pytest

from pipeline.gpt.lesson import WINDOW, alike

LENGTHS = np.random.default_rng(7).integers(10, 100, 8 * WINDOW * 2 + 13).tolist()


def padded(order: list[int], batch: int) -> int:
    rows = [LENGTHS[row] for row in order]
    return sum(
        max(rows[start : start + batch]) * len(rows[start : start + batch]) for start in range(0, len(rows), batch)
    )


def test_batches_of_like_length_take_every_row_once_and_hardly_pad() -> None:
    order = np.random.default_rng(1).permutation(len(LENGTHS))
    alike_order = alike(order, LENGTHS, 8, 1)
    assert sorted(alike_order.tolist()) == list(range(len(LENGTHS)))
    assert padded(order.tolist(), 8) > 1.5 * sum(LENGTHS)
    assert padded(alike_order.tolist(), 8) < 1.1 * sum(LENGTHS)
    means = [np.mean([LENGTHS[row] for row in alike_order[start : start + 8]]) for start in range(0, 8 * WINDOW, 8)]
    assert means != sorted(means), "short batches do not all come before the long ones"


def test_their_order_follows_from_the_seed() -> None:
    order = np.arange(len(LENGTHS))
    first, again, other = (alike(order, LENGTHS, 8, seed).tolist() for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize("rows", [1, 7, 8, 9])
def test_fewer_rows_than_a_window_are_all_there(rows: int) -> None:
    assert sorted(alike(np.arange(rows), LENGTHS, 8, 1).tolist()) == list(range(rows))
