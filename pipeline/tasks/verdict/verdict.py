"""Whether a run did what it set out to do: named criteria, each met, not met or not measurable, with its figures.

Never from a point estimate: a difference counts where its whole interval does.
"""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.engine.rows import Row
from pipeline.tasks.verdict.answers import (
    beats_baseline,
    dimensions_improve,
    improves_content,
    keeps_sft,
    no_more_refusals,
    still_thinks,
)
from pipeline.tasks.verdict.battery import keeps_reasoning, redirects
from pipeline.tasks.verdict.chat import FIVE
from pipeline.tasks.verdict.curriculum import samples_met
from pipeline.tasks.verdict.evidence import Check, Evidence, Thresholds
from pipeline.tasks.verdict.training import no_backend_crash, no_out_of_memory, reward_rises, steps_completed

CRITERIA: Mapping[str, tuple[Check, ...]] = {
    "none": (),
    "smoke": (no_out_of_memory, no_backend_crash, steps_completed),
    "quickstart": (beats_baseline, reward_rises, keeps_sft, improves_content),
    "entropy-joy": (keeps_reasoning, redirects, still_thinks, no_more_refusals, dimensions_improve),
    "curriculum": (samples_met,),
    "chat-sft": FIVE,
}
"""What is asked -> its criteria. `entropy-joy`: section 7 of the plan of phase 03e, in its order; `chat-sft`: what the
quickstart of phase 3a promises of the model afterwards."""


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
