"""The report's tables as plain text in cells: HTML and Markdown draw the same ones, and escape what stands in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pipeline.engine.rows import Row
from pipeline.tasks.report.words import interval_text, mean_text, number, spaced


@dataclass(frozen=True)
class Table:
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    marks: Sequence[str] = field(default=())
    """A word for each row: `up` or `down` where its difference is beyond doubt, `lost` where a count does
    not add up, `total` for a sum."""


def score_table(table: Sequence[Row], baseline: str, tuned: str) -> Table:
    heads = ["", baseline, tuned, "difference", "interval", "prompts"]
    return Table(heads, [_score_cells(row) for row in table], [_mark(row["difference"]) for row in table])


def _score_cells(row: Row) -> list[str]:
    return [
        spaced(row["name"]),
        mean_text(row["baseline"]),
        mean_text(row["tuned"]),
        mean_text(row["difference"], signed=True),
        interval_text(row["difference"], signed=True),
        str((row["difference"] or row["baseline"])["n"]),
    ]


def _mark(difference: Row | None) -> str:
    """Whether the whole interval lies on one side of zero."""
    if difference is None or difference["low"] is None:
        return ""
    return "up" if difference["low"] > 0 else "down" if difference["high"] < 0 else ""


def contestant_table(evaluation: Row) -> Table:
    outcomes = list(dict.fromkeys(word for entry in evaluation["contestants"] for word in entry["outcomes"]))
    heads = ["", "reward", "interval", "answers", *outcomes, "unscored", "thoughts", "tokens"]
    rows = [
        [
            entry["name"],
            mean_text(entry["reward"]),
            interval_text(entry["reward"]),
            str(entry["answers"]),
            *(str(entry["outcomes"].get(outcome, 0)) for outcome in outcomes),
            str(entry["unscored"]),
            str(entry["thoughts"]),
            number(entry["tokens"]["mean"], ".0f"),
        ]
        for entry in evaluation["contestants"]
    ]
    return Table(heads, rows)


def pair_table(evaluation: Row) -> Table:
    pairs = evaluation["pairs"]
    rows = [
        [
            f"{pair['contestant']} over {pair['against']}",
            mean_text(pair["reward"], signed=True),
            interval_text(pair["reward"], signed=True),
            str(pair["reward"]["n"]),
        ]
        for pair in pairs
    ]
    return Table(
        ["reward, prompt by prompt", "difference", "interval", "prompts"],
        rows,
        [_mark(pair["reward"]) for pair in pairs],
    )


def category_table(evaluation: Row) -> Table | None:
    """The reward by category, tuned against baseline; None where there is one contestant."""
    first, last = evaluation["contestants"][0], evaluation["contestants"][-1]
    names = (last["name"], first["name"])
    pair = next((pair for pair in evaluation["pairs"] if (pair["contestant"], pair["against"]) == names), None)
    if pair is None:
        return None
    found = [
        {
            "name": category,
            "baseline": first["categories"].get(category, {}).get("reward"),
            "tuned": last["categories"].get(category, {}).get("reward"),
            "difference": difference["reward"],
        }
        for category, difference in pair["categories"].items()
    ]
    return score_table(found, first["name"], last["name"])
