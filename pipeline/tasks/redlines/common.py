"""Red lines of every training: figures that are not finite, gradients that explode, memory that is paged."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from statistics import median

from pipeline.tasks.redlines.history import History
from pipeline.tasks.redlines.watch import Rule, Trouble

MUST_BE_FINITE = ("loss", "grad_norm", "validation_loss")
ENOUGH = 10
"""Steps before there is a median worth the name."""
BASE = 200
"""Steps, the first ones, that a median is taken over at most."""
GRADIENT_NORM = 10.0
"""Axolotl's red line; a norm may live above it for good, hence the median beside it."""
GRADIENT_TIMES = 10.0
PAGING_TIMES = 10.0
"""A step of 1 s takes 80 to 100 s once the GPU's memory is paged; ten times is far from both."""
PAGING_STEPS = 3
"""In a row: a single slow step may be a checkpoint or a busy disk."""


def not_finite(history: History) -> Trouble | None:
    row = history.row
    broken = [name for name in MUST_BE_FINITE if name in row and (row[name] is None or not math.isfinite(row[name]))]
    if not broken:
        return None
    rate = history.settings["learning_rate"]
    before = history.last("loss", 1)
    return Trouble(
        f"The training broke: {' and '.join(broken)} {'are' if len(broken) > 1 else 'is'} not a finite number.",
        f"Step {history.step}; the last finite loss was {before[0]:.4g}." if before else f"Step {history.step}.",
        f"Lower learning_rate ({rate:g} in effect), lengthen warmup_steps or set max_grad_norm (to 1, say). "
        "To resume with the same settings leads to the same place.",
        stops=True,
    )


def exploding_gradient(history: History) -> Trouble | None:
    norms = history.figures("grad_norm")
    if len(norms) <= ENOUGH or (norm := norms[-1]) <= GRADIENT_NORM:
        return None
    usual = own_median(norms[:-1])
    if norm <= GRADIENT_TIMES * usual:
        return None
    clipped = history.settings["max_grad_norm"]
    return Trouble(
        "The gradient norm leapt up.",
        f"{norm:.3g} in step {history.step}; its median over the first steps is {usual:.3g}.",
        (f"It is clipped to {clipped:g}, so one leap does little. " if clipped else "Set max_grad_norm. ")
        + "If it goes on: lower learning_rate, and look for rows unlike the others.",
        severity=norm / (GRADIENT_TIMES * usual),
        figures={"grad_norm": norm, "median": usual},
    )


def paging(history: History) -> Trouble | None:
    times = history.figures("step_time")
    before, slow = times[:-PAGING_STEPS], times[-PAGING_STEPS:]
    if len(before) < ENOUGH:
        return None
    usual = own_median(before)
    if min(slow) <= PAGING_TIMES * usual:
        return None
    why = (
        "The Windows driver pages GPU memory to system memory instead of failing, which looks like this."
        if sys.platform == "win32"
        else "Either memory is paged or something else takes the machine."
    )
    return Trouble(
        "Steps have become very slow.",
        f"The last {PAGING_STEPS} took {min(slow):.3g} s and more; the median of the first ones is {usual:.3g} s. "
        + why,
        "Close what else uses the GPU, or lower batch_size (and raise gradient_accumulation as much), max_seq_length "
        "or the length of completions.",
        severity=min(slow) / (PAGING_TIMES * usual),
        since=history.step_of("step_time", PAGING_STEPS),
        figures={"step_time": slow[-1], "median": usual},
    )


def own_median(figures: Sequence[float]) -> float:
    """What is usual for a training: the lesser of two medians, so that neither a slow beginning nor a trouble that
    lasts is taken for it."""
    return min(median(figures[:ENOUGH]), median(figures[:BASE]))


RULES = (
    Rule("", not_finite),
    Rule("grad_norm", exploding_gradient),
    Rule("step_time", paging),
)
