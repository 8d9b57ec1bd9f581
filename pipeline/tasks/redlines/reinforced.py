"""Red lines of GRPO: groups without variance, a policy that collapses or drifts, completions that swell.

The loss says nothing here: it hovers around 0 whatever the policy does. Thresholds without a source are ours.
"""

from __future__ import annotations

from statistics import fmean

from pipeline.tasks.redlines import common
from pipeline.tasks.redlines.history import History
from pipeline.tasks.redlines.watch import Rule, Trouble

FEW = 5
"""Steps over which a figure is averaged before it is held against a line."""
SOME = 10
"""The same where a figure is noisy."""
FLAT_SHARE = 0.5
"""Groups without variance, of all: the rest of the step is computed for nothing."""
FLAT_STEPS = 20
"""Steps in a row with no variance in any group that stop the training: nothing has been learnt in them."""
ENTROPY = 0.01
"""Nats a token; axolotl's red line."""
ENTROPY_SHARE = 0.25
"""Of the start's entropy."""
KL = 2.0
"""Nats a token; axolotl's red line."""
CLIPPED = 0.8
"""Share of completions that were cut off; axolotl's red line."""
WINDOWS = 5
"""Windows of SOME steps, each with longer completions than the one before."""
GROWTH = 1.2
"""By which they must have grown meanwhile."""
LENGTH_TIMES = 2.0
NO_REWARD = 20
"""Steps whose mean reward is exactly 0; axolotl's red line."""


def no_variance(history: History) -> Trouble | None:
    shares = history.last("zero_std_ratio", FLAT_STEPS)
    flat = next((back for back, share in enumerate(reversed(shares)) if share < 1), len(shares))
    share = fmean(shares[-SOME:])
    if len(shares) < SOME or share < FLAT_SHARE:
        return None
    mend = (
        "Raise temperature or num_generations, take prompts that are neither always nor never answered well, or a "
        "judge with finer scores."
    )
    if flat >= FLAT_STEPS:
        return Trouble(
            "Nothing is learnt: within every group all completions have the same reward.",
            f"So it was in each of the last {flat} steps.",
            mend,
            stops=True,
            since=history.step_of("zero_std_ratio", flat),
        )
    return Trouble(
        "Many groups teach nothing: all their completions have the same reward.",
        f"{share:.0%} of the groups over the last {SOME} steps.",
        mend,
        severity=share,
        figures={"zero_std_ratio": share},
    )


def entropy_collapse(history: History) -> Trouble | None:
    figures = history.last("entropy", FEW)
    if len(figures) < FEW or (now := fmean(figures)) >= ENTROPY:
        return None
    return Trouble(
        "The policy has all but stopped exploring.",
        f"Its entropy is {now:.2g} nats a token, mean over {FEW} steps; it began at "
        f"{fmean(history.first('entropy', FEW)):.2g}.",
        _explore(history),
        severity=ENTROPY / max(now, 1e-9),
        figures={"entropy": now},
    )


def entropy_falling(history: History) -> Trouble | None:
    if history.count("entropy") < 2 * FEW:
        return None
    start, now = fmean(history.first("entropy", FEW)), fmean(history.last("entropy", FEW))
    if now >= ENTROPY_SHARE * start:
        return None
    return Trouble(
        "The policy's entropy has fallen far.",
        f"From {start:.2g} to {now:.2g} nats a token within {history.step} steps.",
        _explore(history),
        severity=start / max(now, 1e-9),
        figures={"start": start, "entropy": now},
    )


def drift(history: History) -> Trouble | None:
    figures = history.last("kl", FEW)
    if len(figures) < FEW or (now := fmean(figures)) <= KL:
        return None
    return Trouble(
        "The policy has gone far from the model it began as.",
        f"The KL divergence is {now:.3g} nats a token, mean over {FEW} steps.",
        f"Raise beta ({history.settings['beta']:g} in effect) or lower learning_rate "
        f"({history.settings['learning_rate']:g}).",
        severity=now / KL,
        figures={"kl": now},
    )


def cut_off(history: History) -> Trouble | None:
    figures = history.last("clipped_ratio", FEW)
    if len(figures) < FEW or (now := fmean(figures)) <= CLIPPED:
        return None
    masked = " With mask_truncated they teach nothing." if history.settings["mask_truncated"] else ""
    return Trouble(
        "Most completions are cut off before they end.",
        f"{now:.0%} of them over the last {FEW} steps.{masked}",
        f"Raise max_completion_length ({history.settings['max_completion_length']} in effect), or teach the model to "
        "come to an end in SFT first.",
        severity=now,
        figures={"clipped_ratio": now},
    )


def swelling(history: History) -> Trouble | None:
    lengths = history.figures("completion_length")
    if len(lengths) < 2 * SOME:
        return None
    start, now = fmean(lengths[:SOME]), fmean(lengths[-SOME:])
    tail = lengths[-WINDOWS * SOME :]
    windows = [fmean(tail[at : at + SOME]) for at in range(0, len(tail), SOME)]
    steady = len(tail) == WINDOWS * SOME and windows == sorted(set(windows)) and windows[-1] >= GROWTH * windows[0]
    if now <= LENGTH_TIMES * start and not steady:
        return None
    spans = f" Each of the last {WINDOWS} spans of {SOME} steps was longer than the one before." if steady else ""
    return Trouble(
        "Completions grow longer and longer.",
        f"{now:.0f} tokens on average over the last {SOME} steps; they began at {start:.0f}.{spans}",
        "Read some: is it thought or padding? If the reward pays for length, mend the reward; loss_type = dr_grpo "
        "takes length out of the loss.",
        severity=now / max(start, 1.0),
        figures={"start": start, "completion_length": now},
    )


def no_reward(history: History) -> Trouble | None:
    rewards = history.last("reward", NO_REWARD)
    if len(rewards) < NO_REWARD or any(rewards):
        return None
    return Trouble(
        "There is no reward.",
        f"The mean reward was 0 in each of the last {NO_REWARD} steps.",
        "Read the completions shown: either the judge cannot read them or no prompt is within the model's reach.",
        figures={"reward": 0.0},
    )


def _explore(history: History) -> str:
    settings = history.settings
    return (
        f"Lower learning_rate ({settings['learning_rate']:g} in effect), raise temperature "
        f"({settings['temperature']:g}) or epsilon_high ({settings['epsilon_high']:g}), or stop here: the newest "
        "checkpoints may be past their best."
    )


RULES = (
    *common.RULES,
    Rule("zero_std_ratio", no_variance),
    Rule("entropy", entropy_collapse),
    Rule("entropy", entropy_falling),
    Rule("kl", drift),
    Rule("clipped_ratio", cut_off),
    Rule("completion_length", swelling),
    Rule("reward", no_reward),
)
