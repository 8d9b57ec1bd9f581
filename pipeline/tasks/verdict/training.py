"""Criteria of the trainings: their rewards, and whether they ran as they were set."""

from __future__ import annotations

from pipeline.tasks.statistics import difference_of_means
from pipeline.tasks.verdict.evidence import Criterion, Evidence, Question, Thresholds, Training, above_zero


def reward_rises(evidence: Evidence, thresholds: Thresholds) -> Criterion:
    question = Question("reward_rises", "Is the reward in the last quarter of GRPO above that in its first?")
    grpo = evidence.last("grpo")
    if grpo is None:
        return question.unanswered("no GRPO step was given to the report")
    # A step counts once, however often it was logged before and after a resume.
    logged = {row["step"]: row["reward"] for row in grpo.metrics if row.get("reward") is not None}
    rewards = [logged[step] for step in sorted(logged)]
    if len(rewards) < thresholds.steps:
        return question.unanswered(
            f"GRPO logged a reward at {len(rewards)} steps, fewer than {thresholds.steps}", steps=len(rewards)
        )
    quarter = len(rewards) // 4
    first, last = rewards[:quarter], rewards[-quarter:]
    difference = difference_of_means(last, first, seed=evidence.seed, confidence=thresholds.confidence).to_row()
    met, why = above_zero(difference)
    return question.answer(
        met,
        f"reward of the last {quarter} steps {why} over the first {quarter}",
        **difference,
        steps=len(rewards),
        first_quarter=round(sum(first) / quarter, 6),
        last_quarter=round(sum(last) / quarter, 6),
    )


def no_out_of_memory(evidence: Evidence, _: Thresholds) -> Criterion:
    """A step that runs out of memory and finds no way on leaves no artifact; one that does says what it reduced."""
    question = Question("no_out_of_memory", "Did SFT and GRPO fit into memory as they were set?")
    trainings, missing = _both(evidence)
    if missing:
        return question.unanswered(missing)
    reduced = {
        f"{training.name}.{setting}": entry["in_effect"]
        for training in trainings
        for setting, entry in training.made["effective"].items()
        if "memory" in entry["why"].lower()
    }
    peaks = {training.name: max((row.get("memory_gpu") or 0 for row in training.metrics), default=0) or None
             for training in trainings}  # fmt: skip
    why = f"reduced for want of memory: {', '.join(reduced)}" if reduced else "nothing had to be reduced"
    return question.answer(not reduced, why, reduced=reduced, peak_gpu_bytes=peaks)


NOT_INSTALLED = "Unsloth is not installed"
"""The one reason for another backend that is no crash."""


def no_backend_crash(evidence: Evidence, _: Thresholds) -> Criterion:
    question = Question("no_backend_crash", "Did SFT and GRPO run on the backend they began with?")
    trainings, missing = _both(evidence)
    if missing:
        return question.unanswered(missing)
    fallbacks = {
        training.name: training.made["effective"]["backend"]["why"]
        for training in trainings
        if training.made["effective"].get("backend", {}).get("why", NOT_INSTALLED) != NOT_INSTALLED
    }
    backends = {training.name: training.made["summary"]["backend"] for training in trainings}
    why = "; ".join(f"{name}: {reason}" for name, reason in fallbacks.items()) or "; ".join(
        f"{name} ran on {backend}" for name, backend in backends.items()
    )
    return question.answer(not fallbacks, why, backends=backends, fallbacks=fallbacks)


def steps_completed(evidence: Evidence, _: Thresholds) -> Criterion:
    question = Question("steps_completed", "Did SFT and GRPO complete the steps asked of them?")
    trainings, missing = _both(evidence)
    if missing:
        return question.unanswered(missing)
    counts = {
        training.name: {"steps": training.made["summary"]["steps"], "asked": training.made["settings"]["max_steps"]}
        for training in trainings
    }
    why = "; ".join(f"{name} {count['steps']} of {count['asked']}" for name, count in counts.items())
    if not all(count["asked"] for count in counts.values()):
        return question.unanswered("max_steps was not set, so no number of steps was asked for", **counts)
    return question.answer(all(count["steps"] >= count["asked"] for count in counts.values()), why, **counts)


def _both(evidence: Evidence) -> tuple[list[Training], str]:
    """The last SFT and the last GRPO, or why one is missing."""
    found = {stage: evidence.last(stage) for stage in ("sft", "grpo")}
    missing = [stage.upper() for stage, training in found.items() if training is None]
    trainings = [training for training in found.values() if training is not None]
    return trainings, f"no finished {' and no '.join(missing)} was given to the report" if missing else ""
