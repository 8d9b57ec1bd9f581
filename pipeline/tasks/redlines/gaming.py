"""The red line of a reward that is being gamed: a scorer that is no part of it looks on, and the two part.

Source of the idea: Gao et al., Scaling Laws for Reward Model Overoptimization (2023): the proxy goes on rising when
what it stands for has begun to fall.
"""

from __future__ import annotations

from itertools import pairwise

from pipeline.tasks.redlines.history import History
from pipeline.tasks.redlines.watch import Rule, Trouble

CHECKS = 3
"""Moves apart in a row that end a training. One may be chance: every check sees other prompts."""
ENDS = ("reward_low", "reward_high", "heldout_low", "heldout_high")


def gamed(history: History) -> Trouble | None:
    """A move is one of both ends of an interval: of the reward's up, of the held-out scorer's down."""
    checks = list(range(CHECKS + 1, 0, -1))
    if any(history.count(name) < len(checks) for name in ENDS):
        return None
    steps = [history.step_of("heldout_reward", back) for back in checks]
    if any([history.step_of(name, back) for back in checks] != steps for name in ENDS):
        return None  # one of them had no interval
    low, high, other_low, other_high = (list(history.last(name, len(checks))) for name in ENDS)
    if not all(_rise(ends) for ends in (low, high)) or not all(_rise(ends[::-1]) for ends in (other_low, other_high)):
        return None
    told = "; ".join(
        f"step {step}: reward [{low[at]:.3f}, {high[at]:.3f}], held-out [{other_low[at]:.3f}, {other_high[at]:.3f}]"
        for at, step in enumerate(steps)
    )
    scorer = history.settings["heldout_scorer"]
    return Trouble(
        f"The reward is being gamed: {CHECKS} times in a row it rose while {scorer}, which is no part of it, saw the "
        "completions get worse.",
        f"At {told}.",
        "Look at the completions, then change `scorers` or `weights`; a `max_steps` below the first of these steps "
        "ends the training before it.",
        stops=True,
        since=steps[1],
    )


def _rise(values: list[float]) -> bool:
    return all(after > before for before, after in pairwise(values))


RULES = (Rule("heldout_reward", gamed),)
