"""Red lines of SFT: divergence, a loss that does not fall, and a validation loss that parts from it.

The advice is that of the plan's 750M track, put in terms of the settings in effect.
"""

from __future__ import annotations

from itertools import pairwise
from statistics import fmean, stdev

from pipeline.tasks.redlines import common
from pipeline.tasks.redlines.history import History
from pipeline.tasks.redlines.watch import Rule, Trouble

SMOOTH = 10
"""Steps that a smoothed loss is the mean of."""
NOISE = 2.0
"""Standard deviations of the first SMOOTH losses that a smoothed loss must lie above their mean: the loss of a model
that learns nothing crosses the mean itself all the time."""
LEARNT = 0.1
"""Nats a token: a loss below it neither diverges nor has to fall. A phase that begins with what the one before taught
starts at a hundredth of that, and the warm-up alone lifts it."""
DIVERGING = 10
"""Steps above the start that are worth a word."""
DIVERGED = 50
"""Steps above the start that stop the training."""
STUCK_AFTER = 50
"""Steps in which a loss that can fall has begun to."""
STUCK_SHARE = 0.95
"""Of the start's loss: LoRA on a capable model may gain no more than a fifth, but a twentieth it does."""
FASTER = 1.5
"""The plan's own step when stuck: from 5e-5 to 7.5e-5."""
FAR_ABOVE = 1.5
"""Validation loss over training loss that is far; 2.5 over 1.5 is the plan's own end of a good training."""
FAR_GAP = 0.2
"""Nats as well: far in proportion means little where both are near 0."""
DROPOUT = 0.2
EARLIER = 0.6
"""Of the steps: the plan's own, 3,000 of 5,000."""
WEIGHT_DECAY = 0.1
RISES = 3
"""Measures in a row, each above the one before."""
FLAT = 5
"""Measures without a new best that make a plateau."""
FLAT_GAIN = 0.005
"""Share by which a best must be better to be new."""


def divergence(history: History) -> Trouble | None:
    losses = history.figures("loss")
    if len(losses) < SMOOTH + DIVERGING:
        return None
    start = losses[:SMOOTH]
    line = max(fmean(start) + NOISE * stdev(start), LEARNT)
    above = 0
    while above < DIVERGED and (end := len(losses) - above) >= 2 * SMOOTH and fmean(losses[end - SMOOTH : end]) > line:
        above += 1
    if above < DIVERGING:
        return None
    now = fmean(losses[-SMOOTH:])
    rate = history.settings["learning_rate"]
    return Trouble(
        "The loss diverges." if above >= DIVERGED else "The loss has risen above its start.",
        f"Its mean over {SMOOTH} steps has been above {line:.4g} for {above} steps and is {now:.4g}; it began at "
        f"{fmean(start):.4g}.",
        f"Lower learning_rate ({rate:g} in effect) or lengthen warmup_steps ({history.settings['warmup_steps']}).",
        stops=above >= DIVERGED,
        since=history.step_of("loss", above),
        figures={"start": fmean(start), "smoothed": now, "steps_above": above},
    )


def not_falling(history: History) -> Trouble | None:
    if history.count("loss") < STUCK_AFTER:
        return None
    start, now = fmean(history.first("loss", SMOOTH)), fmean(history.last("loss", SMOOTH))
    if now <= max(STUCK_SHARE * start, LEARNT):
        return None
    rate = history.settings["learning_rate"]
    return Trouble(
        "The loss does not fall.",
        f"After {history.count('loss')} steps it is {now:.4g}, mean over {SMOOTH}; it began at {start:.4g}.",
        "Read the examples in the plan (is the loss on the answer?), then raise learning_rate by half, "
        f"from {rate:g} to {FASTER * rate:g}.",
        figures={"start": start, "smoothed": now},
    )


def overfitting(history: History) -> Trouble | None:
    validation, training = history.figures("validation_loss")[-1], fmean(history.last("loss", SMOOTH))
    gap = validation - training
    if gap < FAR_GAP or validation < FAR_ABOVE * training:
        return None
    return Trouble(
        "The validation loss is far above the training loss: the model learns the rows by heart.",
        f"{validation:.4g} against {training:.4g} at step {history.step}, a gap of {gap:.4g}.",
        _against_overfitting(history),
        severity=gap,
        figures={"validation_loss": validation, "training_loss": training},
    )


def validation_rising(history: History) -> Trouble | None:
    marks = history.last("validation_loss", RISES + 1)
    if len(marks) <= RISES or any(later <= earlier for earlier, later in pairwise(marks)):
        return None
    losses = history.figures("loss")
    back = history.step - history.step_of("validation_loss", RISES + 1)
    before, now = losses[:-back][-SMOOTH:], losses[-SMOOTH:]
    if not before or fmean(now) >= fmean(before):
        return None
    return Trouble(
        "The validation loss rises while the training loss falls.",
        f"The last measures are {', '.join(f'{mark:.4g}' for mark in marks)}; the training loss went from "
        f"{fmean(before):.4g} to {fmean(now):.4g}.",
        _against_overfitting(history),
        since=history.step_of("validation_loss", RISES),
        figures={"validation_loss": marks[-1], "training_loss": fmean(now)},
    )


def plateau(history: History) -> Trouble | None:
    measures = history.figures("validation_loss")
    earlier, later = measures[:-FLAT], measures[-FLAT:]
    if not earlier or min(later) < (1 - FLAT_GAIN) * min(earlier):
        return None
    return Trouble(
        "The validation loss has stopped falling.",
        f"The best of the last {FLAT} measures is {min(later):.4g}, the best before them {min(earlier):.4g} at step "
        f"{history.step_of('validation_loss', len(measures) - earlier.index(min(earlier)))}.",
        "More steps bring little: fewer would do, or more and other rows.",
        level="note",
        figures={"validation_loss": measures[-1], "best": min(measures)},
    )


def _against_overfitting(history: History) -> str:
    settings = history.settings
    fewer, dropout = "fewer steps", "lora_dropout"
    if "dropout" in settings:  # every weight is trained, as on the plan's 750M track
        fewer, dropout = f"fewer steps, {EARLIER * settings['max_steps']:,.0f} say", "dropout"
    ways = [f"{fewer} (the best measure was at step {_best_step(history)})"]
    if settings[dropout] < DROPOUT:
        ways.append(f"{dropout} = {DROPOUT} ({settings[dropout]:g} in effect)")
    if settings["weight_decay"] < WEIGHT_DECAY:
        ways.append(f"weight_decay = {WEIGHT_DECAY} ({settings['weight_decay']:g} in effect)")
    return f"Try {', '.join(ways)}, or more rows."


def _best_step(history: History) -> int:
    measures = history.figures("validation_loss")
    return history.step_of("validation_loss", len(measures) - measures.index(min(measures)))


RULES = (
    *common.RULES,
    Rule("loss", divergence),
    Rule("loss", not_falling),
    Rule("validation_loss", overfitting, recovered=1),
    Rule("validation_loss", validation_rising, recovered=1),
    Rule("validation_loss", plateau, recovered=1),
)
