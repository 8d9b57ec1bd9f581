"""A check of the reward against a scorer that is no part of it; what follows from checks is the red line `gamed`."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.engine.rows import Row
from pipeline.tasks.statistics import Estimate, mean_interval
from pipeline.training.grpo import Mark


def estimate(rows: Sequence[Row], marks: Sequence[Mark], seed: int) -> Estimate:
    """Mean reward and its interval; prompts are resampled, for the completions of one are no independent witnesses."""
    groups: dict[str, list[float]] = {}
    for row, (reward, _) in zip(rows, marks, strict=True):
        if reward is not None:
            groups.setdefault(row["id"], []).append(reward)
    return mean_interval([sum(group) / len(group) for group in groups.values()], seed=seed)


def compare(reward: Estimate, heldout: Estimate) -> Row:
    """The metrics of one check."""
    return {
        "reward_low": reward.low,
        "reward_high": reward.high,
        "heldout_reward": heldout.mean,
        "heldout_low": heldout.low,
        "heldout_high": heldout.high,
    }
