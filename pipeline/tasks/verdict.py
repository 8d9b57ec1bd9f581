"""Whether a run did what it set out to do: named criteria, each met, not met or not measurable, with its figures.

Never from a point estimate: a difference counts where its whole interval does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from pipeline.engine.rows import Row
from pipeline.engine.settings import Settings
from pipeline.tasks.dimensions import CONTENT_DIMENSIONS
from pipeline.tasks.statistics import difference_of_means

Outcome = Literal["met", "not met", "not measurable"]


class Thresholds(Settings):
    prompts: int = 60
    """Fewest held-out prompts that a comparison of answers may rest on."""
    dimension_prompts: int = 10
    """Fewest prompts where a dimension applies, for its interval to count."""
    steps: int = 60
    """Fewest GRPO steps over which the reward is asked to rise."""
    kept: float = 0.9
    """Share of SFT's gain over the baseline that GRPO must leave."""
    dimension_margin: float = 0.05
    """How much of any one dimension GRPO may cost."""
    confidence: float = 0.95
    """Least confidence of the intervals."""


@dataclass(frozen=True)
class Training:
    """A finished training step: `made` is its made.json, `metrics` its rows in order of steps."""

    name: str
    stage: str
    made: Row = field(repr=False)
    metrics: list[Row] = field(repr=False)


@dataclass(frozen=True)
class Evidence:
    """All that a verdict may rest on."""

    evaluation: Row | None
    trainings: Sequence[Training]
    seed: int = 0

    def last(self, stage: str) -> Training | None:
        return next((training for training in reversed(self.trainings) if training.stage == stage), None)


@dataclass(frozen=True)
class Criterion:
    name: str
    question: str
    outcome: Outcome
    why: str
    figure: Mapping[str, Any]

    def to_row(self) -> Row:
        return asdict(self)


@dataclass(frozen=True)
class Question:
    """A criterion before it is answered."""

    name: str
    text: str

    def answer(self, met: bool, why: str, **figure: Any) -> Criterion:
        return Criterion(self.name, self.text, "met" if met else "not met", why, figure)

    def unanswered(self, why: str, **figure: Any) -> Criterion:
        return Criterion(self.name, self.text, "not measurable", why, figure)


Check = Callable[[Evidence, Thresholds], Criterion]


def decide(asked: str, evidence: Evidence, thresholds: Thresholds) -> Row:
    """The verdict of a set of criteria: met only if every one is, for what cannot be measured is not shown.

    {"asked", "outcome": met | not met | not measurable | not asked, "met": bool, None where nothing was asked,
    "criteria": [{"name", "question", "outcome", "why", "figure"}]}.
    """
    criteria = [check(evidence, thresholds) for check in CRITERIA[asked]]
    outcomes = [criterion.outcome for criterion in criteria]
    outcome = next((known for known in ("not met", "not measurable", "met") if known in outcomes), "not asked")
    return {
        "asked": asked,
        "outcome": outcome,
        "met": outcome == "met" if criteria else None,
        "criteria": [criterion.to_row() for criterion in criteria],
    }


def beats_baseline(evidence: Evidence, thresholds: Thresholds) -> Criterion:
    question = Question("beats_baseline", "Does the tuned model score higher than the baseline on held-out prompts?")
    pair, missing = _pair(evidence, thresholds, against=0)
    if pair is None:
        return question.unanswered(missing)
    met, why = _above_zero(pair["reward"])
    return question.answer(met, f"mean reward {why} over {pair['against']}", **pair["reward"])


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
    met, why = _above_zero(difference)
    return question.answer(
        met,
        f"reward of the last {quarter} steps {why} over the first {quarter}",
        **difference,
        steps=len(rewards),
        first_quarter=round(sum(first) / quarter, 6),
        last_quarter=round(sum(last) / quarter, 6),
    )


