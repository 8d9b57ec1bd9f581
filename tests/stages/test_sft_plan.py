"""What SFT's plan counts on the real tokenizer and data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.engine.rows import write_rows
from pipeline.engine.stage import PlanContext
from pipeline.stages import ingest, sft
from tests.training.rig import context_of, inputs, trace


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return inputs(tmp_path_factory.mktemp("given"))


def told(config: sft.Config, given: dict[str, Path], **more: Any) -> dict[str, Any]:
    found = sft.plan(PlanContext(config, given, 7, Path(), **more))
    return {key: value for finding in found for key, value in finding.data.items()}


def test_rows_that_do_not_fit_are_counted_as_the_run_leaves_them_out(given: dict[str, Path], tmp_path: Path) -> None:
    rows = [trace(number, 0, answer="the rivers " * number) for number in range(1, 21)]
    write_rows(tmp_path / "rows.jsonl", rows)
    here = {**given, "scores": tmp_path}
    small = {"validation_share": 0.0, "no_think_share": 0.0, "accept_red": sft.STOPPING, "epochs": 2.0}
    whole = told(sft.Config(**small), here)
    assert (whole["lengths"]["too_long"], whole["lengths"]["max_seq_length"], whole["rows"]) == (0, 512, 20)
    median = whole["lengths"]["median"]
    found = told(sft.Config(**small, max_seq_length=median), here)
    assert found["lengths"]["too_long"] == 9 and found["lengths"]["longest"] == whole["lengths"]["longest"]
    assert found["rows"] == found["exposures"]["rows"] == 11
    ran = sft.prepare(tmp_path, given["model"], sft.Config(**small, max_seq_length=median), {})
    assert (len(ran.examples), ran.left_out) == (11, found["left_out"]) == (11, {"too_long": 9})
    none = told(sft.Config(**small, max_seq_length=whole["lengths"]["longest"]), here)
    assert none["lengths"]["too_long"] == 0, "the length that is named loses none"
    assert found["exposures"]["tokens"] == 2 * sum(len(row.input_ids) for row in ran.examples)
    assert found["exposures"]["loss_tokens"] == 2 * found["loss_tokens"]


def test_rows_of_ones_own_are_counted_too(given: dict[str, Path], tmp_path: Path) -> None:
    rows = [
        {"messages": [{"role": "user", "content": f"Name {n}."}, {"role": "assistant", "content": "the river " * n}]}
        for n in range(1, 13)
    ]
    source = tmp_path / "own.jsonl"
    source.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    traces = tmp_path / "traces"
    ingest.run(context_of(ingest.Config(source=source, heldout=0), {}, traces))
    config = sft.Config(max_seq_length=60, accept_red=sft.STOPPING)
    found = told(config, {**given, "scores": traces})
    assert 0 < found["lengths"]["too_long"] < 12
    assert found["rows"] + found["validation"] == 12 - found["lengths"]["too_long"]
    assert found["lengths"]["fully_masked"] == 0


def test_what_is_not_made_yet_is_told_at_most(given: dict[str, Path]) -> None:
    found = sft.plan(
        PlanContext(sft.Config(), {"model": given["model"]}, 7, Path(), expected={"scores": {"traces": 80}})
    )
    assert "at most 80 traces, 30 steps" in found[0].text
