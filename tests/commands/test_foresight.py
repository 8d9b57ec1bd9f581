"""What is asked of all steps before the first of them costs anything."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipeline.commands.app import compose, open_workspace, start
from pipeline.commands.foresight import look_ahead, read_gpu, rented
from pipeline.engine.errors import ConfigError
from pipeline.gguf import toolchain

OFFLINE = ["providers.teacher.kind=offline", "providers.judge.kind=offline", "base.source=tiny",
           "answers_dolphin.enabled=false"]  # fmt: skip


def test_what_export_lacks_stops_the_run_before_its_first_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("llama_cpp")
    workspace = open_workspace(tmp_path)
    monkeypatch.setattr(toolchain, "import_fault", lambda name: "libllama is torn" if name == "llama_cpp" else "")
    config = compose("entropy-joy", workspace, OFFLINE)
    with pytest.raises(ConfigError, match="nothing was started") as told:
        start(workspace, config, {})
    assert "export: llama-cpp-python is installed and cannot be imported" in told.value.why
    assert not workspace.runs.exists()
    assert start(workspace, config, {"until": "sft"}).path.exists(), "what ends before export does not need it"


def test_a_disk_that_is_too_small_for_the_last_step_is_told_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = open_workspace(tmp_path)
    config = compose("entropy-joy", workspace, OFFLINE)
    _, disk = look_ahead(workspace, config, {})
    needed = disk.data["needed"]
    assert (disk.level, disk.data["at"], needed > 2**27) == ("note", "export", True)
    usage = shutil.disk_usage(tmp_path)._replace(free=needed - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    start(workspace, config, {})
    assert "most of all at `export`" in (told := capsys.readouterr()).err and "It does not fit" in told.err


def test_what_is_made_needs_no_more_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = open_workspace(tmp_path)
    config = compose("entropy-joy", workspace, OFFLINE)
    whole = look_ahead(workspace, config, {})[1].data["needed"]
    monkeypatch.setattr(
        "pipeline.engine.planner._state",
        lambda entry, *_: ("cached" if entry.step.stage.name == "merge" else "new", ""),
    )
    assert look_ahead(workspace, config, {})[1].data["needed"] < whole


def test_a_gpu_is_a_size_or_one_of_the_table_whose_rent_every_training_of_a_gpt_is_reckoned_at(tmp_path: Path) -> None:
    assert read_gpu("16GB", tmp_path) == (16 * 2**30, "")
    assert read_gpu("rtx 4080", tmp_path) == (16 * 2**30, "RTX 4080")
    with pytest.raises(ConfigError, match="no GPU of that name; did you mean `RTX 4080`"):
        read_gpu("RTX 408", tmp_path)
    known = ["base.source=tiny", "tags.enabled=false", "prepare.from.tokenizer=base", "train.from.model=base"]
    config = compose("chat-sft-750m", open_workspace(tmp_path), [*known, "answers_base.from.model=base"])
    assert list(rented(config, "H100")) == ["train.gpu=H100"]
