from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gguf import TokenType

from pipeline.engine.errors import DataError
from pipeline.gguf.pre_tokenizers import QWEN2
from pipeline.gguf.vocabulary import read_vocabulary, turn_end
from pipeline.training.tokenizer import SPLIT
from tests.gguf.tiny import tokenizer_of

SPLIT_STEP = {"type": "Split", "pattern": {"Regex": QWEN2}, "behavior": "Isolated", "invert": False}
BYTES_STEP = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}


def altered(source: Path, folder: Path, change: Callable[[Any], None]) -> Path:
    shutil.copytree(source, folder)
    path = folder / "tokenizer.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")
    return folder


def test_tokens_types_and_marks(tiny: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny)
    rows = len(tokenizer) + 5
    vocabulary = read_vocabulary(tiny, rows)
    ids = tokenizer.get_vocab()
    assert [ids[token] for token in vocabulary.tokens[:-5]] == list(range(len(tokenizer)))
    assert vocabulary.tokens[-5:] == [f"[PAD{i}]" for i in range(rows - 5, rows)]
    assert set(vocabulary.types[-5:]) == {TokenType.UNUSED}
    kinds = {token: vocabulary.types[ids[token]] for token in tokenizer.get_added_vocab()}
    assert kinds["<|im_end|>"] == kinds["<|im_start|>"] == kinds["<|endoftext|>"] == TokenType.CONTROL
    assert kinds["<think>"] == kinds["</tool_call>"] == TokenType.USER_DEFINED
    assert vocabulary.types.count(TokenType.NORMAL) == len(tokenizer) - len(kinds)
    assert vocabulary.special["eos"] == ids["<|im_end|>"]
    assert vocabulary.special["pad"] == ids["<|endoftext|>"]
    assert vocabulary.chat_template == tokenizer.chat_template


def test_a_base_models_tokenizer_gets_the_turns_end_as_eos(tiny: Path, tmp_path: Path) -> None:
    source = altered(tiny, tmp_path / "base", lambda _: None)
    path = source / "tokenizer_config.json"
    settings = json.loads(path.read_text(encoding="utf-8")) | {"eos_token": "<|endoftext|>"}
    path.write_text(json.dumps(settings), encoding="utf-8")
    vocabulary = read_vocabulary(source, 500)
    assert vocabulary.tokens[vocabulary.special["eos"]] == "<|im_end|>"


def test_a_mark_that_only_looks_special_is_a_control_token(tiny: Path, tmp_path: Path) -> None:
    def add(content: Any) -> None:
        last = {**content["added_tokens"][-1], "id": 499, "content": "<|fim_prefix|>", "special": False}
        content["added_tokens"].append(last)

    vocabulary = read_vocabulary(altered(tiny, tmp_path / "fim", add), 500)
    assert (vocabulary.tokens[499], vocabulary.types[499]) == ("<|fim_prefix|>", TokenType.CONTROL)


def test_our_own_tokenizer_splits_as_the_table_says() -> None:
    assert SPLIT == QWEN2


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda content: content["model"].update(type="Unigram"), "Unigram"),
        (lambda content: content["model"].update(byte_fallback=True), "spaces"),
        (lambda content: content.update(normalizer={"type": "Lowercase"}), "Lowercase"),
    ],
)
def test_what_llama_cpp_lacks_is_refused(tiny: Path, tmp_path: Path, change: Callable[[Any], None], why: str) -> None:
    with pytest.raises(DataError, match=why):
        read_vocabulary(altered(tiny, tmp_path / "odd", change), 500)


def test_more_tokens_than_rows_are_refused(tiny: Path) -> None:
    with pytest.raises(DataError, match="100 rows"):
        read_vocabulary(tiny, 100)


def test_a_folder_with_the_older_files_alone(tmp_path: Path) -> None:
    """vocab.json and merges.txt, as GPT-2 has them on the hub."""
    whole, old = tmp_path / "whole", tmp_path / "old"
    tokenizer_of("gpt2").save_pretrained(whole)
    old.mkdir()
    model = json.loads((whole / "tokenizer.json").read_text(encoding="utf-8"))["model"]
    merges = "\n".join(["#version: 0.2", *(" ".join(pair) for pair in model["merges"])])
    vocabulary = {**model["vocab"], "<|endoftext|>": len(model["vocab"])}
    (old / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    (old / "merges.txt").write_text(merges + "\n", encoding="utf-8")
    settings = {"tokenizer_class": "GPT2Tokenizer", "eos_token": "<|endoftext|>", "bos_token": "<|endoftext|>"}
    (old / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    ends = vocabulary["<|endoftext|>"]
    (old / "config.json").write_text(json.dumps({"model_type": "gpt2", "eos_token_id": ends}), encoding="utf-8")
    read, expected = read_vocabulary(old, 500), read_vocabulary(whole, 500)
    assert (read.tokens, read.merges, read.pre, read.types) == (
        expected.tokens, expected.merges, "gpt-2", expected.types
    )  # fmt: skip
    assert read.special["eos"] == expected.special["eos"]


def test_no_tokenizer_at_all(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}', encoding="utf-8")
    with pytest.raises(DataError, match="holds no tokenizer that can be read"):
        read_vocabulary(tmp_path, 500)


def test_the_end_of_a_turn_is_what_the_template_writes_behind_an_answer() -> None:
    marks = ["<|end|>", "<|end|>x", "<|im_end|>"]
    after = "{% for m in messages %}{{ m.content }}{% if m.role == 'assistant' %}MARK{% endif %}{% endfor %}"
    assert turn_end(after.replace("MARK", " <|im_end|>\n<|end|>"), marks) == "<|im_end|>"
    assert turn_end(after.replace("MARK", "<|end|>x"), marks) == "<|end|>x"
    assert turn_end(after.replace("MARK", "{{ eos_token }}"), marks, eos="<|end|>") == "<|end|>"
    assert turn_end(after.replace("MARK", "\n"), marks) == ""
    assert turn_end("{{ broken", marks) == turn_end(None, marks) == ""
