from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from gguf import TokenType

from pipeline.engine.errors import DataError
from pipeline.gguf.convert import convert
from pipeline.gguf.reference import HARD_TEXT, Reference
from pipeline.gguf.sentencepiece import NORMALIZERS, scores, space_prefix
from pipeline.gguf.session import Session
from pipeline.gguf.verify import TOLERANCE, verify
from pipeline.gguf.vocabulary import read_vocabulary
from tests.gguf.texts import random_texts
from tests.gguf.tiny import TEXTS, adding_bos, save_tiny_model

MARKS = ("<unk>", "<s>", "</s>")


def vocabulary() -> dict[str, int]:
    """Bytes, then words and their parts by how often they occur, then letters, as SentencePiece orders them."""
    words = [f"▁{word}" for text in TEXTS for word in text.split()]
    parts = [word[start:end] for word in words for start, end in product(range(9), range(10)) if end - start > 1]
    often = sorted({*parts}, key=lambda part: (-parts.count(part), part))[:600]
    letters = sorted({letter for text in TEXTS for letter in text if not letter.isspace()} | {"▁"})
    pieces = [*MARKS, *(f"<0x{byte:02X}>" for byte in range(256)), "▁▁", *often, *letters]
    return {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}


def merges_of(pieces: dict[str, int]) -> list[tuple[str, str]]:
    """Every way to make each piece, by the order of the pieces."""
    ways = [(piece[:cut], piece[cut:]) for piece in pieces if piece not in MARKS for cut in range(1, len(piece))]
    return [way for way in ways if way[0] in pieces and way[1] in pieces]


def build(prefix: bool) -> Any:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    pieces = vocabulary()
    added = [
        {"id": number, "content": mark, "special": True, "single_word": False, "lstrip": False, "rstrip": False,
         "normalized": False}
        for number, mark in enumerate(MARKS)
    ]  # fmt: skip
    content = {
        "version": "1.0", "added_tokens": added, "pre_tokenizer": None, "post_processor": None, "decoder": None,
        "normalizer": {"type": "Sequence", "normalizers": NORMALIZERS[prefix]},
        "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True, "vocab": pieces,
                  "merges": merges_of(pieces)},
    }  # fmt: skip
    roles = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "model_max_length": 512}
    return adding_bos(PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(json.dumps(content)), **roles))


@pytest.mark.parametrize("prefix", [True, False])
def test_llama_cpp_joins_the_same_tokens(prefix: bool, session: Session, tmp_path: Path) -> None:
    tokenizer = build(prefix)
    source = save_tiny_model(tmp_path / "model", "llama", width=64, tokenizer=tokenizer)
    convert(source, tmp_path / "a.gguf", "F16")
    verify(session, tmp_path / "a.gguf", Reference.of(source), TOLERANCE)
    info = session.load(tmp_path / "a.gguf")
    assert info.metadata["tokenizer.ggml.model"] == "llama"
    for text in (HARD_TEXT, *TEXTS, *random_texts(200)):
        assert session.tokenize(text) == tokenizer.encode(text, add_special_tokens=False), repr(text)


def test_what_is_written_of_it(tmp_path: Path) -> None:
    build(True).save_pretrained(tmp_path)
    read = read_vocabulary(tmp_path, 1500)
    types = dict(zip(read.tokens, read.types, strict=True))
    assert (types["<unk>"], types["<s>"], types["<0x0A>"]) == (TokenType.UNKNOWN, TokenType.CONTROL, TokenType.BYTE)
    assert (types["▁the"], types["[PAD1499]"]) == (TokenType.NORMAL, TokenType.UNUSED)
    assert (read.model, read.pre, read.space_prefix, read.merges) == ("llama", "default", True, [])
    assert (read.special["bos"], read.special["eos"], read.added["bos"]) == (1, 2, True)
    assert read.scores is not None
    ranks = dict(zip(read.tokens, read.scores, strict=True))
    assert 0 > ranks["▁▁"] > ranks["▁t"] > ranks["a"]


def test_merges_that_scores_cannot_follow_are_refused(tmp_path: Path) -> None:
    vocab = {piece: number for number, piece in enumerate(["a", "b", "ab", "ba", "aba"])}
    ways = [("a", "b"), ("b", "a"), ("ab", "a"), ("a", "ba")]
    assert scores({"vocab": vocab, "merges": ways}) == {"ab": -1, "ba": -2, "aba": -3}
    assert scores({"vocab": vocab, "merges": [f"{left} {right}" for left, right in ways]}) is not None
    assert scores({"vocab": vocab, "merges": ways[:3]}) is None  # (a, ba) is missing
    assert scores({"vocab": vocab, "merges": [ways[0], ways[2], ways[1], ways[3]]}) is None
    build(True).save_pretrained(tmp_path)
    path = tmp_path / "tokenizer.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["model"]["merges"] = content["model"]["merges"][:-1]
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(DataError, match="merges are not in the order"):
        read_vocabulary(tmp_path, 1500)


def test_other_ways_to_mark_spaces_are_refused(tmp_path: Path) -> None:
    assert space_prefix({"normalizer": NORMALIZERS[False][0], "pre_tokenizer": None}) is False
    metaspace = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False}
    assert space_prefix({"normalizer": None, "pre_tokenizer": metaspace}) is None
    assert space_prefix({"normalizer": {"type": "NFKC"}, "pre_tokenizer": None}) is None
    build(True).save_pretrained(tmp_path)
    path = tmp_path / "tokenizer.json"
    content = json.loads(path.read_text(encoding="utf-8")) | {"normalizer": None, "pre_tokenizer": metaspace}
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(DataError, match="marks for spaces") as told:
        read_vocabulary(tmp_path, 1500)
    assert "llama_cpp" in told.value.mend
