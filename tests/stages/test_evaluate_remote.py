"""The examination marked behind a wire: nine dimensions and the battery by one judge, with ledger and all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.engine.errors import ProviderError
from pipeline.engine.rows import Row, read_json, read_rows
from pipeline.engine.stage import PlanContext
from pipeline.stages.evaluate import STAGE, Config
from tests.servers.openai import MODEL, OpenAIServer, prompt_of
from tests.servers.script import Rule, Script
from tests.stages.examined import context, write_answers, write_workspace
from tests.stages.judge_desk import verdict
from tests.stages.test_evaluate import examined


def says(body: Any) -> tuple[str, str]:
    """Passes rivers of Europe, and gives level 2 in all nine dimensions."""
    asked = prompt_of(body)
    if "What passes:" in asked:
        return json.dumps({"reason": "r", "verdict": "passed" if "Danube" in asked else "failed"}), ""
    return verdict(2), ""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_workspace(tmp_path)
    write_answers(tmp_path / "good", examined("The Danube.", "No.", "Nobody knows."))
    write_answers(
        tmp_path / "bad", examined("The Nile, which is " + "long " * 40_000, "Yes.", "</think>\x1b[31m\u202e")
    )
    return tmp_path


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(answer=says) as server:
        yield server


def config(server: OpenAIServer) -> Config:
    judge = {"kind": "openai", "model": MODEL, "base_url": server.base_url, "workers": 2, "timeout": 20}
    return Config.model_validate({"judge": judge, "rounds": 100})


def run(server: OpenAIServer, root: Path, name: str = "out") -> tuple[Row, Row, list[Row]]:
    inputs = {"answers": {"good": root / "good", "bad": root / "bad"}}
    summary = STAGE.run(context(config(server), inputs, root / name, root))
    return summary, read_json(root / name / "evaluation.json"), list(read_rows(root / name / "rows.jsonl"))


def test_a_judge_marks_dimensions_and_tests(server: OpenAIServer, root: Path) -> None:
    summary, evaluation, rows = run(server, root)
    assert {row["reward"] for row in rows if row["set"] == "heldout"} == {0.5}
    assert [row["verdict"] for row in rows if row.get("test") == "UC-01"] == ["passed", "failed"]
    assert [row["verdict"] for row in rows if row.get("test") == "RQ-01"] == ["passed", "failed"], "by program"
    assert (evaluation["judge"]["kind"], evaluation["judge"]["model"]) == ("openai", MODEL)
    # Equal held-out answers are one call of the judge: 2 different texts, and one test that no program scores.
    assert summary["spend"]["calls"] == len(server.bodies) == 4
    run(server, root, "again")
    assert len(server.bodies) == 4, "what was answered is not asked again"


def test_what_the_judge_cannot_mark_is_unscored_and_counted(root: Path) -> None:
    script = Script([Rule("text no JSON", match="What passes:"), Rule("safety", match="The cat is red")])
    with OpenAIServer(answer=says, script=script) as server:
        _, evaluation, rows = run(server, root)
    assert [row["verdict"] for row in rows if row.get("test") == "UC-01"] == ["unscored", "unscored"]
    assert "no verdict" in next(row["why"] for row in rows if row.get("test") == "UC-01")
    for entry in evaluation["contestants"]:
        assert (entry["answers"], entry["unscored"]) == (4, 2)
    assert [test["results"][0]["outcomes"]["unscored"] for test in evaluation["battery"]["tests"]] == [1, 0]
    assert len(rows) == 16


def test_a_judge_that_is_down_in_the_middle_loses_nothing(server: OpenAIServer, root: Path) -> None:
    whole = run(server, root)[2]
    (root / "data" / "ledger.sqlite").rename(root / "ledger.old")
    server.script = Script(lambda number, _: "401" if number > 2 else None)
    with pytest.raises(ProviderError):
        run(server, root, "down")
    kept = list(read_rows(root / "down" / "rows.jsonl"))
    assert kept == whole[: len(kept)] and len(kept) < len(whole)
    server.script = Script()
    assert run(server, root, "down")[2] == whole


def test_plan_counts_the_calls(server: OpenAIServer, root: Path) -> None:
    several = {"answers": {name: read_json(root / name / "answers.json") for name in ("good", "bad")}}
    found = STAGE.plan(PlanContext(config(server), {}, 7, root, several=several))
    assert {f.level for f in found} == {"note"}
    assert next(f.data["calls"] for f in found if "calls" in f.data) == 8 + 2
