from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from pipeline.engine.errors import ConfigError, DataError
from pipeline.engine.rows import Row, write_rows
from pipeline.tasks.marks import honoured, keep_mark, key_of, make_mark, read_marks, state_of, without_effect

ROW = {"id": "p/0", "messages": [{"role": "user", "content": "Hi"}], "thought": "", "answer": "Hello."}
PROMPT = {"id": "p", "messages": [{"role": "user", "content": "Hi"}]}


def test_marks_are_found_by_content_after_a_rebuild(tmp_path: Path) -> None:
    keep_mark(tmp_path, make_mark(ROW, "reject", ""))
    keep_mark(tmp_path, make_mark(ROW, "score", "helpfulness=0.25"))
    rebuilt = {**ROW, "id": "p/7"}
    found = read_marks(tmp_path)[key_of(rebuilt)]
    assert [(mark["action"], mark["value"]) for mark in found] == [("reject", ""), ("score", {"helpfulness": 0.25})]
    assert key_of({**ROW, "answer": "Bye."}) not in read_marks(tmp_path)


@pytest.mark.parametrize(
    ("action", "value"),
    [
        ("acept", ""),
        ("edit", ""),
        ("edit", "<think>only a thought</think>"),
        ("edit", "<think>that never ends"),
        ("reject", "because"),
        ("clear", "all"),
        ("score", "helpfulness=2"),
        ("score", "helpfulness=nan"),
        ("score", "help=1"),
        ("score", "x"),
    ],
)
def test_what_no_mark_can_be(action: str, value: str) -> None:
    with pytest.raises(ConfigError):
        make_mark(ROW, action, value)


def test_a_prompt_is_marked_by_its_own_text_and_has_no_scores() -> None:
    assert key_of(PROMPT) != key_of(ROW)
    assert make_mark(PROMPT, "edit", "Hello there")["kind"] == "prompt"
    with pytest.raises(ConfigError, match="no scores"):
        make_mark(PROMPT, "score", "helpfulness=1")


def state(*marks: tuple[str, str]) -> Row:
    return state_of([make_mark(ROW, action, value) for action, value in marks])


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        ([], {}),
        ([("note", "nice")], {}),
        ([("reject", ""), ("accept", "")], {"verdict": "accept"}),
        ([("edit", "Hi!"), ("accept", "")], {"verdict": "accept"}),
        ([("accept", ""), ("edit", "Hi!"), ("edit", "Hey!")], {"verdict": "edit", "text": "Hey!"}),
        (
            [("score", "helpfulness=1"), ("reject", ""), ("score", "helpfulness=0"), ("score", "harm_avoidance=1")],
            {"verdict": "reject", "scores": {"helpfulness": 0.0, "harm_avoidance": 1.0}},
        ),
        ([("score", "helpfulness=1"), ("edit", "Hi!"), ("clear", "")], {}),
        ([("clear", ""), ("reject", "")], {"verdict": "reject"}),
    ],
)  # fmt: skip
def test_the_last_word_counts(marks: list[tuple[str, str]], expected: Row) -> None:
    assert state(*marks) == expected


def test_marks_of_several_files_count_in_the_order_of_their_time(tmp_path: Path) -> None:
    late, early = {**make_mark(ROW, "reject", ""), "t": 2.0}, {**make_mark(ROW, "accept", ""), "t": 1.0}
    write_rows(tmp_path / "data" / "marks" / "a.jsonl", [late])
    write_rows(tmp_path / "data" / "marks" / "b.jsonl", [early])
    assert state_of(read_marks(tmp_path)[key_of(ROW)]) == {"verdict": "reject"}


@pytest.mark.parametrize(
    "change", [{"action": "praise"}, {"action": "score", "value": {"helpfulness": 7}}, {"key": None}, {"value": 3}]
)
def test_a_file_of_other_things_is_no_file_of_marks(tmp_path: Path, change: Row) -> None:
    mark = {**make_mark(ROW, "note", "x"), **change}
    write_rows(tmp_path / "data" / "marks" / "a.jsonl", [{k: v for k, v in mark.items() if v is not None}])
    with pytest.raises(DataError, match="no mark"):
        read_marks(tmp_path)


def of_rows(tmp_path: Path, rows: list[Row], *marks: Row) -> Any:
    write_rows(tmp_path / "rows.jsonl", rows)
    for mark in marks:
        keep_mark(tmp_path, mark)
    return honoured("scores")(tmp_path, {"scores": tmp_path})


def test_a_stage_honours_what_counts_on_training_rows(tmp_path: Path) -> None:
    rows = [{**ROW, "id": str(place), "split": "train", "answer": str(place)} for place in range(4)]
    rows[1]["split"] = "heldout"
    gone = {**ROW, "id": "gone", "answer": "other"}
    marks = of_rows(
        tmp_path, rows, make_mark(rows[0], "reject", ""), make_mark(rows[1], "reject", ""),
        make_mark(rows[2], "note", "hm"), make_mark(gone, "accept", ""), make_mark(PROMPT, "reject", ""),
    )  # fmt: skip
    assert marks.honoured == {"scores": {key_of(rows[0]): {"verdict": "reject"}}}
    assert marks.unmatched == {key_of(gone): "gone"}, "a held-out row is there, and a mark on a prompt is not meant"
    assert honoured("scores")(tmp_path, {}).honoured == {}, "an input that is not made yet has no rows"
    keep_mark(tmp_path, make_mark(rows[3], "edit", "new"))
    assert len(honoured("scores")(tmp_path, {"scores": tmp_path}).honoured["scores"]) == 2
    for place in (0, 3):
        keep_mark(tmp_path, make_mark(rows[place], "clear", ""))
    assert honoured("scores")(tmp_path, {"scores": tmp_path}).honoured == {}


def test_an_accepted_prompt_is_like_any_other(tmp_path: Path) -> None:
    assert of_rows(tmp_path, [PROMPT], make_mark(PROMPT, "reject", "")).honoured != {}
    assert of_rows(tmp_path, [PROMPT], make_mark(PROMPT, "accept", "")).honoured == {}


def test_planning_again_costs_milliseconds_whatever_the_rows(tmp_path: Path) -> None:
    rows = [
        {"id": str(place), "split": "train", "messages": [{"role": "user", "content": str(place)}], "thought": "",
         "answer": "of the rivers and the hills " * 20}
        for place in range(100_000)
    ]  # fmt: skip
    assert len(of_rows(tmp_path, rows, make_mark(rows[5], "reject", "")).honoured["scores"]) == 1
    began = time.thread_time()
    for _ in range(11):
        honoured("scores")(tmp_path, {"scores": tmp_path})
    assert time.thread_time() - began < 0.1


@pytest.mark.parametrize(
    ("change", "action", "why"),
    [
        ({"split": "heldout"}, "reject", "held out"),
        ({"finish": "length"}, "accept", "did not come to its end"),
        ({"finish": "length"}, "edit", ""),
        ({"contestant": "base"}, "accept", "evaluation"),
        ({"set": "heldout"}, "accept", "evaluation"),
        ({"split": "heldout"}, "note", ""),
        ({"split": "train"}, "reject", ""),
    ],
)
def test_a_mark_that_changes_nothing_says_so(change: Row, action: str, why: str) -> None:
    told = without_effect({**ROW, **change}, action)
    assert why in told and bool(why) == bool(told)
