"""Tables of the GPT track: samples with their topics, phases, and answers that were wrong."""

from __future__ import annotations

from pipeline.engine.rows import Row
from pipeline.tasks.report.tables import Table
from pipeline.tasks.report.words import NONE, number, spaced

MARKS = {"met": "up", "not met": "down"}


def sample_table(curriculum: Row) -> Table:
    """A row a sample, and below it one for each of its topics."""
    rows, marks = [], []
    for sample in curriculum["samples"]:
        rows.append([sample["step"], _count(sample["exact"], sample["expected"]), _share(sample["share"]),
                     sample["outcome"] or NONE])  # fmt: skip
        marks.append(MARKS.get(sample["outcome"] or "", ""))
        topics = sample["topics"] or {}
        for name, counts in topics.items() if len(topics) > 1 else ():
            rows.append([f"{sample['step']}: {spaced(name)}", _count(counts["exact"], counts["of"]), "", ""])
            marks.append("")
    return Table(["", "exact", "share, 95 % interval", "verdict"], rows, marks)


def _count(exact: int | None, of: int | None) -> str:
    return NONE if exact is None or of is None else f"{exact:,} of {of:,}"


def _share(share: Row | None) -> str:
    return NONE if share is None else f"{share['mean']:.1%} [{share['low']:.1%}, {share['high']:.1%}]"


def phase_table(curriculum: Row) -> Table:
    rows = []
    for phase in curriculum["phases"]:
        asked, validation = phase["evaluation"] or {}, phase["validation"] or {}
        exact = asked.get("prompts_exact")
        right = NONE if exact is None else f"{exact:.0%} of {asked['prompts']}"
        rows.append([
            phase["step"], phase["base"] or "nothing", f"{phase['steps']:,}", number(phase["exposures"], ".1f"),
            _way(phase["loss_first_quarter"], phase["loss_last_quarter"]),
            _way(validation.get("first"), validation.get("last")), right,
            (phase["red_lines"] or {}).get("verdict") or NONE,
        ])  # fmt: skip
    heads = ["phase", "begun as", "steps", "exposures", "loss, first to last quarter", "validation loss",
             "prompts exact", "red lines"]  # fmt: skip
    return Table(heads, rows)


def _way(first: float | None, last: float | None) -> str:
    return NONE if first is None or last is None else f"{first:.3f} to {last:.3f}"


def wrong_table(sample: Row) -> Table:
    rows = [[row["prompt"], row["expected"], row["given"]] for row in sample["wrong"]]
    return Table(["asked", "expected", "given"], rows)
