from __future__ import annotations

from pipeline.scoring.checks import compare, estimate
from pipeline.tasks.statistics import Estimate


def test_prompts_are_resampled_and_not_completions() -> None:
    rows = [{"id": f"p{place // 4}"} for place in range(8)]
    marks = [(float(place // 4), {}) for place in range(8)]
    found = estimate(rows, marks, seed=1)
    assert (found.mean, found.low, found.high, found.n) == (0.5, 0.0, 1.0, 2)
    without = estimate(rows, [*marks[:4], *[(None, {})] * 4], seed=1)
    assert (without.mean, without.low, without.n) == (0.0, None, 1)


def test_a_check_names_both_intervals() -> None:
    assert compare(Estimate(0.5, 0.4, 0.6, 3), Estimate(0.3, None, None, 1)) == {
        "reward_low": 0.4, "reward_high": 0.6, "heldout_reward": 0.3, "heldout_low": None, "heldout_high": None,
    }  # fmt: skip
