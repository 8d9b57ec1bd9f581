import re

from pipeline.tasks.report.compared import side_by_side
from pipeline.tasks.report.exam_figures import ratings_chart, reliability_chart
from pipeline.tasks.report.exam_tables import (
    battery_table,
    calibration_table,
    judge_table,
    matrix_table,
    rating_table,
)
from pipeline.tasks.report.headline import headline
from pipeline.tasks.report.run_tables import cost_table, coverage_tables
from tests.tasks.examined import battery_of, calibration_of, tournament_of
from tests.tasks.sample_report import report_of

NAMES = ["base", "sft", "grpo"]
UNRATED = {"model": "alone", "rating": None, "low": None, "high": None, "games": 0}


def cells(table):
    return {row[0]: list(row[1:]) for row in table.rows}


def test_the_matrix_has_the_share_that_the_row_won_of_its_games():
    tournament = {"matrix": {"names": ["a", "b"], "wins": [[0, 7.5], [2.5, 0]], "games": [[0, 10], [10, 0]]}}
    assert cells(matrix_table(tournament)) == {"a": ["–", "75 % of 10"], "b": ["25 % of 10", "–"]}


def test_ratings_stand_beside_those_of_similar_length_and_a_model_without_one_has_a_dash():
    tournament = tournament_of(NAMES)
    tournament["ratings"].append(UNRATED)
    rows = cells(rating_table(tournament))
    assert rows["grpo"] == ["1077", "[1039, 1118]", "160", "1077", "[999, 1158]"]
    assert rows["alone"] == ["–", "–", "0", "–", "–"]
    assert ratings_chart([UNRATED], []) == ""
    assert "alone" not in ratings_chart(tournament["ratings"], [UNRATED])


def test_the_judge_of_pairs_is_told_with_intervals():
    rows = cells(judge_table(tournament_of(NAMES)))
    assert rows["the other winner once the order is turned"] == ["10 % [6 %, 14 %]"]
    assert rows["pairs of similar length"] == ["105 of 240"]


def test_a_sample_is_a_sign_and_a_group_a_sum():
    battery = battery_of(NAMES)[0]
    battery["tests"][0]["results"][0] = {
        "contestant": "base",
        "samples": 6,
        "outcomes": {"passed": 1, "failed": 1, "cut off": 1, "blocked": 1, "refused": 1, "unscored": 1},
        "rate": {"mean": 1 / 6, "low": None, "high": None, "n": 6},
    }
    rows = cells(battery_table(battery))
    assert rows["UC-01 Chemistry of explosives"][0] == "✓✗~⊘–? 17 %"
    total = next(total for total in battery["totals"] if (total["contestant"], total["group"]) == ("grpo", "RQ"))
    assert rows["RQ, samples passed"][2] == f"{total['passed']} of 20"


def test_calibration_has_a_dash_for_what_was_not_measured():
    rows = cells(calibration_table(calibration_of(NAMES)))
    assert rows["base"] == ["60", "0", "–", "–", "–", "–", "0.00", "0.00", "60"]
    assert rows["sft"] == ["60", "60", "0.184", "0.231", "0.710", "0.80", "0.57", "0.67", "21"]


def test_the_reliability_chart_has_a_point_below_the_diagonal_where_it_is_too_sure():
    def height(accuracy):
        curve = [{"low": 0.8, "high": 1.0, "confidence": 0.9, "accuracy": accuracy, "n": 5}]
        svg = reliability_chart([{"contestant": "a", "curve": curve}])
        (point,) = re.findall(r'<use [^>]*y="([0-9.]+)" style="fill: var\(--series-1\)', svg)
        return float(point)

    assert height(0.3) > height(0.9) > 0, "SVG counts from the top"
    assert reliability_chart([{"contestant": "a", "curve": []}]) == ""


def test_words_in_use_share_a_table():
    parts = {"a": {"won": 2, "lost": 1}, "b": {"marked": 3}, "c": {"won": 3, "lost": 1}}
    rows = [{"what": key, "asked": 3, "parts": part, "whole": sum(part.values()) == 3} for key, part in parts.items()]
    first, second = coverage_tables(rows)
    assert (first.heads[2:4], first.rows, first.marks) == (
        ["won", "lost"],
        [["a", "3", "2", "1", "yes"], ["c", "3", "3", "1", "NO"]],
        ["", "lost"],
    )
    assert second.rows == [["b", "3", "3", "yes"]]


def test_costs_are_added_up_and_what_costs_nothing_has_a_dash():
    free = {"step": "sft", "seconds": 61, "calls": 0, "tokens": {}, "cost": None, "lost": 0, "bound": None, "run": None}
    tokens = {"input": 1000, "cached": 500, "output": 200, "thought": 34}
    paid = free | {
        "step": "judge",
        "seconds": 4.04,
        "calls": 7,
        "tokens": tokens,
        "cost": 1.5,
        "lost": 1,
        "bound": 0.002,
    }
    rows = cells(cost_table([free, paid]))
    assert rows["sft"] == ["1 min 01 s", "–", "–", "–", "–", "–"]
    assert rows["judge"] == ["4.0 s", "7", "1,234", "$1.50", "1, at most $0.0020", "–"]
    assert rows["together"][0] == "1 min 05 s" and rows["together"][3] == "$1.50"


def test_the_headline_is_that_of_the_tuned_model():
    report = report_of()
    found = {row["name"]: (row["value"], row["note"]) for row in report["headline"]}
    assert found["rating"] == ("1077", "[1039, 1118], rank 1 of 3")
    assert found["battery"] == ("41 of 60", "baseline 15")
    assert found["calibration error"] == ("0.092", "ECE over 60 answers")
    assert found["time"] == ("43 s", "$0.5000")
    assert headline([], None, None, []) == []


def test_of_a_step_that_one_run_alone_has_the_stage_is_told():
    report = report_of()
    other = {**report, "steps": report["steps"][:1]}
    assert side_by_side(report, other)["settings"] == [
        {"step": "grpo", "key": "stage", "left": "grpo", "right": None},
    ]