def keeps_sft(evidence: Evidence, thresholds: Thresholds) -> Criterion:
    """Non-inferiority with a preserved share: the interval must rule out a loss beyond it, which a wide one does not.

    Source of the form: ICH E10, Choice of Control Group in Clinical Trials (2000), on margins of non-inferiority. A
    single dimension fails it only where a loss greater than its own margin is shown: nine of them would otherwise fail
    by chance.
    """
    question = Question("keeps_sft", "Does the model after GRPO keep what SFT taught?")
    if evidence.evaluation and len(evidence.evaluation["contestants"]) < 3:
        return question.unanswered("the model between SFT and GRPO is not among the contestants")
    pair, missing = _pair(evidence, thresholds, against=-2)
    taught, missing = _pair(evidence, thresholds, against=0, contestant=-2) if pair else (None, missing)
    if pair is None or taught is None:
        return question.unanswered(missing)
    gain, change = taught["reward"], pair["reward"]
    if not _above_zero(gain)[0]:
        return question.unanswered(f"SFT taught nothing measurable: mean reward {_signed(gain)}", taught=gain)
    margin = (1 - thresholds.kept) * gain["mean"]
    undone = [
        name
        for name, estimate in pair["dimensions"].items()
        if _usable(estimate, thresholds) and estimate["high"] < -thresholds.dimension_margin
    ]
    kept = change["low"] > -margin
    why = f"mean reward {_signed(change)} over {pair['against']}; a loss of more than {1 - thresholds.kept:.0%} of "
    why += f"what SFT gained ({margin:.3f}) is {'ruled out' if kept else 'not ruled out'}"
    if undone:
        why += f"; lost more than {thresholds.dimension_margin:g} each: {', '.join(undone).replace('_', ' ')}"
    return question.answer(kept and not undone, why, **change, taught=gain, margin=margin, undone=undone)


def improves_content(evidence: Evidence, thresholds: Thresholds) -> Criterion:
    question = Question(
        "improves_content",
        "Does at least one of helpfulness, calibrated uncertainty and conflict resolution beat the baseline?",
    )
    pair, missing = _pair(evidence, thresholds, against=0)
    if pair is None:
        return question.unanswered(missing)
    figures = {name: pair["dimensions"][name] for name in CONTENT_DIMENSIONS}
    usable = {name: estimate for name, estimate in figures.items() if _usable(estimate, thresholds)}
    if not usable:
        return question.unanswered(f"none of them applies to {thresholds.dimension_prompts} prompts", **figures)
    why = "; ".join(
        f"{name.replace('_', ' ')} {_signed(estimate) if name in usable else 'not measurable'}"
        for name, estimate in figures.items()
    )
    return question.answer(any(_above_zero(estimate)[0] for estimate in usable.values()), why, **figures)


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


def _pair(evidence: Evidence, thresholds: Thresholds, against: int, contestant: int = -1) -> tuple[Row | None, str]:
    """One contestant against another, by their places in the list, or why no such comparison can be rested on."""
    evaluation = evidence.evaluation
    if evaluation is None:
        return None, "no evaluation was given to the report"
    names = [contestant["name"] for contestant in evaluation["contestants"]]
    if len(names) < 2:
        return None, "there is one contestant, so there is nothing to compare it with"
    if evaluation["split"] != "heldout":
        return None, "the prompts were not held out from training"
    if evaluation["confidence"] < thresholds.confidence:
        return None, f"the intervals are at {evaluation['confidence']:.0%}, not {thresholds.confidence:.0%}"
    wanted = (names[contestant], names[against])
    pair = next(pair for pair in evaluation["pairs"] if (pair["contestant"], pair["against"]) == wanted)
    if pair["reward"]["n"] < thresholds.prompts:
        return None, f"{pair['reward']['n']} prompts were scored for both, fewer than {thresholds.prompts}"
    return pair, ""


def _usable(estimate: Row, thresholds: Thresholds) -> bool:
    return bool(estimate["n"] >= thresholds.dimension_prompts and estimate["low"] is not None)


def _above_zero(estimate: Row) -> tuple[bool, str]:
    return estimate["low"] is not None and estimate["low"] > 0, _signed(estimate)


def _signed(estimate: Row) -> str:
    return f"{estimate['mean']:+.3f} [{estimate['low']:+.3f}, {estimate['high']:+.3f}]"


CRITERIA: Mapping[str, tuple[Check, ...]] = {
    "none": (),
    "smoke": (no_out_of_memory, no_backend_crash, steps_completed),
    "quickstart": (beats_baseline, reward_rises, keeps_sft, improves_content),
}
