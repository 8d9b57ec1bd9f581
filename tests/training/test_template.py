from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.engine.errors import DataError
from pipeline.training.template import ChatTemplate, completion_text
from tests.training.tiny_qwen import save_tiny_qwen

DIALOGUE = [
    {"role": "system", "content": "Be brief. Ünïcode too: 你好"},
    {"role": "user", "content": "Name a river.\n"},
    {"role": "assistant", "content": "<think>\nThe nearest.\n</think>\n\nThe Rhine."},
    {"role": "user", "content": " And another? "},
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_qwen(tmp_path_factory.mktemp("model"))


def copy(model: Path, folder: Path, **files: str) -> Path:
    """Tokenizer and template of a model, some files replaced."""
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        text = files.get(name.partition(".")[0], (model / name).read_text(encoding="utf-8"))
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def stored(name: str) -> str:
    spec = importlib.util.find_spec("trl")
    assert spec and spec.submodule_search_locations
    path = Path(spec.submodule_search_locations[0]) / "chat_templates" / f"{name}.jinja"
    return path.read_text(encoding="utf-8")


def test_qwen3_fits(model: Path) -> None:
    ChatTemplate(model).check()


@pytest.mark.parametrize("thinking", [True, False])
def test_renders_and_encodes_as_transformers_does(model: Path, thinking: bool) -> None:
    from transformers import AutoTokenizer

    template, theirs = ChatTemplate(model), AutoTokenizer.from_pretrained(model)
    options: dict[str, Any] = {"add_generation_prompt": True, "enable_thinking": thinking}
    ours = template.prompt(DIALOGUE, thinking=thinking)
    assert ours == theirs.apply_chat_template(DIALOGUE, tokenize=False, **options)
    ids = theirs.apply_chat_template(DIALOGUE, tokenize=True, return_dict=False, **options)
    assert template.encode([ours]) == [ids]
    assert template.decode(ids) == ours


def test_prompt_and_completion_are_the_tokens_of_the_whole(model: Path) -> None:
    template = ChatTemplate(model)
    for thinking in (True, False):
        prompt = template.prompt(DIALOGUE, thinking=thinking)
        completion = completion_text("\nNext to it.\n", "The Main.", thinking=thinking)
        apart = template.encode([prompt, completion])
        assert apart[0] + apart[1] == template.encode([prompt + completion])[0]


@pytest.mark.parametrize(
    "name", ["llama3", "qwen2_5", "gemma", "qwen3_instruct_2507", "qwen3_training", "qwen3_5_think", "phi3"]
)
def test_other_templates_are_refused(name: str, model: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not fit"):
        ChatTemplate(copy(model, tmp_path, chat_template=stored(name))).check()


def test_a_template_that_raises_or_is_missing_is_refused(model: Path, tmp_path: Path) -> None:
    broken = copy(model, tmp_path, chat_template="{{ raise_exception('no') }}")
    assert "It fails on a question: no." in ChatTemplate(broken).faults()
    (tmp_path / "chat_template.jinja").unlink()
    assert ChatTemplate(tmp_path).faults() == ["There is no chat template."]


def test_a_template_within_the_tokenizer_config_is_read(model: Path, tmp_path: Path) -> None:
    config = json.loads((model / "tokenizer_config.json").read_text(encoding="utf-8"))
    within = json.dumps({**config, "chat_template": stored("qwen3")})
    copy(model, tmp_path, tokenizer_config=within)
    (tmp_path / "chat_template.jinja").unlink()
    ChatTemplate(tmp_path).check()


def test_generation_marks_are_read_past(model: Path, tmp_path: Path) -> None:
    marked = "{% generation %}{{ messages[0].content }}{% endgeneration %}!"
    template = ChatTemplate(copy(model, tmp_path, chat_template=marked))
    assert template.render(DIALOGUE[:1]) == f"{DIALOGUE[0]['content']}!"


def test_another_end_of_sequence_is_a_fault(model: Path, tmp_path: Path) -> None:
    config = json.loads((model / "tokenizer_config.json").read_text(encoding="utf-8"))
    other = json.dumps({**config, "eos_token": "<|endoftext|>"})
    faults = ChatTemplate(copy(model, tmp_path, tokenizer_config=other)).faults()
    assert faults == ["The end-of-sequence token is '<|endoftext|>', not '<|im_end|>'."]


def test_think_marks_that_are_not_one_token_or_vanish_are_faults(model: Path, tmp_path: Path) -> None:
    tokenizer = json.loads((model / "tokenizer.json").read_text(encoding="utf-8"))
    without = {**tokenizer, "added_tokens": [t for t in tokenizer["added_tokens"] if t["content"] != "</think>"]}
    faults = ChatTemplate(copy(model, tmp_path, tokenizer=json.dumps(without))).faults()
    assert faults == ["</think> is not one token of the vocabulary."]
    special = [{**t, "special": t["special"] or t["content"] == "<think>"} for t in tokenizer["added_tokens"]]
    faults = ChatTemplate(copy(model, tmp_path, tokenizer=json.dumps({**tokenizer, "added_tokens": special}))).faults()
    assert len(faults) == 1 and "decoding would drop it" in faults[0]


def test_a_missing_tokenizer_is_named(tmp_path: Path) -> None:
    (tmp_path / "tokenizer_config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(DataError, match=r"tokenizer\.json is not a tokenizer"):
        ChatTemplate(tmp_path).check()
