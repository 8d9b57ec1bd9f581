import json
from types import SimpleNamespace

import pytest

from pipeline.engine.errors import DataError
from pipeline.training.fetch import INDEX, bring, commit_of, hub_config, hub_sizes, model_files


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "model"
    path.mkdir()
    for name, content in {
        "config.json": json.dumps({"architectures": ["Qwen3ForCausalLM"]}),
        "model.safetensors": "weights",
        "tokenizer.json": "{}",
        "chat_template.jinja": "x",
        "modeling_own.py": "raise SystemExit",
        "pytorch_model.bin": "pickle",
    }.items():
        (path / name).write_text(content, encoding="utf-8")
    return path


def test_only_safetensors_and_data_are_taken(folder, tmp_path):
    names = [path.name for path in model_files(folder)]
    assert names == ["chat_template.jinja", "config.json", "model.safetensors", "tokenizer.json"]
    out, seen = tmp_path / "out", []
    out.mkdir()
    (out / "config.json").write_text("left by an earlier attempt", encoding="utf-8")
    bring(model_files(folder), out, seen.append)
    assert sorted(path.name for path in out.iterdir()) == names
    assert (out / "config.json").read_bytes() == (folder / "config.json").read_bytes()
    assert seen == [1, 2, 3, 4]


def test_files_are_copied_where_they_cannot_be_linked(folder, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError("another file system")

    monkeypatch.setattr("os.link", refuse)
    bring(model_files(folder), tmp_path, lambda _: None)
    assert (tmp_path / "model.safetensors").read_text(encoding="utf-8") == "weights"


@pytest.mark.parametrize(
    ("missing", "said"),
    [("config.json", "config.json"), ("model.safetensors", "lacks model.safetensors"), ("tokenizer.json", "tokenizer")],
)
def test_what_is_missing_is_named(folder, missing, said):
    (folder / missing).unlink()
    with pytest.raises(DataError, match=said):
        model_files(folder)


def test_every_shard_must_be_there(folder):
    (folder / INDEX).write_text(json.dumps({"weight_map": {"a": "one.safetensors"}}), encoding="utf-8")
    with pytest.raises(DataError, match=r"one\.safetensors"):
        model_files(folder)


def test_a_model_of_another_kind_is_refused(folder):
    (folder / "config.json").write_text(json.dumps({"architectures": ["BertModel"]}), encoding="utf-8")
    with pytest.raises(DataError, match="no causal language model"):
        model_files(folder)


def test_a_commit_stands_for_itself():
    assert commit_of("a/b", "0" * 40) == "0" * 40


class Hub:
    """What the hub says of a model, or nothing at all."""

    def __init__(self, silent=False):
        self.silent = silent

    def model_info(self, *_, **__):
        if self.silent:
            raise ConnectionError("no network")
        sizes = {
            "config.json": 700,
            "one.safetensors": 5000,
            "model.py": 9,
            "onnx/model.json": 8,
            "tokenizer.json": None,
        }
        return SimpleNamespace(siblings=[SimpleNamespace(rfilename=name, size=size) for name, size in sizes.items()])


def test_sizes_are_those_of_what_is_fetched(monkeypatch):
    monkeypatch.setattr("huggingface_hub.HfApi", Hub)
    assert hub_sizes("a/b", "0" * 40) == {"config.json": 700, "one.safetensors": 5000}
    monkeypatch.setattr("huggingface_hub.HfApi", lambda: Hub(silent=True))
    assert hub_sizes("a/b", "0" * 40) == {}


@pytest.mark.parametrize(
    ("text", "found"), [('{"model_type": "qwen3"}', {"model_type": "qwen3"}), ("[]", None), ("x", None)]
)
def test_a_hub_models_config_is_had_or_not(text, found, tmp_path, monkeypatch):
    (tmp_path / "config.json").write_text(text, encoding="utf-8")
    monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda *_, **__: str(tmp_path / "config.json"))
    assert hub_config("a/b", "0" * 40) == found

    def refuse(*_, **__):
        raise FileNotFoundError("not in the cache")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", refuse)
    assert hub_config("a/b", "0" * 40) is None
