"""The answers of a model: whole, in order, batched as one, and the same after a kill."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.engine.errors import ConfigError, DataError, StopRequested
from pipeline.engine.rows import Row, read_rows, write_rows
from pipeline.engine.stage import PlanContext
from pipeline.providers.provider import ProviderSettings
from pipeline.scoring import contestants
from pipeline.stages import answers
from pipeline.stages.answers import STAGE, Config
from tests.stages.examined import context, write_workspace
from tests.training.tiny_qwen import save_tiny_qwen

SMALL: Row = {"max_tokens": 8, "batch_size": 5, "battery": 2}
IDS = [
    *(f"heldout/{name}-0001/{sample}" for name in ("safety", "conflict", "calibration") for sample in (0, 1)),
    *(f"battery/{name}-01/{sample}" for name in ("UC", "RQ") for sample in (0, 1)),
    "calibration/calibration-0001.known/0",
    "calibration/calibration-0001.open/0",
]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("workspace")
    write_workspace(root)
    save_tiny_qwen(root / "base-0")
    return root


def asking(root: Path, out: Path, events: list[Any] | None = None, **settings: Any) -> Any:
    inputs = {"prompts": root / "prompts", "model": root / "base-0"}
    return context(Config(**{**SMALL, **settings}), inputs, out, root, events)


@pytest.fixture(scope="module")
def finished(root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Row, list[Any]]:
    out, events = tmp_path_factory.mktemp("finished"), list[Any]()
    return out, STAGE.run(asking(root, out, events)), events


def test_rows_are_whole_and_in_order(finished: tuple[Path, Row, list[Any]]) -> None:
    rows = list(read_rows(finished[0] / "rows.jsonl"))
    assert [row["id"] for row in rows] == IDS
    for row in rows:
        assert row["id"] == f"{row['set']}/{row['prompt_id']}/{row['sample']}"
        assert (row["outcome"] == "cut off") == (row["finish"] == "length")
        assert 1 <= row["tokens"] <= 8
    probe = rows[-2]
    assert "tell me the colour alone" in probe["messages"][-1]["content"]
    assert [row["truth"] for row in rows[-2:]] == [
        {"asked": "colour", "answer": ["red"]}, {"asked": "age", "answer": None},
    ]  # fmt: skip


def test_the_sheet_says_who_answered_what_under_which_limits(finished: tuple[Path, Row, list[Any]]) -> None:
    out, summary, _ = finished
    sheet = json.loads((out / "answers.json").read_text("utf-8"))
    assert sheet == summary
    assert sheet["contestant"] == {"kind": "model", "model": "base-0", "system_prompt": ""}
    assert {name: (found["prompts"], found["answers"]) for name, found in sheet["sets"].items()} == {
        "heldout": (3, 6), "battery": (2, 4), "calibration": (2, 2),
    }  # fmt: skip
    for found in sheet["sets"].values():
        assert sum(found["outcomes"].values()) == found["answers"]
    assert sheet["limits"]["max_tokens"] == 8 and len(sheet["asked"]) == 12
    assert sheet["tokens"] == sum(row["tokens"] for row in read_rows(out / "rows.jsonl"))


def test_events_show_progress_and_some_answers(finished: tuple[Path, Row, list[Any]]) -> None:
    seen = finished[2]
    assert [data for kind, data in seen if kind == "progress"][-1] == {"done": 12, "total": 12, "unit": "answers"}
    assert len([1 for kind, _ in seen if kind == "item"]) == 10


@pytest.mark.parametrize("kept", [0, 1, 7, 11])
def test_a_killed_run_goes_on_to_the_same_bytes(finished: Any, root: Path, tmp_path: Path, kept: int) -> None:
    """A kill leaves rows in the order in which they were generated, the last one torn."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contestants, "write_rows", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            STAGE.run(asking(root, tmp_path / "written"))
    lines = (tmp_path / "written" / "rows.jsonl").read_bytes().splitlines(keepends=True)
    assert len(lines) == 12
    torn = tmp_path / "torn"
    torn.mkdir()
    (torn / "rows.jsonl").write_bytes(b"".join(lines[:kept]) + lines[kept][:20])
    STAGE.run(asking(root, torn))
    for name in ("rows.jsonl", "answers.json"):
        assert (torn / name).read_bytes() == (finished[0] / name).read_bytes()


def test_a_stop_saves_what_is_there(finished: Any, root: Path, tmp_path: Path) -> None:
    running, calls = asking(root, tmp_path / "out"), itertools.count()
    running.check_stop = lambda: (_ for _ in ()).throw(StopRequested) if next(calls) == 1 else None
    with pytest.raises(StopRequested):
        STAGE.run(running)
    assert len(list(read_rows(tmp_path / "out" / "rows.jsonl"))) == 5
    STAGE.run(asking(root, tmp_path / "out"))
    assert (tmp_path / "out" / "rows.jsonl").read_bytes() == (finished[0] / "rows.jsonl").read_bytes()


