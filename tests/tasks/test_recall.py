from __future__ import annotations

import pytest

from pipeline.tasks.recall import count_exact, decide_share, spread


def answer(exact: bool, topic: str = "", expected: str = "x") -> dict[str, object]:
    return {"exact": exact, "expected": expected, "topic": topic}


def test_what_nothing_was_expected_of_is_no_part_of_the_share() -> None:
    found = count_exact([answer(True), answer(False), answer(False, expected="")])
    assert (found["exact"], found["expected"], found["share"]["mean"]) == (1, 2, 0.5)
    assert count_exact([answer(False, expected="")]) == {"exact": None, "expected": 0, "share": None, "topics": {}}


@pytest.mark.parametrize(
    ("exact", "of", "outcome"),
    [(398, 400, "met"), (384, 400, "not measurable"), (300, 400, "not met"), (3, 3, "not measurable")],
)
def test_a_share_is_reached_with_its_whole_interval(exact: int, of: int, outcome: str) -> None:
    share = count_exact([answer(place < exact) for place in range(of)])["share"]
    verdict = decide_share(share, 0.95)
    assert (verdict["outcome"], verdict["met"]) == (outcome, outcome == "met")


def test_rows_are_taken_from_the_whole_list() -> None:
    rows = [{"id": place} for place in range(10)]
    assert [row["id"] for row in spread(rows, 3)] == [0, 3, 6]
    assert spread(rows, 0) == spread(rows, 99) == rows
