from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.engine.errors import DataError
from pipeline.engine.rows import Row, read_rows, write_json, write_rows
from pipeline.engine.stage import PlanContext
from pipeline.stages import select
from pipeline.tasks.dimensions import DIMENSIONS
from pipeline.tasks.marks import key_of
from pipeline.tasks.rubric import Weights
from tests.training.rig import context_of, trace


def row(prompt: int, sample: int, category: str = "safety", **changes: Any) -> Row:
    return trace(prompt, sample, category=category, type="chosen", scores=dict.fromkeys(DIMENSIONS, 0.5), **changes)


@pytest.fixture
def scores(tmp_path: Path) -> Path:
    rows = [row(number, sample, ("safety", "conflict")[number % 2]) for number in range(4) for sample in range(3)]
    write_rows(tmp_path / "scores" / "rows.jsonl", [*rows, row(9, 0, split="heldout")])
    return tmp_path / "scores"


def test_chosen_rows_are_written_with_marks_and_told_with_their_counts(scores: Path, tmp_path: Path) -> None:
    rows = list(read_rows(scores / "rows.jsonl"))
    marks = {key_of(rows[2]): {"verdict": "accept"}, key_of(rows[0]): {"verdict": "reject"},
             key_of(rows[3]): {"verdict": "edit", "text": "mine"}}  # fmt: skip
    context = context_of(select.Config(per_prompt=1, quotas={"conflict": 1}), {"scores": scores}, tmp_path / "out")
    context.marks = {"scores": marks}
    summary = select.run(context)
    chosen = list(read_rows(tmp_path / "out" / "rows.jsonl"))
    assert [(row["id"], row.get("mark", ""), row["answer"]) for row in chosen] == [
        ("p0/2", "accept", "the 0 rivers in 2"), ("p1/0", "edit", "mine"), ("p2/0", "", "the 2 rivers in 0"),
    ]  # fmt: skip
    assert summary["left_out"] == {"heldout": 1, "rejected": 1, "beyond_per_prompt": 7, "beyond_quota": 1}
    assert summary["marks"] == {"accept": 1, "reject": 1, "edit": 1}
    assert (summary["rows"], summary["prompts"]) == (3, 3)
    assert summary["categories"] == {"safety": 2, "conflict": 1} and summary["types"] == {"chosen": 3}
    assert summary["reward"] == {"mean": pytest.approx(2.5 / 3), "least": pytest.approx(0.7)}
    assert sum(summary["left_out"].values()) + summary["rows"] == 13


def test_what_an_unfinished_attempt_left_is_written_anew(scores: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "rows.jsonl").write_text('{"id":"old"}\n{"id":"torn', encoding="utf-8")
    summary = select.run(context_of(select.Config(), {"scores": scores}, tmp_path / "out"))
    assert len(list(read_rows(tmp_path / "out" / "rows.jsonl"))) == summary["rows"] == 12


def test_other_weights_need_no_judge_and_are_handed_on(scores: Path, tmp_path: Path) -> None:
    weights = Weights(helpfulness=1, **dict.fromkeys(set(DIMENSIONS) - {"helpfulness"}, 0))
    summary = select.run(context_of(select.Config(weights=weights), {"scores": scores}, tmp_path / "out"))
    assert {row["reward"] for row in read_rows(tmp_path / "out" / "rows.jsonl")} == {0.5}
    assert summary["weighting"] == {"weights": weights.model_dump(), "renormalise": True}
    write_json(tmp_path / "out" / "made.json", {"summary": summary, "settings": {}})
    again = select.run(context_of(select.Config(), {"scores": tmp_path / "out"}, tmp_path / "again"))
    assert again["weighting"] == summary["weighting"]


def test_nothing_left_and_rows_without_scores_are_errors(scores: Path, tmp_path: Path) -> None:
    config = select.Config(min_reward=2)
    with pytest.raises(DataError, match="No trace is left"):
        select.run(context_of(config, {"scores": scores}, tmp_path / "out"))
    assert [f.level for f in select.plan(PlanContext(config, {"scores": scores}, 7, tmp_path))] == ["fault"]
    bare = trace(1, 0)
    del bare["reward"]
    write_rows(tmp_path / "bare" / "rows.jsonl", [bare])
    with pytest.raises(DataError, match="traces without scores: p1/0"):
        select.run(context_of(select.Config(), {"scores": tmp_path / "bare"}, tmp_path / "out"))


def test_plan_tells_what_stays_and_which_quota_is_idle(scores: Path, tmp_path: Path) -> None:
    config = select.Config(quotas={"dialogue": 3, "safety": 2})
    note, warning = select.plan(PlanContext(config, {"scores": scores}, 7, tmp_path))
    assert note.text == "8 traces stay, left out: {'heldout': 1, 'beyond_quota': 4}"
    assert note.data["categories"] == {"safety": 2, "conflict": 6}
    assert warning.level == "warning" and "there is no dialogue trace" in warning.text
    assert select.plan(PlanContext(config, {}, 7, tmp_path)) == []


@pytest.mark.parametrize("quota", [-1, 1.5])
def test_a_quota_is_a_count_or_a_share(quota: float) -> None:
    with pytest.raises(ValidationError, match="a whole number of traces or a share"):
        select.Config(quotas={"safety": quota})
