"""Criteria of the answers to held-out prompts: rewards and dimensions in pairs, refusals, thoughts."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from pipeline.engine.rows import Row
from pipeline.tasks.board.language import refuses
from pipeline.tasks.dimensions import CONTENT_DIMENSIONS
from pipeline.tasks.statistics import mean, mean_interval, paired_difference, wilson
from pipeline.tasks.verdict.evidence import (
    Criterion,
    Evidence,
    Question,
    Thresholds,
    above_zero,
    find_pair,
    is_usable,
    signed,
)

STEPS, STEP_WORDS = 2, 3
"""A thought is structured that has so many different steps, a step being a line or sentence of so many words."""
_STEP = re.compile(r"\n+|(?<=[.!?:;])\s+")


def beats_baseline(evidence: Evidence, thresholds: Thresholds) -> Criterion:
    question = Question("beats_baseline", "Does the tuned model score higher than the baseline on held-out prompts?")
    pair, missing = find_pair(evidence, thresholds, against=0)
    if pair is None:
        return question.unanswered(missing)
    met, why = above_zero(pair["reward"])
    return question.answer(met, f"mean reward {why} over {pair['against']}", **pair["reward"])


def keeps_sft(evidence: Evidence, thresholds: Thresholds) -> Criterion:
    """Non-inferiority with a preserved share: the interval must rule out a loss beyond it, which a wide one does not.

    Source of the form: ICH E10, Choice of Control Group in Clinical Trials (2000), on margins of non-inferiority. A
    single dimension fails it only where a loss greater than its own margin is shown: nine of them would otherwise fail
    by chance.
    """
    question = Question("keeps_sft", "Does the model after GRPO keep what SFT taught?")
    if evidence.evaluation and len(evidence.evaluation["contestants"]) < 3:
        return question.unanswered("the model between SFT and GRPO is not among the contestants")
    pair, missing = find_pair(evidence, thresholds, against=-2)
    taught, missing = find_pair(evidence, thresholds, against=0, contestant=-2) if pair else (None, missing)
    if pair is None or taught is None:
        return question.unanswered(missing)
    gain, change = taught["reward"], pair["reward"]
    if not above_zero(gain)[0]:
        return question.unanswered(f"SFT taught nothing measurable: mean reward {signed(gain)}", taught=gain)
    margin = (1 - thresholds.kept) * gain["mean"]
    undone = [
        name
        for name, estimate in pair["dimensions"].items()
        if is_usable(estimate, thresholds) and estimate["high"] < -thresholds.dimension_margin
    ]
    kept = change["low"] > -margin
    why = f"mean reward {signed(change)} over {pair['against']}; a loss of more than {1 - thresholds.kept:.0%} of "
    why += f"what SFT gained ({margin:.3f}) is {'ruled out' if kept else 'not ruled out'}"
    if undone:
        why += f"; lost more than {thresholds.dimension_margin:g} each: {', '.join(undone).replace('_', ' ')}"
    return question.answer(kept and not undone, why, **change, taught=gain, margin=margin, undone=undone)


def improves_content(evidence: Evidence, thresholds: Thresholds) -> Criterion:
    question = Question(
        "improves_content",
        "Does at least one of helpfulness, calibrated uncertainty and conflict resolution beat the baseline?",
    )
    pair, missing = find_pair(evidence, thresholds, against=0)
    if pair is None:
        return question.unanswered(missing)
    figures = {name: pair["dimensions"][name] for name in CONTENT_DIMENSIONS}
    usable = {name: estimate for name, estimate in figures.items() if is_usable(estimate, thresholds)}
    if not usable:
        return question.unanswered(f"none of them applies to {thresholds.dimension_prompts} prompts", **figures)
    why = "; ".join(
        f"{name.replace('_', ' ')} {signed(estimate) if name in usable else 'not measurable'}"
        for name, estimate in figures.items()
    )
    return question.answer(any(above_zero(estimate)[0] for estimate in usable.values()), why, **figures)


def dimensions_improve(evidence: Evidence, thresholds: Thresholds) -> Criterion:
    """The mean of the nine has to rise, and none may be shown to fall by more than its margin."""
    question = Question("dimensions_improve", "Do the dimension scores improve on held-out prompts over the baseline?")
    pair, missing = find_pair(evidence, thresholds, against=0)
    if pair is None:
        return question.unanswered(missing)
    figures = {name: estimate for name, estimate in pair["dimensions"].items() if is_usable(estimate, thresholds)}
    risen = [name for name, estimate in figures.items() if above_zero(estimate)[0]]
    fallen = [name for name, estimate in figures.items() if estimate["high"] < -thresholds.dimension_margin]
    met, why = above_zero(pair["reward"])
    why = f"mean reward {why} over {pair['against']}; risen: {_words(risen)}"
    if fallen:
        why += f"; lost more than {thresholds.dimension_margin:g} each: {_words(fallen)}"
    return question.answer(met and not fallen, why, reward=pair["reward"], risen=risen, fallen=fallen, **figures)


def no_more_refusals(evidence: Evidence, thresholds: Thresholds) -> Criterion:
    """Non-inferiority, paired over prompts: the interval of the increase must lie below the margin.

    Where no prompt differs a bootstrap would claim certainty; the bound is then Wilson's of none among so many.
    """
    question = Question("no_more_refusals", "Does the tuned model refuse no more often than the baseline?")
    pair, missing = find_pair(evidence, thresholds, against=0)
    if pair is None:
        return question.unanswered(missing)
    tuned, baseline = (_per_prompt(evidence, name, _refused) for name in (pair["contestant"], pair["against"]))
    n, margin = len(tuned.keys() & baseline.keys()), thresholds.refusal_margin
    if n < thresholds.prompts:
        return question.unanswered(f"{n} prompts were answered by both, fewer than {thresholds.prompts}", prompts=n)
    change = paired_difference(tuned, baseline, seed=evidence.seed, confidence=thresholds.confidence)
    figure = change.to_row()
    if figure["low"] == figure["high"]:
        figure["high"] = max(figure["high"], wilson(0, n).to_row()["high"])
    shares = {name: mean(list(rates.values())) for name, rates in (("tuned", tuned), ("baseline", baseline))}
    why = f"refusals {signed(figure)} over {pair['against']}, from {shares['baseline']:.1%} to {shares['tuned']:.1%}; "
    why += f"an increase of more than {margin:g} is {'ruled out' if figure['high'] < margin else 'not ruled out'}"
    if change.low == change.high == 0 and figure["high"] >= margin:
        return question.unanswered(f"no prompt differs, and {n} prompts are too few to rule out {margin:g}", **figure)
    return question.answer(figure["high"] < margin, why, **figure, **shares)


def still_thinks(evidence: Evidence, thresholds: Thresholds) -> Criterion:
    """A thought counts where it is there, was closed before the answer, and holds two different steps or more."""
    question = Question("still_thinks", "Does the tuned model still think, in a block that is closed and structured?")
    pair, missing = find_pair(evidence, thresholds, against=0)
    if pair is None:
        return question.unanswered(missing)
    if evidence.evaluation and not evidence.evaluation.get("thinking", True):
        return question.unanswered("the models were told not to think")
    rows = _heldout(evidence, pair["contestant"])
    whole = [row for row in rows if row["outcome"] in ("answered", "empty")]
    if 2 * len(whole) < len(rows):
        return question.unanswered(f"{len(rows) - len(whole)} of {len(rows)} answers were cut off or blocked")
    shares = _per_prompt(evidence, pair["contestant"], _thinks)
    if len(shares) < thresholds.prompts:
        return question.unanswered(f"{len(shares)} prompts were answered, fewer than {thresholds.prompts}")
    share = mean_interval(list(shares.values()), seed=evidence.seed, confidence=thresholds.confidence).to_row()
    if share["low"] == share["high"]:
        share["low"] = min(share["low"], 1 - wilson(0, len(shares)).to_row()["high"])
    bare = sum(not row["thought"].strip() for row in whole)
    unclosed = sum(row["outcome"] == "empty" and bool(row["thought"].strip()) for row in whole)
    counts = {"answers": len(rows), "left_out": len(rows) - len(whole), "without": bare, "unclosed": unclosed}
    why = f"{share['mean']:.1%} [{share['low']:.1%}, {share['high']:.1%}] of its answers have one; {bare} have no "
    why += f"thought, {unclosed} do not close it, {counts['left_out']} were cut off or blocked and are left out"
    return question.answer(share["low"] >= thresholds.thinks, why, **share, **counts)


def _heldout(evidence: Evidence, name: str) -> list[Row]:
    return [row for row in evidence.answers if row["contestant"] == name and row.get("set", "heldout") == "heldout"]


def _per_prompt(evidence: Evidence, name: str, holds: Callable[[Row], bool | None]) -> dict[str, float]:
    """Prompt -> share of its answers of which it holds; those of which it is None are left out."""
    found: dict[str, list[bool]] = {}
    for row in _heldout(evidence, name):
        if (held := holds(row)) is not None:
            found.setdefault(row["prompt_id"], []).append(held)
    return {prompt: sum(values) / len(values) for prompt, values in found.items()}


def _refused(row: Row) -> bool | None:
    """None where it did not come to an end: nobody knows."""
    if row["outcome"] == "blocked":
        return True
    return refuses(row["answer"]) if row["outcome"] in ("answered", "empty") else None


def _thinks(row: Row) -> bool | None:
    """An unclosed block leaves no answer, so what was answered behind a thought closed it."""
    if row["outcome"] not in ("answered", "empty"):
        return None
    steps = {step.strip().lower() for step in _STEP.split(row["thought"]) if len(step.split()) >= STEP_WORDS}
    return row["outcome"] == "answered" and len(steps) >= STEPS


def _words(names: Sequence[str]) -> str:
    return ", ".join(names).replace("_", " ") or "none"
