"""The part of the page on the GPT track."""

from __future__ import annotations

from pipeline.engine.rows import Row
from pipeline.tasks.report.curriculum_tables import phase_table, sample_table, wrong_table
from pipeline.tasks.report.markup import fold, grid, section


def curriculum(report: Row) -> str:
    found = report["curriculum"]
    if not found:
        return ""
    note = (
        "Exact is to the letter, greedy, with Wilson's interval. Exposures are how often each row of the set was seen: "
        "a figure to know, no red line."
    )
    wrong = [
        fold(f"{sample['step']}: {len(sample['wrong'])} of its wrong answers", grid(wrong_table(sample)))
        for sample in found["samples"]
        if sample["wrong"]
    ]
    return section(
        "curriculum",
        "Curriculum",
        note,
        grid(sample_table(found)) if found["samples"] else "",
        grid(phase_table(found)) if found["phases"] else "",
        *wrong,
    )
