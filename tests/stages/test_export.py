from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.engine.errors import DataError, StageFailed, StopRequested
from pipeline.engine.events import Emitter
from pipeline.engine.stage import Context, PlanContext
from pipeline.gguf import verify as verification
from pipeline.gguf.reference import Reference
from pipeline.gguf.session import Session
from pipeline.stages.export import STAGE, Config, plan, run
from tests.gguf.tiny import save_tiny_model

Events = list[tuple[str, dict[str, Any]]]


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("models") / "sft-0123abcd")


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("models") / "wide", width=256)


def context_for(source: Path, out: Path, **settings: Any) -> tuple[Context, Events]:
    events: Events = []
    out.mkdir(exist_ok=True)
    emit = Emitter(lambda kind, data: events.append((kind, data)))
    return Context(Config(**settings), {"model": source}, out, 7, emit), events


def test_a_k_quant_is_made_checked_and_told(wide: Path, tmp_path: Path) -> None:
    context, events = context_for(wide, tmp_path / "out", types="q6_k,f16", base_model="the/base")
    summary = run(context)
    names = ["model-Q6_K.gguf", "model-F16.gguf"]
    assert list(summary["files"]) == names
    assert {path.name for path in context.out.iterdir()} == {*names, "checked.json"}
    assert summary["gguf"].endswith(names[0])
    assert summary["chat"] == f"python -m pipeline chat {summary['gguf']}"
    quantised, exact = (summary["files"][name] for name in names)
    assert quantised["bytes"] == (context.out / names[0]).stat().st_size
    assert quantised["tensors"]["Q6_K"] == 15
    assert quantised["verified"]["tolerance"] is None
    assert 0 < quantised["verified"]["divergence"] < 0.1
    assert exact["verified"]["tolerance"] == 0.01
    assert exact["verified"]["max_difference"] <= 0.01
    assert [data["name"] for kind, data in events if kind == "item"] == ["model-F16.gguf", "model-Q6_K.gguf"]
    assert events[-1] == ("progress", {"done": 2, "total": 2, "unit": "files"})
    assert context.effective == {}
    with Session() as session:
        metadata = session.load(context.out / names[0]).metadata
    assert metadata["general.base_model.0.name"] == "the/base"
    assert metadata["training_cockpit.artifact"] == "wide"
    json.dumps(summary, allow_nan=False)


def test_a_narrow_model_gets_q8_0_and_says_so(narrow: Path, tmp_path: Path) -> None:
    context, events = context_for(narrow, tmp_path / "out", model_name="mine")
    summary = run(context)
    assert list(summary["files"]) == ["mine-Q8_0.gguf"]
    assert sorted(path.name for path in context.out.iterdir()) == ["checked.json", "mine-Q8_0.gguf"]
    assert context.effective["types"]["asked"] == ["Q6_K"]
    assert context.effective["types"]["in_effect"] == ["Q8_0"]
    assert any(kind == "alert" and "256" in data["text"] for kind, data in events)


def test_the_same_bytes_again_and_no_work_for_what_is_done(
    narrow: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = context_for(narrow, tmp_path / "one", types=["F16", "Q8_0"])
    summary = run(first)
    # An attempt that was killed after its first file, in the middle of the second.
    second, events = context_for(narrow, tmp_path / "two", types=["F16", "Q8_0"])
    shutil.copy(first.out / "model-F16.gguf", second.out)
    record = {"model-F16.gguf": summary["files"]["model-F16.gguf"]}
    (second.out / "checked.json").write_text(json.dumps(record), encoding="utf-8")
    (second.out / "model-Q8_0.gguf.unchecked").write_bytes(b"half")
    again = run(second)
    assert {name: {**file, "verified": 0} for name, file in again["files"].items()} == {
        name: {**file, "verified": 0} for name, file in summary["files"].items()
    }
    for name in ("model-F16.gguf", "model-Q8_0.gguf"):
        assert (first.out / name).read_bytes() == (second.out / name).read_bytes()
    assert {path.name for path in second.out.iterdir()} == {path.name for path in first.out.iterdir()}

    def forbidden(_: Path) -> None:
        raise AssertionError("nothing is left to do")

    monkeypatch.setattr(Reference, "of", forbidden)
    assert run(second)["files"] == again["files"]
    assert len([kind for kind, _ in events if kind == "item"]) >= 1


def test_a_file_that_fails_its_check_is_kept_aside(
    narrow: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "TOLERANCE", 1e-9)
    context, _ = context_for(narrow, tmp_path / "out")
    with pytest.raises(StageFailed, match=r"model-F16\.gguf did not pass its check[\s\S]*model-F16\.gguf\.failed"):
        run(context)
    assert [path.name for path in context.out.iterdir()] == ["model-F16.gguf.failed"]


def test_a_full_disk_is_told_before_anything_is_written(
    narrow: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    context, _ = context_for(narrow, tmp_path / "out")
    with pytest.raises(StageFailed, match=r"needs 0\.\d+ GB of disk, 0\.00 GB are free"):
        run(context)
    assert not list(context.out.iterdir())
    levels = [finding.level for finding in plan(PlanContext(Config(types=["F16"]), {"model": narrow}, 7, tmp_path))]
    assert levels == ["warning"]


def test_a_stop_leaves_what_is_done(narrow: Path, tmp_path: Path) -> None:
    context, _ = context_for(narrow, tmp_path / "out", types=["F16", "Q8_0"])
    context.stop_file = tmp_path / "stop"
    context.stop_file.touch()
    with pytest.raises(StopRequested):
        run(context)
    assert not list(context.out.glob("*.gguf"))


def test_plan_names_what_is_missing_and_what_will_be_made(
    narrow: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = PlanContext(Config(), {"model": narrow}, 7, tmp_path / "not" / "yet")
    notes = plan(asked)
    assert [finding.level for finding in notes] == ["note", "note"]
    assert "Q8_0 is made instead" in notes[0].text
    assert "GB" in notes[1].text
    assert plan(PlanContext(Config(), {}, 7, tmp_path)) == []
    odd = shutil.copytree(narrow, tmp_path / "odd")
    (odd / "config.json").write_text('{"model_type": "gemma"}', encoding="utf-8")
    (fault,) = plan(PlanContext(Config(), {"model": odd}, 7, tmp_path))
    assert (fault.level, "gemma" in fault.text) == ("fault", True)
    with pytest.raises(DataError, match="gemma"):
        run(context_for(odd, tmp_path / "out")[0])
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "llama_cpp" else object())
    (fault,) = plan(asked)
    assert fault.level == "fault"
    assert "llama-cpp-python is not installed" in fault.text
    assert "gguf" in fault.mend


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"types": ["Q7_K"]}, "Q7_K"),
        ({"types": []}, "none given"),
        ({"types": ["IQ2_XXS", "Q6_K"]}, "IQ2_XXS: made with an importance matrix only"),
        ({"types": ["F16"], "imatrix": "m.dat"}, "no effect"),
        ({"push_to": "me/model"}, "bundle"),
        ({"model_name": "../evil"}, "model_name"),
        ({"quant": "Q8_0"}, "quant"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        Config(**settings)


def test_settings_are_described() -> None:
    assert all(field.description for field in Config.model_fields.values())
    assert Config(types=["q8_0", "Q8_0", "f16"]).types == ["Q8_0", "F16"]
    assert STAGE.takes == {"model": "model", "evaluation": "evaluation?="}
    assert (STAGE.makes, STAGE.libraries) == ("gguf", "gguf")
