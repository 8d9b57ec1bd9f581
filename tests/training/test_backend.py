from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import pytest

from pipeline.engine.errors import (
    ConfigError,
    FreshProcess,
    MissingDependency,
    ProcessDied,
    StageFailed,
    StopRequested,
)
from pipeline.engine.rows import read_json
from pipeline.stages import sft
from pipeline.training import backend
from tests.training.rig import Recorder, at_step, context_of, inputs

SMALL: dict[str, Any] = {"max_steps": 3, "batch_size": 2, "gradient_accumulation": 1, "save_every": 1}
WEIGHTS = "adapter_model.safetensors"


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return inputs(tmp_path_factory.mktemp("given"))


class FakeUnsloth(types.ModuleType):
    """Loads with transformers and PEFT; `fails_at` a place, as the real one does where a kernel does not compile."""

    def __init__(self, fails_at: str = "") -> None:
        super().__init__("unsloth")
        self.fails_at = fails_at
        self.asked: dict[str, Any] = {}
        self.FastLanguageModel = self

    def from_pretrained(self, model_name: str, **asked: Any) -> tuple[Any, Any]:
        from transformers import AutoModelForCausalLM, AutoTokenizer

        if self.fails_at == "load":
            raise RuntimeError("Triton is not here")
        self.asked |= asked
        tokenizer = AutoTokenizer.from_pretrained(model_name)
        return AutoModelForCausalLM.from_pretrained(model_name, dtype=asked["dtype"]), tokenizer

    def get_peft_model(self, model: Any, **asked: Any) -> Any:
        from peft import LoraConfig, get_peft_model

        self.asked |= asked
        names = ("r", "lora_alpha", "lora_dropout", "target_modules", "bias")
        model = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **{name: asked[name] for name in names}))
        if self.fails_at == "step":

            def broken(*_: Any, **__: Any) -> Any:
                raise RuntimeError("no kernel image")

            model.forward = broken
        return model


@pytest.fixture
def unsloth(monkeypatch: pytest.MonkeyPatch) -> FakeUnsloth:
    fake = FakeUnsloth()
    monkeypatch.setitem(sys.modules, "unsloth", fake)
    return fake


def test_without_unsloth_auto_is_standard_and_says_so(
    given: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend, "unsloth_installed", lambda: False)
    context = context_of(sft.Config(), given, tmp_path / "sft", recorder := Recorder())
    assert backend.choose(context) == "standard"
    assert context.effective["backend"]["why"] == "Unsloth is not installed"
    assert "Unsloth is not installed" in recorder.of("alert")[0]["text"]
    assert backend.libraries_for("auto") == backend.libraries_for("standard") == "torch"


def test_unsloth_asked_for_and_not_installed_names_the_extra(
    given: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend, "unsloth_installed", lambda: False)
    with pytest.raises(MissingDependency, match=r"\[unsloth\]"):
        sft.run(context_of(sft.Config(backend="unsloth"), given, tmp_path / "sft"))


def test_auto_trains_with_unsloth_where_it_survives(
    unsloth: FakeUnsloth, given: dict[str, Path], tmp_path: Path
) -> None:
    assert backend.libraries_for("auto") == "unsloth" != backend.libraries_for("standard")
    summary = sft.run(context_of(sft.Config(**SMALL), given, tmp_path / "sft"))
    assert summary["backend"] == "unsloth"
    assert unsloth.asked["max_seq_length"] == 512, "the model has no more positions"
    assert (unsloth.asked["r"], unsloth.asked["random_state"]) == (16, 3407)
    assert unsloth.asked["use_gradient_checkpointing"] == "unsloth"
    assert (tmp_path / "sft" / WEIGHTS).exists()
    assert not (tmp_path / "sft" / backend.RECORD).exists()


@pytest.mark.parametrize("place", ["load", "step"])
def test_auto_goes_on_without_an_unsloth_that_fails_before_its_first_step_is_done(
    place: str, unsloth: FakeUnsloth, given: dict[str, Path], tmp_path: Path
) -> None:
    unsloth.fails_at = place
    out, config = tmp_path / "sft", sft.Config(**SMALL)
    with pytest.raises(FreshProcess, match="Unsloth failed before its first step"):
        sft.run(context_of(config, given, out))
    context = context_of(config, given, out, recorder := Recorder())
    assert sft.run(context)["backend"] == "standard"
    reason = {"load": "Triton is not here", "step": "no kernel image"}[place]
    assert reason in context.effective["backend"]["why"]
    assert any(reason in alert["text"] for alert in recorder.of("alert"))
    standard = tmp_path / "standard"
    sft.run(context_of(sft.Config(**SMALL, backend="standard"), given, standard))
    assert (out / WEIGHTS).read_bytes() == (standard / WEIGHTS).read_bytes()


