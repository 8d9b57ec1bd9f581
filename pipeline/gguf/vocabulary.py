"""The tokenizer of an HF directory as GGUF writes it: tokens, types, merges, the end of a turn, the chat template."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.engine.errors import DataError
from pipeline.engine.rows import read_json
from pipeline.gguf import sentencepiece
from pipeline.gguf.pre_tokenizers import KNOWN, recognise, steps
from pipeline.gguf.template import render

OLD_FILES = ("vocab.json", "merges.txt")
BYTE = re.compile("<0x[0-9A-F]{2}>")
QUESTION, ANSWER = "What is asked", "What is answered"


@dataclass(frozen=True)
class Vocabulary:
    """`model` and `pre` are llama.cpp's names of the algorithm and of the pre-tokenizer."""

    model: str
    pre: str
    tokens: list[str]
    types: list[int]
    """`gguf.TokenType` of each token."""
    merges: list[str]
    scores: list[float] | None
    """Of each token, where tokens are joined by score and not by merges."""
    space_prefix: bool | None
    """Whether a space is put before a text, where that can be so."""
    special: dict[str, int]
    """Token ids by role: bos, eos, pad, unk, sep, mask."""
    added: dict[str, bool]
    """Whether the tokenizer by itself puts the token of a role (bos, eos) at an end of a text."""
    chat_template: str | None


_ROLES = ("bos", "eos", "pad", "unk", "sep", "mask")


def read_vocabulary(source: Path, rows: int) -> Vocabulary:
    """Read it for an embedding of `rows` rows; rows without a token get a placeholder that is never produced.

    Raises DataError where the tokenizer does something that llama.cpp cannot be told to do.
    """
    import gguf

    content = _read_tokenizer(source)
    kind = (_sentencepiece if sentencepiece.is_of_its_kind(content) else _byte_level)(source, content)
    texts, types = _tokens(source, content, rows)
    chosen = gguf.SpecialVocab(source, n_vocab=len(texts))
    template = chosen.chat_template
    if isinstance(template, list):
        template = next((one["template"] for one in template if one["name"] == "default"), None)
    special = {role: int(token) for role, token in chosen.special_token_ids.items() if role in _ROLES}
    marks = [added["content"] for added in content.get("added_tokens", [])]
    if (mark := turn_end(template, marks, *(texts[special[r]] if r in special else "" for r in ("bos", "eos")))) != "":
        special["eos"] = texts.index(mark)
    if "eos" not in special:
        raise _unknown(source, "It names no token that ends a turn: llama.cpp would never stop.")
    added = {"bos": chosen.add_special_token.get("bos", False)}
    if "eos" in chosen.add_special_token:
        added["eos"] = chosen.add_special_token["eos"]
    scores = [kind.scores.get(text, sentencepiece.LOWEST) for text in texts] if kind.scores is not None else None
    return Vocabulary(
        kind.model, kind.pre, texts, types, kind.merges, scores, kind.space_prefix, special, added, template
    )


@dataclass(frozen=True)
class _Kind:
    """What llama.cpp must be told of the algorithm; fields as in Vocabulary."""

    model: str
    pre: str
    merges: list[str]
    scores: dict[str, float] | None = None
    space_prefix: bool | None = None


def _byte_level(source: Path, content: Any) -> _Kind:
    model = content["model"]
    if model["type"] != "BPE" or model.get("byte_fallback"):
        raise _unknown(source, f"Its model is {model['type']}, and llama.cpp knows BPE.")
    if (content.get("normalizer") or {"type": "NFC"})["type"] != "NFC":  # llama.cpp leaves NFC to whoever calls it
        raise _unknown(source, f"Its normaliser is {content['normalizer']['type']}, and llama.cpp has none.")
    whole_words = bool(model.get("ignore_merges"))
    pre = recognise(content.get("pre_tokenizer"), whole_words)
    if pre is None:
        does = [*steps(content.get("pre_tokenizer")), *(["takes whole words that are tokens"] if whole_words else [])]
        known = ", ".join(sorted(KNOWN.values()))
        raise _unknown(source, f"Its pre-tokenizer does {' then '.join(does) or 'nothing'}; known here: {known}.")
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]
    return _Kind("gpt2", pre, merges)


