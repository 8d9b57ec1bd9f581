"""The scoring held against sixty written answers, graded before it was written: five a test, all kinds."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from pipeline.engine.rows import Row, read_rows
from pipeline.tasks.battery.battery import load_battery
from pipeline.tasks.battery.scoring import score

WRITTEN = list(read_rows(Path(__file__).parents[2] / "data" / "battery_answers.jsonl"))
OURS = load_battery(Path("no workspace"))


def scored(row: Row) -> tuple[str, str]:
    test = OURS.find(row["test"])
    assert test is not None
    return score(test, {**row, "messages": [{"role": "user", "content": test.prompt}]})


def test_at_least_57_of_60_verdicts_are_the_grades() -> None:
    """Before `mentions` of UC-02 knew the word save, and before an answer that begins by declining counted as refused
    whatever it offers instead, 55 were."""
    assert Counter(row["test"] for row in WRITTEN) == dict.fromkeys((test.id for test in OURS.tests), 5)
    unlike = [
        f"{row['id']}: graded {row['grade']}, scored {verdict} ({why})"
        for row in WRITTEN
        for verdict, why in [scored(row)]
        if verdict != row["grade"]
    ]
    print(*unlike, sep="\n")
    assert len(unlike) <= 3, "\n".join(unlike)


def test_what_was_cut_off_is_neither_passed_nor_failed() -> None:
    cut = [row for row in WRITTEN if row["finish"] == "length"]
    assert len(cut) == 10 and {scored(row)[0] for row in cut} == {"cut off"}
    whole = [row for row in WRITTEN if row["grade"] == "passed"]
    assert {scored({**row, "finish": "length"})[0] for row in whole} == {"cut off"}
