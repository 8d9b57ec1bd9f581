from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline.stages import sft
from pipeline.training import load
from tests.training.rig import Recorder, context_of
from tests.training.tiny_qwen import save_tiny_qwen


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_qwen(tmp_path_factory.mktemp("tiny") / "model")


def test_what_cannot_be_held_in_4_bits_is_told_in_the_words_of_the_probe(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "no_nf4", lambda: "bitsandbytes 9.9 cannot do it on cpu: no kernel")
    context = context_of(sft.Config(backend="standard"), {}, tmp_path / "out", recorder := Recorder())
    loaded = load.load(context, model, "standard")
    assert context.effective["load_in_4bit"]["in_effect"] is False
    assert "no kernel" in recorder.of("alert")[0]["text"]
    assert not getattr(loaded.model, "is_loaded_in_4bit", False)


@pytest.fixture
def unsloth(model: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Loads in full whatever it is asked, and brings a tokenizer of its own."""
    from transformers import AutoModelForCausalLM

    whole = AutoModelForCausalLM.from_pretrained(model)
    fake = SimpleNamespace(
        from_pretrained=lambda **_: (whole, "Unsloth's tokenizer"), get_peft_model=lambda model, **_: model
    )
    fake.FastLanguageModel = fake
    monkeypatch.setitem(sys.modules, "unsloth", fake)  # type: ignore[arg-type]
    for name in ("UNSLOTH_COMPILE_LOCATION", "UNSLOTH_DISABLE_STATISTICS"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    return fake


@pytest.mark.usefixtures("unsloth")
def test_what_unsloth_loads_otherwise_is_told_and_its_tokenizer_left(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "no_nf4", lambda: "")
    context = context_of(sft.Config(), {}, tmp_path / "out")
    loaded = load.load(context, model, "unsloth")
    assert context.effective["load_in_4bit"] == {"asked": True, "in_effect": False, "why": "Unsloth loaded it so"}
    assert loaded.tokenizer.get_vocab() and loaded.adapter is None


@pytest.mark.usefixtures("unsloth")
def test_unsloth_compiles_into_the_users_cache_and_reports_nothing_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    load.import_unsloth()
    assert os.environ["UNSLOTH_COMPILE_LOCATION"] == str(tmp_path / "unsloth_compiled")
    assert os.environ["UNSLOTH_DISABLE_STATISTICS"] == "1"
    monkeypatch.setenv("UNSLOTH_COMPILE_LOCATION", "mine")
    load.import_unsloth()
    assert os.environ["UNSLOTH_COMPILE_LOCATION"] == "mine"
