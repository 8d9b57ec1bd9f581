"""The offline judge: nine marks of a text from the prompt's ground truth and the text alone.

It knows no label and no writer. It listens for the meaning of sentences with ordinary English word lists, and gates
what games such a listener. Fast enough to be a reward: about a millisecond a text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from pipeline.tasks.dimensions import DIMENSIONS, Scores
from pipeline.tasks.offline_judge import dimensions, gates
from pipeline.tasks.offline_judge.case import Case
from pipeline.tasks.offline_judge.dimensions import Mark
from pipeline.tasks.offline_judge.text import Reading
from pipeline.tasks.records import Truth, split_thought
from pipeline.tasks.rubric import Weights, reward

MODEL = "offline-1"
"""Raised when the same text earns other marks."""

_RULES: dict[str, Callable[[Case], Mark]] = {name: getattr(dimensions, name) for name in DIMENSIONS}


@dataclass(frozen=True)
class Marks:
    scores: Scores
    reasons: dict[str, str]


def judge(truth: Truth | None, messages: Sequence[Mapping[str, str]], thought: str, answer: str) -> Marks:
    """Marks a text: dimension -> 0..1, None where it does not apply; and a short reason for each mark.

    Without a truth (a prompt of the user's own) only what the text alone shows is marked.
    """
    prompt = _prompt("\n\n".join(message["content"] for message in messages))
    case = Case(truth, prompt, Reading(thought, prompt), Reading(answer, prompt))
    factor, faults = _gate(case)
    scores: Scores = {}
    reasons: dict[str, str] = {}
    for dimension, rule in _RULES.items():
        mark = rule(case)
        if mark is None:
            scores[dimension] = None
            continue
        scores[dimension] = round(max(0.0, min(1.0, mark[0])) * factor, 4)
        reasons[dimension] = "; ".join([mark[1], *faults])
    return Marks(scores, reasons)


@lru_cache(1024)
def _prompt(text: str) -> Reading:
    return Reading(text)


def _gate(case: Case) -> tuple[float, list[str]]:
    """What all marks are multiplied with, and why."""
    sentences = [*case.thought.sentences, *case.answer.sentences]
    factors = {
        "word salad": gates.prose(sentences),
        "repetition": min(gates.fresh(case.thought), gates.fresh(case.answer)),
        "lists": 0.2 + 0.8 * gates.unlisted(case.specific, sentences),
        "copied": gates.own(case.thought, case.answer) * (0.6 + 0.4 * gates.own(case.thought)),
        "thought again": 0.5 + 0.5 * gates.separate(case.thought, case.answer),
        "filler": 0.3 + 0.7 * gates.grounded(case.topic, sentences),
    }
    if not case.answer.count:
        factors["no answer"] = 0.1 if case.thought.count else 0.0
    elif case.thought.count < 3:
        factors["no thought"] = 0.55
    return math.prod(factors.values()), [name for name, factor in factors.items() if factor < 0.9]


def score_completion(
    truth: Truth | None,
    messages: Sequence[Mapping[str, str]],
    text: str,
    weights: Weights | None = None,
    renormalise: bool = True,
) -> tuple[float, Scores]:
    """(reward, marks) of what a model wrote, think block and all; a think block that never ends leaves no answer."""
    thought, answer, _ = split_thought(text)
    scores = judge(truth, messages, thought, answer).scores
    return reward(scores, weights or Weights(), renormalise), scores
