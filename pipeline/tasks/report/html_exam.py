"""Parts of the page on the examination: the battery with every answer behind it, the tournament, calibration."""

from __future__ import annotations

from dataclasses import replace

from pipeline.engine.rows import Row
from pipeline.tasks.report.exam_figures import ratings_chart, reliability_chart
from pipeline.tasks.report.exam_tables import (
    SIGNS,
    battery_table,
    calibration_table,
    judge_table,
    matrix_table,
    rating_table,
)
from pipeline.tasks.report.html_answers import article
from pipeline.tasks.report.markup import Markup, fold, grid, section, tag
from pipeline.tasks.report.tables import Table


def battery(report: Row) -> str:
    found = (report["evaluation"] or {}).get("battery")
    if not found:
        return ""
    note = (
        f"A sign for every sample: {', '.join(f'{sign} {outcome}' for outcome, sign in SIGNS.items())}. Behind it the "
        "share that passed of those that passed, failed or refused, with its interval. The answers stand below."
    )
    answers: dict[str, Row] = {row["id"]: row for row in report["battery_answers"]}
    return section(
        "battery",
        "Battery",
        note,
        grid(_spread(battery_table(found)), "battery"),
        *(_test(test, answers) for test in found["tests"]),
    )


def _spread(table: Table) -> Table:
    """Signs one under the other, what they come to beside them."""

    def cell(text: str) -> str:
        signs, gap, rest = text.partition(" ")
        return tag("span", tag("b", signs), tag("small", rest)) if set(signs) <= set(SIGNS.values()) and gap else text

    return replace(table, rows=[[row[0], *map(cell, row[1:])] for row in table.rows])


def _heat(table: Table, tournament: Row) -> Table:
    """The matrix with its shares as shades behind the figures."""

    def cell(text: str, won: float, played: int) -> str:
        return tag("span", text, style=f"--share:{won / played:.2f}") if played else text

    wins, games = (tournament["matrix"][key] for key in ("wins", "games"))
    rows = [[row[0], *map(cell, row[1:], *figures)] for row, *figures in zip(table.rows, wins, games, strict=True)]
    return replace(table, rows=rows)


def _test(test: Row, answers: dict[str, Row]) -> Markup:
    kind = "by program" if test["kind"] == "program" else "by the judge"
    parts = [tag("p", tag("b", f"asked, scored {kind}: "), test["prompt"], class_="turn")]
    for result in test["results"]:
        mine = [answers[row_id] for row_id in result["answers"] if row_id in answers]
        if mine:
            parts += [tag("h4", tag("b", result["contestant"])), tag("div", *map(_answer, mine), class_="pair")]
    counts = " · ".join(
        f"{result['contestant']} {result['outcomes']['passed']} of {result['samples']}" for result in test["results"]
    )
    return fold(f"{test['id']} {test['title']}: {counts}", *parts)


def _answer(row: Row) -> Markup:
    sign = SIGNS.get(row["verdict"], "?")
    title = f"{sign} {row['verdict']}, {row['tokens']} tokens"
    return article(row, title, row["why"], f"verdict {str(row['verdict']).replace(' ', '-')}")


def tournament(report: Row) -> str:
    found = report["tournament"]
    if not found:
        return ""
    note = (
        "Bradley and Terry's model over every pair on every held-out prompt, both orders; where they disagree it is a "
        "tie. The interval resamples prompts. Beside it, pairs of similar length: judges like long ones."
    )
    similar = (found.get("similar") or {}).get("ratings", [])
    svg = ratings_chart(found["ratings"], similar)
    notes = tag("ul", *(tag("li", str(said)) for said in found["notes"])) if found["notes"] else ""
    return section(
        "tournament",
        "Tournament",
        note,
        tag("figure", Markup(svg)) if svg else "",
        grid(rating_table(found), "ratings"),
        grid(_heat(matrix_table(found), found), "matrix"),
        grid(judge_table(found)),
        notes,
    )


def calibration(report: Row) -> str:
    found = (report["evaluation"] or {}).get("calibration")
    if not found:
        return ""
    note = (
        "Does it know what it knows? ECE: the mean gap between the confidence it states and the share that is right, 0 "
        "is best. Brier: the mean squared gap, 0 is best. AUROC: whether it is surer of its right answers than of its "
        "wrong ones, 0.5 is chance. Abstention: whether it holds back where nobody can know. In the figure, below the "
        "diagonal it is surer than it should be; the numbers count answers."
    )
    svg = reliability_chart(found)
    why = [tag("li", f"{entry['contestant']}: {entry['why']}.") for entry in found if entry["why"]]
    return section(
        "calibration",
        "Calibration",
        note,
        tag("figure", Markup(svg)) if svg else "",
        grid(calibration_table(found)),
        tag("ul", *why) if why else "",
    )
