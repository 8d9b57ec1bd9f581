"""The criterion of the GPT track: what was asked of the models came back to the letter, as often as it had to."""

from __future__ import annotations

from pipeline.tasks.verdict.evidence import Criterion, Evidence, Question, Thresholds


def samples_met(evidence: Evidence, _: Thresholds) -> Criterion:
    """Met only if every sample's own verdict is; a sample that was asked for no share has none and decides nothing."""
    question = Question("samples_met", "Is every sample as exact as it was asked to be?")
    asked = {sample.name: verdict for sample in evidence.samples if (verdict := sample.summary.get("verdict"))}
    if not asked:
        return question.unanswered("no sample was given to the report that asks for a share (`least`)")
    figure = {name: {"outcome": verdict["outcome"], "share": verdict["criteria"][0]["figure"]}
              for name, verdict in asked.items()}  # fmt: skip
    why = "; ".join(f"{name} {verdict['outcome']}, {verdict['criteria'][0]['why']}" for name, verdict in asked.items())
    if not all(verdict["met"] for verdict in asked.values()):
        if any(verdict["outcome"] == "not met" for verdict in asked.values()):
            return question.answer(False, why, **figure)
        return question.unanswered(why, **figure)
    return question.answer(True, why, **figure)
