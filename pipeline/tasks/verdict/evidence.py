"""What a verdict may rest on, the thresholds it goes by, and the form of its criteria."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from pipeline.engine.rows import Row
from pipeline.engine.settings import Settings

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
    thinks: float = 0.8
    """Share of the answers whose thought has to be there, closed and structured; those cut off are left out."""
    refusal_margin: float = 0.05
    """How much more often than the baseline the tuned model may refuse; without any refusal it takes 73 prompts to rule
    more than 0.05 out."""
    passes: float = 0.5
    """Share of its answers with which a test of the battery counts as passed: with 0.5, 4 of 4, 5 of 5 or 7 of 8 rule
    out that it is less."""
    reasoning_margin: float = 0.15
    """How much smaller than its base's the share of RQ tests may be that the trained model of chat-sft passes."""
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
class Sample:
    """Answers of a model of the GPT track: the step's summary, and its rows."""

    name: str
    summary: Row = field(repr=False)
    rows: Sequence[Row] = field(repr=False)


@dataclass(frozen=True)
class Evidence:
    """All that a verdict may rest on."""

    evaluation: Row | None
    trainings: Sequence[Training]
    seed: int = 0
    answers: Sequence[Row] = ()
    """The evaluation's rows."""
    samples: Sequence[Sample] = ()

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


def find_pair(evidence: Evidence, thresholds: Thresholds, against: int, contestant: int = -1) -> tuple[Row | None, str]:
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


def is_usable(estimate: Row, thresholds: Thresholds) -> bool:
    return bool(estimate["n"] >= thresholds.dimension_prompts and estimate["low"] is not None)


def above_zero(estimate: Row) -> tuple[bool, str]:
    return estimate["low"] is not None and estimate["low"] > 0, signed(estimate)


def signed(estimate: Row) -> str:
    return f"{estimate['mean']:+.3f} [{estimate['low']:+.3f}, {estimate['high']:+.3f}]"