def test_an_adapter_answers_otherwise_than_its_model(finished: Any, root: Path, tmp_path: Path) -> None:
    import peft
    import torch
    from transformers import AutoModelForCausalLM

    laid = peft.get_peft_model(
        AutoModelForCausalLM.from_pretrained(root / "base-0"), peft.LoraConfig(target_modules=["q_proj"])
    )
    with torch.no_grad():
        for name, weight in laid.named_parameters():
            if "lora_" in name:
                weight.fill_(0.5)
    laid.save_pretrained(tmp_path / "adapter-0")
    running = asking(root, tmp_path / "out")
    running.inputs = {**running.inputs, "adapter": tmp_path / "adapter-0"}
    assert STAGE.run(running)["contestant"]["kind"] == "adapter"
    told = [[row["answer"] for row in read_rows(out / "rows.jsonl")] for out in (tmp_path / "out", finished[0])]
    assert told[0] != told[1]


def test_a_set_without_samples_is_not_asked_and_limit_spreads(root: Path, tmp_path: Path) -> None:
    STAGE.run(asking(root, tmp_path / "out", battery=0, calibration=0, heldout=1, limit=2, temperature=0))
    rows = list(read_rows(tmp_path / "out" / "rows.jsonl"))
    assert [(row["set"], row["category"]) for row in rows] == [("heldout", "safety"), ("heldout", "conflict")]


def test_a_system_prompt_is_said_first(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.training import generate

    asked: list[Any] = []
    prompt = generate._prompt
    monkeypatch.setattr(
        generate,
        "_prompt",
        lambda tokenizer, turns, thinking: asked.append(turns) or prompt(tokenizer, turns, thinking),
    )
    STAGE.run(asking(root, tmp_path / "out", system_prompt="Be brief."))
    assert all(turns[0] == {"role": "system", "content": "Be brief."} for turns in asked) and len(asked) == 7


def test_settings_that_cannot_be_meant() -> None:
    with pytest.raises(ValidationError, match="at temperature 0 every answer is the same"):
        Config(temperature=0)
    with pytest.raises(ValidationError, match="nothing is asked"):
        Config(heldout=0, battery=0, calibration=0)


@pytest.mark.parametrize(
    ("named", "said"),
    [({}, "nobody is named"), ({"model", "gguf"}, "model and gguf are named"), ({"gguf", "adapter"}, "on a model")],
)
def test_exactly_one_answers(root: Path, tmp_path: Path, named: set[str], said: str) -> None:
    inputs = {"prompts": root / "prompts", **dict.fromkeys(named, root / "base-0")}
    (fault,) = [f for f in answers.plan(PlanContext(Config(), inputs, 7, root)) if f.level == "fault"]
    assert said in fault.text
    with pytest.raises(ConfigError, match=said):
        STAGE.run(context(Config(), inputs, tmp_path / "out", root))


def test_plan_counts_what_will_be_answered(root: Path) -> None:
    inputs = {"prompts": root / "prompts", "model": root / "base-0"}
    notes = answers.plan(PlanContext(Config(**SMALL), inputs, 7, root))
    data = {key: value for note in notes for key, value in note.data.items()}
    assert {note.level for note in notes} == {"note"}
    assert data["answers"] == 12 and data["limits"]["max_tokens"] == 8
    assert data["sets"]["battery"] == {"prompts": 2, "answers": 4}


def test_nothing_to_ask(tmp_path: Path) -> None:
    write_workspace(tmp_path)
    write_rows(tmp_path / "prompts" / "rows.jsonl", [])
    inputs = {"prompts": tmp_path / "prompts", "model": tmp_path}
    config = Config(battery=0)
    assert "fault" in {found.level for found in answers.plan(PlanContext(config, inputs, 7, tmp_path))}
    with pytest.raises(DataError, match="nothing to ask"):
        STAGE.run(context(config, inputs, tmp_path / "out", tmp_path))


def test_settings_of_models_have_no_effect_on_a_provider(root: Path) -> None:
    config = Config(provider=ProviderSettings(), batch_size=4)
    (warning,) = [f for f in answers.plan(PlanContext(config, {}, 7, root)) if f.level == "warning"]
    assert "batch_size" in warning.text


def test_the_same_is_answered_whatever_the_step_is_called_and_however_it_is_scored(tmp_path: Path) -> None:
    """A battery's prompt decides the answers, what passes it does not."""
    write_workspace(tmp_path)
    before = STAGE.reads(tmp_path)
    path = tmp_path / "configs" / "battery.toml"
    path.write_text(path.read_text("utf-8").replace("It names a river", "It names a long river"), encoding="utf-8")
    assert STAGE.reads(tmp_path) == before
    path.write_text(path.read_text("utf-8").replace("Name a river.", "Name a long river."), encoding="utf-8")
    assert STAGE.reads(tmp_path) != before
