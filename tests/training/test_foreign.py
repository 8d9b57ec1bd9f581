from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from pipeline.engine.errors import DataError
from pipeline.training.foreign import describe, files_of, kind_of, tokenizer_of
from tests.training.tiny_qwen import save_tiny_qwen


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_qwen(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def adapter(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As PEFT saves one, without a tokenizer."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    folder = tmp_path_factory.mktemp("adapter")
    settings = LoraConfig(r=2, target_modules=["q_proj"], task_type="CAUSAL_LM")
    get_peft_model(AutoModelForCausalLM.from_pretrained(model), settings).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def gguf(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from pipeline.gguf.convert import About, convert

    path = tmp_path_factory.mktemp("gguf") / "theirs.gguf"
    convert(model, path, "F16", About("Theirs"))
    return path


def test_what_lies_there_is_told_by_its_files(model: Path, adapter: Path, gguf: Path, tmp_path: Path) -> None:
    assert [kind_of(path) for path in (model, adapter, gguf, gguf.parent)] == ["model", "adapter", "gguf", "gguf"]
    (tmp_path / "rows.jsonl").write_text("{}\n", encoding="utf-8")
    assert kind_of(tmp_path) is kind_of(tmp_path / "rows.jsonl") is kind_of(tmp_path / "absent") is None


def test_their_files_and_what_is_said_of_them(model: Path, adapter: Path, gguf: Path) -> None:
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= {path.name for path in files_of("model", model)}
    assert describe("model", model)["architecture"] == "qwen3"
    assert [path.name for path in files_of("adapter", adapter)] == ["adapter_config.json", "adapter_model.safetensors"]
    about = describe("adapter", adapter)
    assert (about["r"], about["target_modules"]) == (2, ["q_proj"])
    assert files_of("gguf", gguf) == files_of("gguf", gguf.parent) == [gguf]
    about = describe("gguf", gguf)
    assert (about["architecture"], about["model_name"], about["chat_template"]) == ("qwen3", "Theirs", True)
    assert about["files"]["theirs.gguf"]["tensors"]["F16"] > 10
    json.dumps(about)


def test_what_is_not_whole_is_refused(adapter: Path, gguf: Path, tmp_path: Path) -> None:
    half = shutil.copytree(adapter, tmp_path / "half")
    (half / "adapter_model.safetensors").rename(half / "adapter_model.bin")
    with pytest.raises(DataError, match=r"lacks adapter_model\.safetensors"):
        files_of("adapter", half)
    other = shutil.copytree(adapter, tmp_path / "other")
    settings = json.loads((other / "adapter_config.json").read_text(encoding="utf-8")) | {"peft_type": "IA3"}
    (other / "adapter_config.json").write_text(json.dumps(settings), encoding="utf-8")
    with pytest.raises(DataError, match="kind IA3"):
        files_of("adapter", other)
    (tmp_path / "cut.gguf").write_bytes(gguf.read_bytes()[:5000])
    with pytest.raises(DataError, match=r"cut\.gguf is not a GGUF file"):
        files_of("gguf", tmp_path / "cut.gguf")
    with pytest.raises(DataError, match="holds none"):
        files_of("gguf", half)
    with pytest.raises(DataError, match="no adapter"):
        files_of("adapter", tmp_path)


def test_an_adapter_without_a_tokenizer_speaks_as_its_model(model: Path, adapter: Path, tmp_path: Path) -> None:
    assert tokenizer_of(adapter, model) == model
    own = shutil.copytree(adapter, tmp_path / "own")
    shutil.copy(model / "tokenizer.json", own)
    assert tokenizer_of(own, model) == own


def test_it_merges_without_a_tokenizer_of_its_own(model: Path, adapter: Path, tmp_path: Path) -> None:
    from pipeline.training.merge import merge

    assert merge(model, [adapter], tmp_path / "merged").relative < 1e-4
    assert (tmp_path / "merged" / "tokenizer.json").is_file()