def _sentencepiece(source: Path, content: Any) -> _Kind:
    prefix = sentencepiece.space_prefix(content)
    if prefix is None:
        does = [content.get("normalizer"), content.get("pre_tokenizer")]
        raise _unknown(source, f"It puts marks for spaces in a way that llama.cpp does not: {does}.")
    scores = sentencepiece.scores(content["model"])
    if scores is None:
        raise _unknown(
            source,
            "Its merges are not in the order of its tokens, or some are missing, as in no file of SentencePiece.",
        )
    return _Kind("llama", "default", [], scores, prefix)


def turn_end(template: str | None, marks: Collection[str], bos: str = "", eos: str = "") -> str:
    """The token that a chat template writes behind an answer; "" where there is no template, or it writes none.

    A base model's tokenizer names the end of a document as its eos, and a chat that waited for that would never stop.
    `marks`: the texts that are one token each.
    """
    if not template:
        return ""
    turns = [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": ANSWER}]
    try:
        behind = render(template, turns, turn=False, bos=bos, eos=eos).rpartition(ANSWER)[2]
    except DataError:
        return ""
    found = [mark for mark in marks if mark in behind]
    return min(found, key=lambda mark: (behind.index(mark), -len(mark)), default="")


def _read_tokenizer(source: Path) -> Any:
    """The content of tokenizer.json; of a folder without one, what transformers makes of its older files."""
    if (source / "tokenizer.json").is_file():
        return read_json(source / "tokenizer.json")
    if not all((source / name).is_file() for name in OLD_FILES):
        raise DataError(
            f"{source} holds no tokenizer that can be read.",
            f"There is neither a tokenizer.json nor {' and '.join(OLD_FILES)}.",
            "Save it beside the model with transformers, so that there is a tokenizer.json.",
        )
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(source, local_files_only=True)
        return json.loads(tokenizer.backend_tokenizer.to_str())
    except Exception as error:  # a library's many ways to say that it cannot make sense of them
        raise DataError(
            f"{source} holds no tokenizer that can be read.",
            str(error).splitlines()[0] if str(error) else type(error).__name__,
            "Save it beside the model with transformers, so that there is a tokenizer.json.",
        ) from None


def _tokens(source: Path, content: Any, rows: int) -> tuple[list[str], list[int]]:
    """Texts and types by id, as llama.cpp's own converter sets them."""
    from gguf import TokenType

    texts = {number: text for text, number in content["model"]["vocab"].items()}
    types = dict.fromkeys(texts, TokenType.NORMAL)
    if content["model"].get("byte_fallback"):
        types |= {number: TokenType.BYTE for number, text in texts.items() if BYTE.fullmatch(text)}
    for added in content.get("added_tokens", []):
        texts[added["id"]] = added["content"]
        looks_special = added["content"].startswith("<|") and added["content"].endswith("|>")
        types[added["id"]] = TokenType.CONTROL if added["special"] or looks_special else TokenType.USER_DEFINED
    if (unknown := content["model"].get("unk_token")) is not None:
        types |= {number: TokenType.UNKNOWN for number, text in texts.items() if text == unknown}
    if max(texts) >= rows:
        raise DataError(
            f"{source}: the tokenizer has ids up to {max(texts)}, the embedding {rows} rows.",
            "They do not belong together.",
            "Resize the model's embedding, or put the right tokenizer beside it.",
        )
    every = range(rows)
    return [texts.get(i, f"[PAD{i}]") for i in every], [int(types.get(i, TokenType.UNUSED)) for i in every]


def _unknown(source: Path, why: str) -> DataError:
    return DataError(
        f"{source}: llama.cpp cannot be told to tokenise as this tokenizer does.",
        why,
        "Name a checkout of llama.cpp as `llama_cpp` to use its own converter, or use a model whose tokenizer splits "
        "as one of those does.",
    )