def test_auto_goes_on_without_an_unsloth_that_cannot_be_imported(
    given: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "packages" / "unsloth"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise ImportError('operator torchvision::nms does not exist')\n", "utf-8")
    monkeypatch.syspath_prepend(package.parent)
    out = tmp_path / "sft"
    with pytest.raises(FreshProcess, match="torchvision::nms"):
        sft.run(context_of(sft.Config(**SMALL), given, out))
    assert sft.run(context_of(sft.Config(**SMALL), given, out))["backend"] == "standard"


def test_unsloth_asked_for_and_failing_fails_the_step(
    unsloth: FakeUnsloth, given: dict[str, Path], tmp_path: Path
) -> None:
    unsloth.fails_at = "step"
    with pytest.raises(StageFailed, match="no kernel image") as raised:
        sft.run(context_of(sft.Config(**SMALL, backend="unsloth"), given, tmp_path / "sft"))
    assert not isinstance(raised.value, FreshProcess)
    assert "backend = standard" in raised.value.mend


def test_what_unsloth_began_only_unsloth_goes_on_with(
    unsloth: FakeUnsloth, given: dict[str, Path], tmp_path: Path
) -> None:
    out, stop = tmp_path / "sft", tmp_path / "sft.stop"
    with pytest.raises(StopRequested):
        sft.run(context_of(sft.Config(**SMALL), given, out, at_step(1, stop.touch)))
    stop.unlink()
    assert read_json(out / backend.RECORD) == {"backend": "unsloth", "proven": True}
    unsloth.fails_at = "load"
    with pytest.raises(RuntimeError, match="Triton is not here"):
        sft.run(context_of(sft.Config(**SMALL), given, out))
    unsloth.fails_at = ""
    assert sft.run(context_of(sft.Config(**SMALL), given, out))["backend"] == "unsloth"


DEATH = ProcessDied("The worker process died: killed by SIGSEGV.", "Its last lines:\n  Fatal Python error", "Resume.")


def test_what_is_tried_stands_on_disk_before_unsloth_is_imported(
    unsloth: FakeUnsloth, given: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, config = tmp_path / "sft", sft.Config(**SMALL)
    found: list[Any] = []
    load = unsloth.from_pretrained
    monkeypatch.setattr(
        unsloth, "from_pretrained", lambda *a, **k: (found.append(read_json(out / backend.RECORD)), load(*a, **k))[1]
    )
    sft.run(context_of(config, given, out))
    assert found == [{"backend": "unsloth", "proven": False}]


@pytest.mark.usefixtures("unsloth")
def test_auto_goes_on_without_an_unsloth_that_takes_its_process_along(given: dict[str, Path], tmp_path: Path) -> None:
    config = sft.Config(**SMALL)
    context = context_of(config, given, tmp_path / "sft")
    assert backend.choose(context) == "unsloth"
    assert backend.after_death(config, context.out, DEATH) == (
        "Unsloth took its process along before its first step was done. The worker process died: killed by SIGSEGV."
    )
    assert sft.run(context)["backend"] == "standard"
    assert "SIGSEGV" in context.effective["backend"]["why"]


@pytest.mark.usefixtures("unsloth")
def test_a_death_is_unsloths_fault_only_before_its_first_step_is_done(given: dict[str, Path], tmp_path: Path) -> None:
    config = sft.Config(**SMALL)
    context = context_of(config, given, tmp_path / "sft")
    assert backend.after_death(config, context.out, DEATH) == "", "nothing was tried yet"
    backend.choose(context)
    backend.keep(context.out, "unsloth")
    assert backend.after_death(config, context.out, DEATH) == ""
    standard = context_of(sft.Config(**SMALL, backend="standard"), given, tmp_path / "standard")
    backend.choose(standard)
    assert backend.after_death(standard.config, standard.out, DEATH) == ""


@pytest.mark.usefixtures("unsloth")
def test_an_unsloth_asked_for_that_takes_its_process_along_fails_the_step(
    given: dict[str, Path], tmp_path: Path
) -> None:
    config = sft.Config(**SMALL, backend="unsloth")
    context = context_of(config, given, tmp_path / "sft")
    backend.choose(context)
    with pytest.raises(StageFailed, match="SIGSEGV") as raised:
        backend.after_death(config, context.out, DEATH)
    assert "backend = standard" in raised.value.mend and "Fatal Python error" in raised.value.why


def test_an_unknown_module_is_an_error(given: dict[str, Path], tmp_path: Path) -> None:
    config = sft.Config(**SMALL, backend="standard", lora_modules=("q_proj", "w_pack"))
    with pytest.raises(ConfigError, match="the model has no w_pack"):
        sft.run(context_of(config, given, tmp_path / "sft"))
