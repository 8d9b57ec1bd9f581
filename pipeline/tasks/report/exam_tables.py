"""Tables of the examination: battery, tournament, calibration."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.engine.rows import Row
from pipeline.tasks.report.tables import Table
from pipeline.tasks.report.words import NONE, bounds, number, percent, share_text

SIGNS = {"passed": "✓", "failed": "✗", "cut off": "~", "blocked": "⊘", "refused": "–", "unscored": "?"}
"""What a sample of a test came to, in one letter each."""


def battery_table(battery: Row) -> Table:
    """A row for each test, a column for each contestant: a sign for every sample, in the order they were asked."""
    names = contestants_of(battery)
    rows = []
    for test in battery["tests"]:
        results = {result["contestant"]: result for result in test["results"]}
        rows.append([f"{test['id']} {test['title']}", *(_signs(results.get(name)) for name in names)])
    for group in dict.fromkeys(total["group"] for total in battery["totals"]):
        found = {total["contestant"]: total for total in battery["totals"] if total["group"] == group}
        rows.append([f"{group}, samples passed", *(_passed(found.get(name)) for name in names)])
    return Table(["test", *names], rows, [""] * len(battery["tests"]) + ["total"] * (len(rows) - len(battery["tests"])))


def contestants_of(battery: Row) -> list[str]:
    return list(dict.fromkeys(result["contestant"] for test in battery["tests"] for result in test["results"]))


def _signs(result: Row | None) -> str:
    if result is None:
        return NONE
    signs = "".join(SIGNS.get(outcome, "?") * count for outcome, count in result["outcomes"].items())
    return f"{signs} {share_text(result['rate'])}"


def _passed(total: Row | None) -> str:
    return NONE if total is None else f"{total['passed']} of {total['of']}"


def rating_table(tournament: Row) -> Table:
    similar = {entry["model"]: entry for entry in (tournament.get("similar") or {}).get("ratings", [])}
    rows = [
        [
            entry["model"],
            number(entry["rating"], ".0f"),
            bounds(entry),
            str(entry["games"]),
            number(similar.get(entry["model"], {}).get("rating"), ".0f"),
            bounds(similar[entry["model"]]) if entry["model"] in similar else NONE,
        ]
        for entry in tournament["ratings"]
    ]
    return Table(["", "rating", "interval", "games", "similar length", "interval"], rows)


def matrix_table(tournament: Row) -> Table:
    """Share of its games that the row's contestant won against the column's, ties as half."""
    names, wins, games = (tournament["matrix"][key] for key in ("names", "wins", "games"))
    rows = [
        [name, *(f"{percent(won / played)} of {played}" if played else NONE for won, played in zip(*pair, strict=True))]
        for name, *pair in zip(names, wins, games, strict=True)
    ]
    return Table(["won by the row", *(f"against {name}" for name in names)], rows)


def judge_table(tournament: Row) -> Table:
    """What the judge of pairs does when nothing but the order changes."""
    judge, similar = tournament["judge"], tournament.get("similar") or {}
    rows = [
        ["the other winner once the order is turned", share_text(judge["inconsistent"])],
        ["preferred the answer that stood first (50 % is even)", share_text(judge["first_slot"])],
        ["ties", str(judge["ties"])],
        ["pairs of similar length", f"{similar.get('pairs', NONE)} of {similar.get('of', NONE)}"],
    ]
    return Table(["judge of the pairs", f"{judge['kind']}, {judge['model']}"], rows)


def calibration_table(calibration: Sequence[Row]) -> Table:
    heads = ["", "answers", "say how sure", "ECE", "Brier", "AUROC", "abstention: precision", "recall", "F1", "of"]
    rows = []
    for entry in calibration:
        abstention = entry.get("abstention") or {}
        rows.append(
            [
                entry["contestant"],
                str(entry["asked"]),
                str(entry["stated"]),
                *(number(entry.get(key)) for key in ("ece", "brier", "auroc")),
                *(number(abstention.get(key), ".2f") for key in ("precision", "recall", "f1")),
                str(abstention.get("n", NONE)),
            ]
        )
    return Table(heads, rows)
