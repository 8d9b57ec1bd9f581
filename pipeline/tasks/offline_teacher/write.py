"""The offline teacher: a trace of the type asked for, written from a prompt's ground truth."""

from __future__ import annotations

from random import Random

from pipeline.tasks.offline_teacher import adequate, chosen_answer, chosen_thought, rejected
from pipeline.tasks.offline_teacher.case import Case
from pipeline.tasks.records import Prompt, TraceType

NAME = "offline-teacher-1"
WRITERS = {
    "chosen": (chosen_thought.think, chosen_answer.reply),
    "adequate": (adequate.think, adequate.reply),
    "rejected": (rejected.think, rejected.reply),
}


def can_write(prompt: Prompt) -> bool:
    """It needs to know what is true of a prompt."""
    return prompt["truth"] is not None and bool(prompt["truth"]["variables"])


def write(prompt: Prompt, type: TraceType, sample: int, seed: int) -> tuple[str, str]:
    """(thought, answer), always the same for the same arguments. Raises ValueError where `can_write` is false."""
    truth = prompt["truth"]
    if truth is None or not truth["variables"]:
        raise ValueError(f"nothing is known of prompt {prompt['id']}")
    case = Case(prompt["category"], truth, Random(f"{seed}/{prompt['id']}/{prompt['problem']}/{type}/{sample}"))
    think, reply = WRITERS[type]
    return think(case), reply(case)
