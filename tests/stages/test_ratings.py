"""The stage ratings: anyone's battles, every row used or left out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.engine.errors import DataError, StopRequested
from pipeline.engine.events import Emitter
from pipeline.engine.rows import Row, read_json, read_rows
from pipeline.engine.stage import Context, PlanContext
from pipeline.stages.ratings import STAGE, Config


def rate(file: Path, out: str = "out", **settings: object) -> tuple[Row, Path]:
    folder = file.parent / out
    folder.mkdir(exist_ok=True)
    config = Config.model_validate({"battles": file, "rounds": 100} | settings)
    return STAGE.run(Context(config, {}, folder, 7, Emitter(lambda *_: None))), folder


def lines(*rows: object) -> str:
    return "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)


def battle(winner: object, **more: object) -> Row:
    return {"model_a": "x", "model_b": "y", "winner": winner} | more


def test_used_and_left_out_are_all(tmp_path: Path) -> None:
    file = tmp_path / "battles.jsonl"
    good = [battle("model_a")] * 3 + [battle("model_b"), battle("tie (bothbad)")]
    file.write_text(lines(*good, "{broken", '["x"]', battle("nobody"), battle("tie", model_b="x")), "utf-8")
    summary, out = rate(file)
    assert (summary["asked"], summary["used"]) == (9, 5)
    assert summary["left_out"] == {"not_json": 1, "not_an_object": 1, "unknown_winner": 1, "same_model": 1}
    assert [(row["at"], row["reason"]) for row in read_rows(out / "left_out.jsonl")] == [
        (6, "not_json"), (7, "not_an_object"), (8, "unknown_winner"), (9, "same_model"),
    ]  # fmt: skip
    ratings = read_json(out / "ratings.json")
    assert [row["model"] for row in ratings] == ["x", "y"]
    assert [list(row) for row in ratings] == [["model", "rating", "low", "high", "games"]] * 2
    found = read_json(out / "tournament.json")
    assert found["ratings"] == ratings and found["left_out"] == summary["left_out"]
    assert found["coverage"]["asked"] == 9 == found["coverage"]["invalid"] + 5
    assert found["matrix"]["wins"] == [[0, 3.5], [1.5, 0]]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_table(tmp_path: Path, separator: str) -> None:
    file = tmp_path / "battles.csv"
    rows = [
        ("model_a", "model_b", "winner", "turn"),
        ("x", "y", "model_a", "1"),
        ("y", "x", "Tie", "2"),
        ("y", "x", "?", ""),
    ]
    file.write_text("\ufeff" + "".join(separator.join(row) + "\r\n" for row in rows), "utf-8")
    summary, out = rate(file)
    assert (summary["asked"], summary["used"], summary["left_out"]) == (3, 2, {"unknown_winner": 1})
    assert read_json(out / "tournament.json")["matrix"]["wins"] == [[0, 1.5], [0.5, 0]]


def test_prompts_are_resampled_where_they_are_told(tmp_path: Path) -> None:
    sides = ["model_a"] * 10 + ["model_b"] * 10
    with_prompts, without = tmp_path / "with.jsonl", tmp_path / "without.jsonl"
    with_prompts.write_text(lines(*(battle(side, prompt_id=side) for side in sides)), "utf-8")
    without.write_text(lines(*(battle(side) for side in sides)), "utf-8")
    widths = [
        row["high"] - row["low"] for file in (with_prompts, without) for row in rate(file, file.stem)[0]["ratings"][:1]
    ]
    assert widths[0] > 2 * widths[1]


def test_a_killed_attempt_leaves_nothing_behind(tmp_path: Path) -> None:
    file = tmp_path / "battles.jsonl"
    file.write_text(lines("{broken", battle("tie")), "utf-8")
    rate(file)
    _, out = rate(file)
    assert len(list(read_rows(out / "left_out.jsonl"))) == 1


def test_a_stop_is_heard_between_two_rounds(tmp_path: Path) -> None:
    file, stop = tmp_path / "battles.jsonl", tmp_path / "stop"
    file.write_text(lines(battle("tie"), battle("model_a")), "utf-8")
    stop.touch()
    context = Context(Config(battles=file), {}, tmp_path, 7, Emitter(lambda *_: None), stop_file=stop)
    with pytest.raises(StopRequested):
        STAGE.run(context)


def test_an_empty_file_is_rated_and_said(tmp_path: Path) -> None:
    file = tmp_path / "battles.jsonl"
    file.touch()
    summary, out = rate(file)
    assert (summary["asked"], summary["ratings"], summary["notes"]) == (0, [], ["There is no battle to rate."])
    assert read_json(out / "ratings.json") == []
    (finding,) = STAGE.plan(PlanContext(Config(battles=file), {}, 7, tmp_path))
    assert (finding.level, "holds no row" in finding.text) == ("warning", True)


def test_faults(tmp_path: Path) -> None:
    missing = tmp_path / "missing.jsonl"
    (finding,) = STAGE.plan(PlanContext(Config(battles=missing), {}, 7, tmp_path))
    assert (finding.level, "is no file" in finding.text) == ("fault", True)
    with pytest.raises(DataError, match="is no file"):
        rate(missing)
    wrong = tmp_path / "wrong.jsonl"
    wrong.write_text(lines(*(battle("tie", model_a=f"text {number}") for number in range(1001))), "utf-8")
    with pytest.raises(DataError, match="more than 1000 models"):
        rate(wrong)
