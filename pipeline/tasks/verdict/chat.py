"""The five points of chat SFT: the trained model against the base that it began as, each by an interval.

Reasoning is the battery's group RQ. The other points go by the dimension that comes nearest to them; none marks tone as
such, and honest engagement, dealing with the matter without dodging, stands for it.
"""

from __future__ import annotations

import math

from pipeline.engine.rows import Row
from pipeline.tasks.statistics import wilson
from pipeline.tasks.verdict.evidence import (
    Check,
    Criterion,
    Evidence,
    Question,
    Thresholds,
    above_zero,
    find_pair,
    is_usable,
    signed,
)

GROUP = "RQ"
"""The battery's tests of reasoning, by the beginning of their ids."""
POINTS = (
    ("follows_instructions", "instruction_following", "Does it follow instructions better?"),
    ("conversational_tone", "honest_engagement", "Is its tone more conversational?"),
    ("stays_on_topic", "helpfulness", "Does it stay on topic better, with answers about the user's case?"),
    ("context_awareness", "context_faithfulness", "Is it better aware of the context?"),
)
"""Name of the point, the dimension that stands for it, and what is asked."""


def maintains_reasoning(evidence: Evidence, thresholds: Thresholds) -> Criterion:
    """Non-inferiority: the interval must rule out a loss beyond the margin.

    The interval of a difference of two shares is made of Wilson's. Source: Newcombe, Interval Estimation for the
    Difference Between Independent Proportions (1998), method 10.
    """
    question = Question("maintains_reasoning", "Does it maintain the base's reasoning ability, on the battery's RQ?")
    evaluation = evidence.evaluation
    if evaluation is None or len(evaluation["contestants"]) < 2:
        return question.unanswered("no evaluation of the trained model beside its base was given to the report")
    names = [contestant["name"] for contestant in evaluation["contestants"]]
    base, tuned = (_reasoned(evaluation, name) for name in (names[0], names[-1]))
    if not base[1] or not tuned[1]:
        return question.unanswered(f"the battery's {GROUP} was not answered by both")
    if not base[0]:
        return question.unanswered(f"{names[0]} passes none of {base[1]}, so there is nothing to maintain")
    change, margin = _difference(tuned, base, evaluation["confidence"]), thresholds.reasoning_margin
    kept = change["low"] > -margin
    word = "maintained" if kept else "lost" if change["high"] < 0 else "not shown"
    why = (
        f"{word}: {names[-1]} passes {tuned[0]} of {tuned[1]}, {names[0]} {base[0]} of {base[1]}, {signed(change)}; a "
        f"loss of more than {margin:g} is {'ruled out' if kept else 'not ruled out'}"
    )
    return question.answer(kept, why, **change, margin=margin)


def _reasoned(evaluation: Row, name: str) -> tuple[int, int]:
    """Passed, and passed, failed or refused, of the answers of one contestant."""
    tests = (evaluation.get("battery") or {}).get("tests", [])
    results = [result for test in tests if test["id"].startswith(f"{GROUP}-") for result in test["results"]
               if result["contestant"] == name]  # fmt: skip
    return sum(result["outcomes"]["passed"] for result in results), sum(result["rate"]["n"] for result in results)


def _difference(new: tuple[int, int], old: tuple[int, int], confidence: float) -> Row:
    first, second = (wilson(*counts, confidence).to_row() for counts in (new, old))
    mean = first["mean"] - second["mean"]
    below = math.hypot(first["mean"] - first["low"], second["high"] - second["mean"])
    above = math.hypot(first["high"] - first["mean"], second["mean"] - second["low"])
    return {"mean": mean, "low": mean - below, "high": mean + above, "n": min(new[1], old[1])}


def _point(name: str, dimension: str, text: str) -> Check:
    words = dimension.replace("_", " ")

    def check(evidence: Evidence, thresholds: Thresholds) -> Criterion:
        question = Question(name, text)
        pair, missing = find_pair(evidence, thresholds, against=0)
        if pair is None:
            return question.unanswered(missing)
        found = pair["dimensions"][dimension]
        if not is_usable(found, thresholds):
            return question.unanswered(f"{words} applies to fewer than {thresholds.dimension_prompts} prompts")
        improved, figures = above_zero(found)
        why = f"{'improved' if improved else 'not shown'}: {words} {figures} over {pair['against']}"
        return question.answer(improved, why, dimension=dimension, **found)

    return check


FIVE: tuple[Check, ...] = (maintains_reasoning, *(_point(*point) for point in POINTS))
"""In the order of the plan of phase 3a."""
