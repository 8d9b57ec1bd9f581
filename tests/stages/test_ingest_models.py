"""Models, adapters and GGUF files made elsewhere, brought in by `ingest` and used where one of ours may stand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.catalog import CATALOG
from pipeline.engine.artifacts import Workspace, read_made
from pipeline.engine.config import check
from pipeline.engine.errors import ConfigError
from pipeline.engine.stage import PlanContext
from pipeline.gguf.convert import convert
from pipeline.stages.ingest import Config, plan
from tests.gguf.tiny import save_tiny_model
from tests.test_kill import cli


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("theirs") / "model", width=64)


@pytest.fixture(scope="module")
def gguf(model: Path) -> Path:
    convert(model, model.parent / "theirs.gguf", "Q8_0")
    return model.parent / "theirs.gguf"


def test_a_preset_wires_what_comes_of_it(model: Path, gguf: Path) -> None:
    def steps(source: Path, then: str) -> dict[str, dict[str, str]]:
        return {"theirs": {"stage": "ingest", "source": str(source)}, then: {"stage": then}}

    config = check({"steps": steps(model, "export")}, CATALOG)
    assert config.step("export").inputs == {"model": ("theirs",)}
    workspace = Workspace(Path("root"))
    assert workspace.artifact(config.step("theirs"), "0" * 64).parent.name == "models"
    assert check({"steps": steps(gguf, "report")}, CATALOG).step("report").inputs["gguf"] == ("theirs",)
    with pytest.raises(ConfigError, match="no earlier step makes a model"):
        check({"steps": steps(gguf, "export")}, CATALOG)
    with pytest.raises(ConfigError, match="no earlier step makes a model"):
        check({"steps": steps(Path("absent"), "export")}, CATALOG)


def test_plan_says_what_it_is_and_which_settings_are_idle(model: Path, gguf: Path, tmp_path: Path) -> None:
    findings = plan(PlanContext(Config(source=gguf, heldout=0.5), {}, 7, tmp_path))
    assert [(finding.level, "heldout" in finding.text) for finding in findings] == [("warning", True), ("note", False)]
    assert findings[1].data["kind"] == "gguf"
    (fault,) = plan(PlanContext(Config(source=model, kind="adapter"), {}, 7, tmp_path))
    assert "no adapter" in fault.text


@pytest.mark.slow
def test_the_commands(model: Path, gguf: Path, tmp_path: Path) -> None:
    """A model is ingested and exported, a GGUF file ingested and asked; each `stage` is a run of its own."""
    done = cli(tmp_path, "stage", "ingest", "--source", str(model), "--name", "theirs")
    assert done.returncode == 0, done.stdout + done.stderr
    made = read_made(next((tmp_path / "models").glob("ingest-*")))
    assert (made["kind"], made["summary"]["architecture"]) == ("model", "qwen3")
    out = tmp_path / "exported"
    done = cli(tmp_path, "stage", "export", "--model", "theirs", "--out", str(out), "--types", "f16,q8_0")
    assert done.returncode == 0, done.stdout + done.stderr
    assert {path.name for path in out.glob("*.gguf")} == {"model-F16.gguf", "model-Q8_0.gguf"}
    done = cli(tmp_path, "stage", "ingest", "--source", str(gguf), "--out", str(tmp_path / "brought"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((tmp_path / "brought" / "made.json").read_text(encoding="utf-8"))["kind"] == "gguf"
    done = cli(tmp_path, "chat", str(tmp_path / "brought"), "--prompt", "Why?")
    assert done.returncode == 0, done.stdout + done.stderr
