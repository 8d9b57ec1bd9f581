"""The traces stage: types evenly spread, the same bytes after a kill, what `plan` says of the embedded teacher."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.engine.errors import DataError, StopRequested
from pipeline.engine.events import Emitter
from pipeline.engine.rows import Row, read_rows
from pipeline.engine.stage import Context, PlanContext
from pipeline.stages import prompts
from pipeline.stages.traces import STAGE, Config


def context(out: Path, config: Any, inputs: dict[str, Path], events: list[tuple[str, Row]] | None = None) -> Context:
    said = [] if events is None else events
    out.mkdir(exist_ok=True)
    return Context(config=config, inputs=inputs, out=out, seed=7, emit=Emitter(lambda *event: said.append(event)))


def make(out: Path, bank: Path, **settings: Any) -> tuple[dict[str, Any], list[Row], list[tuple[str, Row]]]:
    events: list[tuple[str, Row]] = []
    summary = STAGE.run(context(out, Config(**settings), {"prompts": bank}, events))
    return summary, list(read_rows(out / "rows.jsonl")), events


def test_six_a_prompt_two_of_each_type(tmp_path: Path, bank: Path) -> None:
    summary, rows, events = make(tmp_path / "out", bank)
    made = {row["id"]: row for row in read_rows(bank / "rows.jsonl")}
    assert summary["traces"] == len(rows) == 90
    assert summary["types"] == {"chosen": 30, "adequate": 30, "rejected": 30}
    assert summary["finish"] == {"stop": 90}
    assert summary["words"]["chosen"]["thought"] > summary["words"]["rejected"]["thought"]
    assert [row["id"] for row in rows] == [f"{name}/{sample}" for name in made for sample in range(6)]
    for row in rows:
        prompt = made[row["prompt_id"]]
        assert all(row[key] == prompt[key] for key in ("category", "split", "messages"))
        assert row["thought"] and row["answer"]
        assert (row["provider"], row["model"]) == ("offline", "offline-teacher-1")
    kinds = Counter((row["prompt_id"], row["type"]) for row in rows)
    assert set(kinds.values()) == {2}
    assert len([data for kind, data in events if kind == "item"]) == 15
    assert ("progress", {"done": 90, "total": 90, "unit": "rows"}) in events


@pytest.mark.parametrize(("count", "spread"), [(4, (2, 1, 1)), (5, (2, 2, 1)), (7, (3, 2, 2)), (8, (3, 3, 2))])
def test_other_counts_are_spread_evenly(tmp_path: Path, bank: Path, count: int, spread: tuple[int, ...]) -> None:
    summary, _, _ = make(tmp_path / "out", bank, per_prompt=count)
    assert tuple(summary["types"].values()) == tuple(15 * of for of in spread)


@pytest.mark.parametrize("count", [3, 9])
def test_four_to_eight_are_allowed(count: int) -> None:
    with pytest.raises(ValidationError):
        Config(per_prompt=count)


@pytest.mark.parametrize("share", [0.0, 0.31, 0.66, 0.999])
def test_a_killed_run_goes_on_to_the_same_bytes(tmp_path: Path, bank: Path, share: float) -> None:
    make(tmp_path / "whole", bank)
    whole = (tmp_path / "whole" / "rows.jsonl").read_bytes()
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "rows.jsonl").write_bytes(whole[: int(share * len(whole))])
    make(tmp_path / "torn", bank)
    assert (tmp_path / "torn" / "rows.jsonl").read_bytes() == whole


def test_workers_do_not_change_the_bytes(tmp_path: Path, bank: Path) -> None:
    make(tmp_path / "one", bank)
    make(tmp_path / "three", bank, provider={"workers": 3}, thinking_chosen="low")
    assert (tmp_path / "one" / "rows.jsonl").read_bytes() == (tmp_path / "three" / "rows.jsonl").read_bytes()


def test_a_stop_leaves_whole_rows(tmp_path: Path, bank: Path) -> None:
    (tmp_path / "stop").touch()
    asked = context(tmp_path / "out", Config(), {"prompts": bank})
    asked.stop_file = tmp_path / "stop"
    with pytest.raises(StopRequested):
        STAGE.run(asked)
    rows = list(read_rows(tmp_path / "out" / "rows.jsonl"))
    assert 0 < len(rows) < 90


def test_prompts_without_a_truth_are_named_before_the_work(tmp_path: Path) -> None:
    path = tmp_path / "own.txt"
    path.write_text("one\ntwo\n", encoding="utf-8")
    prompts.STAGE.run(context(tmp_path / "prompts", prompts.Config(source=path), {}))
    with pytest.raises(DataError, match="2 prompts are not for the embedded teacher: complexity-0001, complexity-0002"):
        make(tmp_path / "out", tmp_path / "prompts")
    findings = STAGE.plan(PlanContext(Config(), {"prompts": tmp_path / "prompts"}, 7, tmp_path))
    assert [finding.level for finding in findings] == ["fault", "note"]


def test_plan_counts_the_traces(tmp_path: Path, bank: Path) -> None:
    findings = STAGE.plan(PlanContext(Config(per_prompt=4), {"prompts": bank}, 7, tmp_path))
    assert [dict(finding.data) for finding in findings] == [{"traces": 60}]


def planned(root: Path, inputs: Any = None, expected: Any = None, **settings: Any) -> list[tuple[str, str]]:
    context = PlanContext(Config(**settings), inputs or {}, 7, root, expected=expected or {})
    return [(finding.level, f"{finding.text} {finding.mend}") for finding in STAGE.plan(context)]


def test_plan_names_what_has_no_effect_on_the_embedded_teacher(tmp_path: Path) -> None:
    assert planned(tmp_path) == []
    named = planned(tmp_path, provider={"model": "x"}, thought="written", system_adequate="Think.")
    assert [level for level, _ in named] == ["warning"] * 3
    assert all("no effect on a provider of kind offline" in text for _, text in named)


def test_plan_goes_by_what_is_expected_of_prompts_that_are_not_made(tmp_path: Path) -> None:
    known = planned(tmp_path, expected={"prompts": {"prompts": 500, "without_truth": 0}})
    assert [text.split()[0] for _, text in known] == ["3000"]
    lacking = planned(tmp_path, expected={"prompts": {"prompts": 500, "without_truth": 100}})
    assert lacking[0][0] == "fault"
    assert "100 of the 500 prompts will not be for the embedded teacher" in lacking[0][1]
