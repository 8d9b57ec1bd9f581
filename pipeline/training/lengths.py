"""Sequence lengths in effect: no longer than what the model can attend to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pipeline.engine.stage import Context, PlanContext
from pipeline.training.load import positions
from pipeline.training.settings import TrainerSettings

ANY = 2**31
"""A `max_seq_length` that leaves nothing out."""


def lengths_within(config: TrainerSettings, room: int) -> dict[str, int]:
    """Setting -> its value in effect, of those that are too long for a model of `room` positions.

    Prompt and completion keep their shares of a sequence.
    """
    asked = config.max_seq_length
    if room >= asked:
        return {}
    changed = {"max_seq_length": room}
    if (completion := getattr(config, "max_completion_length", 0)) and completion > (
        less := completion * room // asked
    ):
        changed["max_completion_length"] = max(1, less)
    return changed


def shorten(context: Context, directory: Path) -> Context:
    """The context with lengths that the model in `directory` has positions for; what changes is recorded."""
    changed = lengths_within(context.config, positions(directory))
    for setting, value in changed.items():
        context.in_effect(setting, getattr(context.config, setting), value, "the model has no more positions")
    return replace(context, config=context.config.model_copy(update=changed)) if changed else context


def foresee_lengths(context: PlanContext, room: int) -> PlanContext:
    """What `shorten` will come to, for a plan."""
    changed = lengths_within(context.config, room)
    return replace(context, config=context.config.model_copy(update=changed))
