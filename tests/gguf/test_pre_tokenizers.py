from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.engine.errors import DataError
from pipeline.gguf.convert import convert
from pipeline.gguf.pre_tokenizers import BYTES, GPT2, KNOWN, LLAMA3, QWEN2, recognise
from pipeline.gguf.reference import HARD_TEXT
from pipeline.gguf.session import Session
from pipeline.gguf.vocabulary import read_vocabulary
from tests.gguf.texts import random_texts
from tests.gguf.tiny import save_tiny_model, tokenizer_of, train_bpe

END = "<|endoftext|>"


def split(regex: str) -> Any:
    return {"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": False}


def byte_level(**options: Any) -> Any:
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False, **options}


def sequence(*parts: Any) -> Any:
    return {"type": "Sequence", "pretokenizers": list(parts)}


@pytest.mark.parametrize("done", KNOWN, ids=KNOWN.get)
def test_llama_cpp_splits_as_the_name_says(
    done: tuple[tuple[str, ...], bool], session: Session, tmp_path: Path
) -> None:
    tokenizer = train_bpe(done[0], [END], whole_words=done[1], eos_token=END)
    source = save_tiny_model(tmp_path / "model", width=32, tokenizer=tokenizer)
    assert read_vocabulary(source, 500).pre == KNOWN[done]
    convert(source, tmp_path / "a.gguf", "F16")
    session.load(tmp_path / "a.gguf")
    for text in (HARD_TEXT, *random_texts(200)):
        assert session.tokenize(text) == tokenizer.encode(text, add_special_tokens=False), repr(text)


@pytest.mark.parametrize(
    ("pre_tokenizer", "whole_words", "name"),
    [
        (sequence(split(QWEN2), byte_level()), False, "qwen2"),
        (sequence(sequence(split(QWEN2)), byte_level()), False, "qwen2"),
        (byte_level(use_regex=True), False, "gpt-2"),
        ({"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}, False, "gpt-2"),
        (sequence(split(GPT2), byte_level()), False, "gpt-2"),
        (sequence({"type": "Digits", "individual_digits": True}, byte_level(use_regex=True)), False, "smollm"),
        (sequence(split(LLAMA3), byte_level()), True, "llama-bpe"),
        (sequence(split(LLAMA3), byte_level()), False, "smaug-bpe"),
        (sequence(split(QWEN2), byte_level()), True, None),
        (None, False, None),
        (sequence(byte_level(), split(QWEN2)), False, None),
        (sequence(split(QWEN2), byte_level(add_prefix_space=True)), False, None),
        (sequence(split(QWEN2), byte_level(use_regex=True)), False, None),
        (sequence({**split(QWEN2), "behavior": "Removed"}, byte_level()), False, None),
        (sequence({**split(QWEN2), "invert": True}, byte_level()), False, None),
        (sequence(split(r"\s+"), byte_level()), False, None),
        (sequence({"type": "Digits", "individual_digits": False}, byte_level(use_regex=True)), False, None),
        ({"type": "Whitespace"}, False, None),
    ],
)
def test_it_is_what_is_done_that_counts(pre_tokenizer: Any, whole_words: bool, name: str | None) -> None:
    assert recognise(pre_tokenizer, whole_words) == name


def test_the_families_own_tokenizers_are_recognised(tmp_path: Path) -> None:
    names = {}
    for family in ("qwen3", "llama", "gpt2"):
        tokenizer_of(family).save_pretrained(tmp_path / family)
        names[family] = read_vocabulary(tmp_path / family, 500).pre
    assert names == {"qwen3": "qwen2", "llama": "llama-bpe", "gpt2": "gpt-2"}


def test_an_unknown_one_says_what_it_does_what_is_known_and_what_to_do(tmp_path: Path) -> None:
    train_bpe((r"\s+", BYTES), [END], eos_token=END).save_pretrained(tmp_path)
    with pytest.raises(DataError) as told:
        read_vocabulary(tmp_path, 500)
    assert r"does \s+ then byte-level; known here: deepseek-v3, gpt-2, llama-bpe" in told.value.why
    assert "llama_cpp" in told.value.mend
    content = json.loads((tmp_path / "tokenizer.json").read_text(encoding="utf-8"))
    content["pre_tokenizer"] = None
    (tmp_path / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(DataError, match="does nothing; known"):
        read_vocabulary(tmp_path, 500)
