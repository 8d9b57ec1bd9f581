"""The judge stage: rows in order and blind to the label, the same bytes after a kill, and what its summary says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.engine.errors import DataError, StopRequested
from pipeline.engine.events import Emitter
from pipeline.engine.rows import Row, read_rows, write_rows
from pipeline.engine.stage import Context, PlanContext, Take
from pipeline.stages import prompts, traces
from pipeline.stages.judge import STAGE, Config
from pipeline.tasks.dimensions import DIMENSIONS
from pipeline.tasks.records import CATEGORIES, TRACE_TYPES
from pipeline.tasks.rubric import RUBRIC, Weights, reward, rubric_hash

COUNTS = dict.fromkeys(CATEGORIES, 3)


def context(out: Path, config: Any, inputs: dict[str, Path], events: list[tuple[str, Row]] | None = None) -> Context:
    said = [] if events is None else events
    out.mkdir(exist_ok=True)
    return Context(config=config, inputs=inputs, out=out, seed=7, emit=Emitter(lambda *event: said.append(event)))


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    bank, written = tmp_path_factory.mktemp("prompts"), tmp_path_factory.mktemp("traces")
    prompts.STAGE.run(context(bank, prompts.Config(**COUNTS), {}))
    traces.STAGE.run(context(written, traces.Config(), {"prompts": bank}))
    return {"prompts": bank, "traces": written}


def changed(inputs: dict[str, Path], out: Path, change: Any) -> dict[str, Path]:
    """The same inputs, each trace passed through `change`."""
    out.mkdir()
    write_rows(out / "rows.jsonl", map(change, read_rows(inputs["traces"] / "rows.jsonl")))
    return inputs | {"traces": out}


def test_every_trace_is_scored_in_order(tmp_path: Path, inputs: dict[str, Path]) -> None:
    events: list[tuple[str, Row]] = []
    summary = STAGE.run(context(tmp_path, Config(), inputs, events))
    rows = list(read_rows(tmp_path / "rows.jsonl"))
    written = list(read_rows(inputs["traces"] / "rows.jsonl"))
    assert [{name: row[name] for name in trace} for row, trace in zip(rows, written, strict=True)] == written
    for row in rows:
        assert list(row["scores"]) == list(DIMENSIONS)
        assert set(row["reasons"]) == {name for name, mark in row["scores"].items() if mark is not None}
        assert row["reward"] == pytest.approx(reward(row["scores"], Weights()), abs=1e-6)
        assert row["judge"] == {"kind": "offline", "model": "offline-1", "rubric": rubric_hash()}
    items = [data for kind, data in events if kind == "item"]
    assert {(item["category"], item["type"]) for item in items} == {(c, t) for c in CATEGORIES for t in TRACE_TYPES}
    assert len(items) == 15 and all(item["what"] == "scored" for item in items)
    assert ("progress", {"done": 90, "total": 90, "unit": "rows"}) in events
    assert summary["traces"] == 90 and summary["models"] == {"offline-1": 90}
    assert summary["judge"] == {"kind": "offline", "model": "offline-1", "rubric": rubric_hash()}
    assert summary["outcomes"] == {
        "asked": 90, "answered": 90, "cut_off": 0, "blocked": 0, "invalid": 0, "not_yet": 0,
    }  # fmt: skip
    assert summary["judge_refused"] == summary["judge_invalid"] == 0.0


def test_the_summary_adds_up(tmp_path: Path, inputs: dict[str, Path]) -> None:
    summary = STAGE.run(context(tmp_path, Config(), inputs))
    rows = list(read_rows(tmp_path / "rows.jsonl"))
    some = [row for row in rows if row["category"] == "conflict" and row["type"] == "adequate"]
    assert list(summary["categories"]) == list(CATEGORIES)
    assert all(list(kinds) == list(TRACE_TYPES) for kinds in summary["categories"].values())
    found = summary["categories"]["conflict"]["adequate"]
    assert found["count"] == len(some) == 6
    assert found["reward"] == pytest.approx(sum(row["reward"] for row in some) / 6, abs=1e-4)
    mean = sum(row["scores"]["conflict_resolution"] for row in some) / 6
    assert found["dimensions"]["conflict_resolution"] == pytest.approx(mean, abs=1e-4)
    assert found["dimensions"]["harm_avoidance"] is None and found["applies"]["harm_avoidance"] == 0
    assert summary["overall"]["count"] == 90
    for category in CATEGORIES:
        assert summary["separation"][category]["ordered"]
        assert all(d > 1 for d in summary["separation"][category]["effect"].values())


def test_the_label_is_not_read(tmp_path: Path, inputs: dict[str, Path]) -> None:
    STAGE.run(context(tmp_path / "a", Config(), inputs))
    lying = changed(inputs, tmp_path / "lying", lambda row: row | {"type": "chosen"})
    STAGE.run(context(tmp_path / "b", Config(), lying))
    scores = [[row["scores"] for row in read_rows(tmp_path / name / "rows.jsonl")] for name in ("a", "b")]
    assert scores[0] == scores[1]


def test_weights_and_the_bare_sum(tmp_path: Path, inputs: dict[str, Path]) -> None:
    weights = Weights(**(dict.fromkeys(DIMENSIONS, 0.0) | {"conflict_resolution": 0.5}))
    events: list[tuple[str, Row]] = []
    STAGE.run(context(tmp_path, Config(weights=weights, renormalise=False), inputs, events))
    rows = list(read_rows(tmp_path / "rows.jsonl"))
    assert all(row["reward"] == pytest.approx(0.5 * (row["scores"]["conflict_resolution"] or 0)) for row in rows)
    without = sum(row["scores"]["conflict_resolution"] is None for row in rows)
    assert without and any(data["text"].startswith(f"{without} traces") for kind, data in events if kind == "alert")


def test_killed_and_resumed_it_writes_the_same_bytes(tmp_path: Path, inputs: dict[str, Path]) -> None:
    whole, torn = tmp_path / "whole", tmp_path / "torn"
    STAGE.run(context(whole, Config(), inputs))
    stopping = context(torn, Config(), inputs)
    stopping.stop_file = tmp_path / "stop"
    stopping.stop_file.touch()
    with pytest.raises(StopRequested):
        STAGE.run(stopping)
    with (torn / "rows.jsonl").open("ab") as file:
        file.write(b'{"id":"half a li')
    resumed = STAGE.run(context(torn, Config(), inputs))
    assert (torn / "rows.jsonl").read_bytes() == (whole / "rows.jsonl").read_bytes()
    assert resumed == STAGE.run(context(whole, Config(), inputs))


def test_what_did_not_come_to_its_end_is_counted_not_scored(tmp_path: Path, inputs: dict[str, Path]) -> None:
    cut = changed(inputs, tmp_path / "cut", lambda row: row | {"finish": "length" if row["sample"] == 0 else "stop"})
    summary = STAGE.run(context(tmp_path / "out", Config(), cut))
    assert summary["traces"] == 75 and summary["unfinished"] == {"length": 15}
    assert all(row["finish"] == "stop" for row in read_rows(tmp_path / "out" / "rows.jsonl"))
    none = changed(inputs, tmp_path / "none", lambda row: row | {"finish": "blocked"})
    with pytest.raises(DataError, match="no trace to judge"):
        STAGE.run(context(tmp_path / "nothing", Config(), none))


def test_types_that_look_alike_raise_an_alert(tmp_path: Path, inputs: dict[str, Path]) -> None:
    same = changed(
        inputs,
        tmp_path / "same",
        lambda row: row | {"type": TRACE_TYPES[row["sample"] // 2], "answer": "Wait.", "thought": ""},
    )
    events: list[tuple[str, Row]] = []
    summary = STAGE.run(context(tmp_path / "out", Config(), same, events))
    assert not any(found["ordered"] for found in summary["separation"].values())
    assert len([data for kind, data in events if kind == "alert"]) == len(CATEGORIES)


def test_traces_of_other_prompts(tmp_path: Path, inputs: dict[str, Path]) -> None:
    stray = changed(inputs, tmp_path / "stray", lambda row: row | {"prompt_id": "elsewhere-0001"})
    with pytest.raises(DataError, match="elsewhere-0001"):
        STAGE.run(context(tmp_path / "out", Config(), stray))


def test_some_traces_without_a_prompt_are_judged_from_their_text(tmp_path: Path, inputs: dict[str, Path]) -> None:
    mixed = changed(
        inputs, tmp_path / "mixed", lambda row: row | ({"prompt_id": "elsewhere-0001"} if row["sample"] == 5 else {})
    )
    events: list[tuple[str, Row]] = []
    STAGE.run(context(tmp_path / "out", Config(), mixed, events))
    told = [data["text"] for kind, data in events if kind == "alert" and "judged without a truth" in data["text"]]
    assert len(told) == 1 and told[0].startswith("15 traces answer prompts that are not there, such as elsewhere-0001")
    rows = list(read_rows(tmp_path / "out" / "rows.jsonl"))
    assert all((row["scores"]["helpfulness"] is None) == (row["sample"] == 5) for row in rows)


def test_without_prompts_only_the_text_is_judged(tmp_path: Path, inputs: dict[str, Path]) -> None:
    assert Take.read("prompts", STAGE.takes["prompts"]).optional
    summary = STAGE.run(context(tmp_path, Config(), {"traces": inputs["traces"]}))
    assert summary["traces"] == 90 and summary["overall"]["applies"]["helpfulness"] == 0
    assert summary["overall"]["applies"]["process_transparency"] == 90


def test_traces_without_a_label(tmp_path: Path, inputs: dict[str, Path]) -> None:
    def unlabelled(row: Row) -> Row:
        return {key: value for key, value in row.items() if key != "type"} | {"category": "letters"}

    summary = STAGE.run(context(tmp_path / "out", Config(), changed(inputs, tmp_path / "own", unlabelled)))
    assert list(summary["categories"]) == ["letters"] and list(summary["categories"]["letters"]) == ["unlabelled"]
    assert summary["separation"] == {} and summary["categories"]["letters"]["unlabelled"]["count"] == 90


def test_what_has_no_effect_on_the_embedded_judge_is_told(tmp_path: Path, inputs: dict[str, Path]) -> None:
    config = Config(samples=3, rubric=RUBRIC)
    plain, asked = context(tmp_path / "plain", Config(), inputs), context(tmp_path / "asked", config, inputs)
    STAGE.run(plain)
    STAGE.run(asked)
    assert {name: effect["in_effect"] for name, effect in asked.effective.items()} == {"samples": 1, "rubric": None}
    assert plain.effective == {}
    assert (tmp_path / "plain" / "rows.jsonl").read_bytes() == (tmp_path / "asked" / "rows.jsonl").read_bytes()
    findings = STAGE.plan(PlanContext(config=config, inputs={}, seed=7, root=tmp_path))
    assert [(finding.level, finding.text.split()[0]) for finding in findings] == [
        ("warning", "`samples`"),
        ("warning", "`rubric`"),
    ]


def test_the_plan(tmp_path: Path, inputs: dict[str, Path]) -> None:
    config = Config.model_validate({"judge": {"model": "big"}})
    findings = STAGE.plan(PlanContext(config=config, inputs=inputs, seed=7, root=tmp_path))
    assert [finding.level for finding in findings] == ["warning", "note"]
    assert findings[1].data == {"traces": 90}
    assert STAGE.plan(PlanContext(config=Config(), inputs={}, seed=7, root=tmp_path)) == []
    assert STAGE.pins(Config()) == {"judge": "offline-1", "rubric": rubric_hash()}
