from __future__ import annotations

import numpy as np
import pytest

from pipeline.engine.rows import Row
from pipeline.scoring.distilling import FEWEST, report, train
from pipeline.tasks.dimensions import DIMENSIONS


def rows_of(count: int, gap: float, seed: int) -> tuple[np.ndarray, list[Row]]:
    """Two types whose helpfulness lies `gap` apart, which one feature shows; within a type it is chance."""
    random = np.random.default_rng(seed)
    kinds = random.integers(0, 2, count)
    features = np.stack([kinds + 0.1 * random.standard_normal(count), random.standard_normal(count)], axis=1)
    rows = [
        {
            "prompt_id": f"p{place}",
            "type": ("rejected", "chosen")[kind],
            "scores": dict.fromkeys(DIMENSIONS) | {"helpfulness": float(gap * kind + 0.1 * random.random())},
        }
        for place, kind in enumerate(kinds)
    ]
    return features.astype(np.float32), rows


def test_what_lies_between_types_is_told_from_what_lies_within() -> None:
    regression, penalties = train(*rows_of(200, 0.8, seed=0))
    found = report(regression, *rows_of(200, 0.8, seed=1))["helpfulness"]
    assert found["pearson"] > 0.95 and abs(found["within_type"]) < 0.3 and found["count"] == 200
    assert found["correlation"] == min(found["pearson"], found["spearman"])
    assert penalties["helpfulness"] and penalties["harm_avoidance"] is None


def test_of_one_type_both_are_the_same() -> None:
    regression, _ = train(*rows_of(200, 0.8, seed=0))
    features, rows = rows_of(200, 0.8, seed=1)
    found = report(regression, features, [row | {"type": "ingested"} for row in rows])["helpfulness"]
    assert found["within_type"] == pytest.approx(found["pearson"])


def test_too_few_traces_show_nothing() -> None:
    regression, _ = train(*rows_of(200, 0.8, seed=0))
    found = report(regression, *rows_of(FEWEST - 1, 0.8, seed=1))["helpfulness"]
    assert (found["correlation"], found["within_type"], found["count"]) == (None, None, FEWEST - 1)
    features, rows = rows_of(0, 0.8, seed=1)
    assert report(regression, features, rows)["helpfulness"]["applies"] is None
