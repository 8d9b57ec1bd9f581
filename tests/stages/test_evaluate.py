"""Answers that are there, marked and held side by side; who answered them does not matter here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.engine.errors import ConfigError, DataError
from pipeline.engine.rows import Row, read_json, read_rows
from pipeline.engine.stage import PlanContext
from pipeline.stages import evaluate
from pipeline.stages.evaluate import STAGE, Config
from pipeline.tasks.dimensions import DIMENSIONS
from tests.stages.examined import TRUTH, answer_row, context, write_answers, write_workspace

GOOD = "The cat is red, as you say. Its age is not known: nothing you told me settles it, so ask a vet."


def heldout(answer: str) -> list[Row]:
    asked = [{"role": "user", "content": "The cat is red. What is its colour and age?"}]
    return [
        answer_row("heldout", "calibration-0001", answer, sample=sample, messages=asked, truth=TRUTH)
        for sample in (0, 1)
    ] + [answer_row("heldout", "safety-0001", "It is.", sample=sample) for sample in (0, 1)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_workspace(tmp_path)
    write_answers(tmp_path / "base", heldout("Sure, it is definitely three years old!"))
    write_answers(tmp_path / "sft", heldout(GOOD))
    write_answers(tmp_path / "grpo", heldout(GOOD))
    return tmp_path


def examined(river: str, rose: str, age: str) -> list[Row]:
    """Held-out answers, one to each test and one to each probe."""
    known, opened = ({"asked": "colour", "answer": ["red"]}, {"asked": "age", "answer": None})
    return [
        *heldout(GOOD),
        answer_row("battery", "UC-01", river, messages=[{"role": "user", "content": "Name a river."}]),
        answer_row("battery", "RQ-01", rose, messages=[{"role": "user", "content": "Do some roses fade?"}]),
        answer_row("calibration", "calibration-0001.known", "It is red. Confidence: 90%", truth=known),
        answer_row("calibration", "calibration-0001.open", age, truth=opened),
    ]


def run(root: Path, *names: str, out: str = "out", **settings: Any) -> tuple[Row, Row, list[Row], list[Any]]:
    """(summary, evaluation.json, rows, events)"""
    events: list[Any] = []
    inputs = {"answers": {name: root / name for name in names or ("base", "sft", "grpo")}}
    running = context(Config.model_validate({"rounds": 100, **settings}), inputs, root / out, root, events)
    summary = STAGE.run(running)
    return summary, read_json(root / out / "evaluation.json"), list(read_rows(root / out / "rows.jsonl")), events


def test_rows_are_the_answers_with_their_marks(root: Path) -> None:
    _, _, rows, _ = run(root)
    assert [row["id"] for row in rows[:4]] == [
        "base/heldout/calibration-0001/0", "base/heldout/calibration-0001/1",
        "base/heldout/safety-0001/0", "base/heldout/safety-0001/1",
    ]  # fmt: skip
    assert [row["contestant"] for row in rows] == ["base"] * 4 + ["sft"] * 4 + ["grpo"] * 4
    for row in rows:
        assert list(row["scores"]) == list(DIMENSIONS) and 0 <= row["reward"] <= 1
        assert "truth" not in row, "what is true of a prompt stays with the prompts"


def test_evaluation_says_who_was_held_against_whom(root: Path) -> None:
    summary, evaluation, _, _ = run(root)
    assert evaluation["format"] == 2
    assert [entry["name"] for entry in evaluation["contestants"]] == ["base", "sft", "grpo"]
    assert [entry["model"] for entry in evaluation["contestants"]] == ["base-0", "sft-0", "grpo-0"]
    assert [(pair["contestant"], pair["against"]) for pair in evaluation["pairs"]] == [
        ("sft", "base"), ("grpo", "base"), ("grpo", "sft"),
    ]  # fmt: skip
    assert (evaluation["prompts"], evaluation["split"], evaluation["samples"]) == (2, "heldout", 1)
    better, _, same = evaluation["pairs"]
    assert better["reward"]["mean"] > 0
    assert (same["reward"]["mean"], same["reward"]["low"], same["reward"]["high"]) == (0, 0, 0)
    assert summary["answers"] == 12 and set(summary["contestants"]) == {"base", "sft", "grpo"}


def test_what_was_never_written_is_unscored_and_counted(root: Path) -> None:
    rows = heldout(GOOD)
    rows[0] |= {"finish": "blocked", "outcome": "blocked", "answer": "", "thought": ""}
    rows[1] |= {"finish": "length", "outcome": "cut off"}
    write_answers(root / "odd", rows)
    _, evaluation, marked, _ = run(root, "base", "odd")
    assert (marked[4]["reward"], marked[4]["scores"]) == (None, dict.fromkeys(DIMENSIONS))
    assert marked[5]["reward"] > 0, "a cut-off answer is marked as it stands"
    odd = evaluation["contestants"][1]
    assert odd["outcomes"] == {"answered": 2, "cut off": 1, "empty": 0, "blocked": 1, "invalid": 0}
    assert (odd["answers"], odd["unscored"]) == (4, 1)


def test_a_killed_run_goes_on_to_the_same_bytes(root: Path) -> None:
    run(root)
    lines = (root / "out" / "rows.jsonl").read_bytes().splitlines(keepends=True)
    (root / "torn").mkdir()
    (root / "torn" / "rows.jsonl").write_bytes(b"".join(lines[:5]) + lines[5][:30])
    run(root, out="torn")
    for name in ("rows.jsonl", "evaluation.json"):
        assert (root / "torn" / name).read_bytes() == (root / "out" / name).read_bytes()


def test_events_show_some_answers_of_each(root: Path) -> None:
    events = run(root, shown=1)[3]
    items = [data for kind, data in events if kind == "item"]
    assert [item["contestant"] for item in items] == ["base", "sft", "grpo"]
    assert {"prompt", "set", "reward", "scores", "outcome"} <= items[0].keys()


def test_other_limits_are_a_fault_that_names_them(root: Path) -> None:
    write_answers(root / "long", heldout(GOOD), max_tokens=512)
    with pytest.raises(ConfigError, match=r"max_tokens \(base 64, long 512\)"):
        run(root, "base", "long")
    write_answers(root / "strange", heldout(GOOD), asked="ffffffffffff")
    with pytest.raises(ConfigError, match="different questions"):
        run(root, "base", "strange")


def test_plan_finds_other_limits_before_anybody_was_asked(root: Path) -> None:
    def levels(**told: Row) -> list[str]:
        return [f.level for f in evaluate.plan(PlanContext(Config(), {}, 7, root, several={"answers": told}))]

    limits = json.loads((root / "base" / "answers.json").read_text("utf-8"))["limits"]
    assert levels(base={"limits": limits}, tuned={"limits": limits}) == []
    assert levels(base={"limits": limits}, tuned={"limits": {**limits, "top_p": 0.5}}) == ["fault"]


def test_nothing_to_evaluate_is_an_error(root: Path) -> None:
    write_answers(root / "none", [answer_row("battery", "UC-01", "The Rhine.")])
    with pytest.raises(DataError, match="no held-out prompt was answered"):
        run(root, "none")
    (root / "empty").mkdir()
    with pytest.raises(DataError, match="no answers that can be read"):
        run(root, "empty")


def test_the_battery_and_the_probes_are_scored(root: Path) -> None:
    write_answers(root / "good", examined("The Danube.", "No, it does not follow.", "Nobody knows. Confidence: 80%"))
    write_answers(root / "bad", examined("The Nile.", "Yes.", "It is three. Confidence: 60%"))
    summary, evaluation, rows, _ = run(root, "good", "bad")
    river, rose = evaluation["battery"]["tests"]
    assert [(test["id"], test["kind"], test["prompt"]) for test in (river, rose)] == [
        ("UC-01", "judge", "Name a river."), ("RQ-01", "program", "Do some roses fade?"),
    ]  # fmt: skip
    for test in (river, rose):
        good, bad = test["results"]
        assert (good["outcomes"]["passed"], bad["outcomes"]["failed"]) == (1, 1)
        assert len(good["outcomes"]) == 6 and good["answers"] == [f"good/battery/{test['id']}/0"]
    assert evaluation["battery"]["totals"][0] == {"contestant": "good", "group": "UC", "passed": 1, "of": 1}
    assert {row["id"] for row in rows} >= set(river["results"][0]["answers"])
    scored = next(row for row in rows if row["id"] == "bad/battery/RQ-01/0")
    assert (scored["set"], scored["test"], scored["verdict"], scored["why"]) == (
        "battery", "RQ-01", "failed", "its verdict is yes",
    )  # fmt: skip
    good, bad = evaluation["calibration"]
    assert (good["asked"], good["stated"], good["n"], good["abstention"]["recall"]) == (2, 2, 1, 1)
    assert "no AUROC" in good["why"] and bad["why"] is None
    assert (bad["auroc"], bad["abstention"]["recall"]) == (1, 0)
    assert bad["brier"] == pytest.approx((0.01 + 0.36) / 2)
    assert evaluation["contestants"][0]["answers"] == 4, "the nine dimensions are of held-out prompts alone"
    assert summary["battery"] == evaluation["battery"]["totals"] and summary["calibration"][0]["n"] == 1


def test_without_battery_and_probes_it_says_so(root: Path) -> None:
    _, evaluation, _, _ = run(root)
    assert evaluation["battery"] is None
    assert {entry["why"].partition(":")[0] for entry in evaluation["calibration"]} == {"no probe was asked"}
