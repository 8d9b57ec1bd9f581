"""Parts of the page on the run itself: lineage with hashes and settings, coverage of every count, cost and time."""

from __future__ import annotations

import json

from pipeline.engine.rows import Row
from pipeline.tasks.report.markup import Markup, fold, grid, section, tag
from pipeline.tasks.report.run_tables import (
    asked_table,
    cost_table,
    coverage_tables,
    effect_table,
    judges_table,
    step_table,
)

FOLDED = ("settings", "summary", "inputs", "packages")


def what_was_run(report: Row) -> str:
    if not report["steps"]:
        return ""
    note = (
        "Every step back to the beginning. An artifact's name holds the hash of all that shaped it; the content is the "
        "hash of its files."
    )
    changed, asked = effect_table(report["steps"]), asked_table(report["steps"])
    return section(
        "run",
        "What was run",
        note,
        grid(step_table(report["steps"]), "words steps"),
        grid(asked, "words") if asked else "",
        grid(judges_table(report["judges"]), "words") if report["judges"] else "",
        grid(changed, "words") if changed else tag("p", "Every setting was in effect as asked.", class_="note"),
        fold(
            "Settings as they were asked, summary and packages of each step",
            *map(_step, report["steps"]),
            class_="settings",
        ),
    )


def _step(step: Row) -> Markup:
    text = json.dumps({key: step[key] for key in FOLDED}, ensure_ascii=False, indent=2)
    return fold(f"{step['name']} · {step['artifact']}", tag("pre", text))


def coverage(report: Row) -> str:
    if not report["coverage"]:
        return ""
    note = "All that was asked, and what came of it; nothing leaves the count in silence."
    return section("coverage", "Coverage", note, *map(grid, coverage_tables(report["coverage"])))


def costs(report: Row) -> str:
    if not report["costs"]:
        return ""
    note = (
        "Of each step when it was made, by this run or by an earlier one that it shares; what is shared is not paid "
        "for again. Tokens: those of paid calls, prompt, thought and answer together. The report itself is not in it."
    )
    return section("costs", "Cost and time", note, grid(cost_table(report["costs"])))


def model(report: Row) -> str:
    if not report["gguf"]:
        return ""
    said = tag("p", "Exported to ", tag("code", report["gguf"]), ". Chat with it:")
    return section("model", "The model", "", said, tag("pre", report["chat"]))
