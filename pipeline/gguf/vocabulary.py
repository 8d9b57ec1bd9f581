"""The tokenizer of an HF directory as GGUF writes it: tokens, types, merges, the end of a turn, the chat template."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.engine.errors import DataError
from pipeline.engine.rows import read_json

END_OF_TURN = "<|im_end|>"

QWEN2_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
PRE_TOKENIZERS = {(QWEN2_SPLIT, "byte-level"): "qwen2"}
"""What a pre-tokenizer does, step by step -> llama.cpp's name for one that does the same."""


@dataclass(frozen=True)
class Vocabulary:
    """`model` and `pre` are llama.cpp's names of the algorithm and of the pre-tokenizer."""

    model: str
    pre: str
    tokens: list[str]
    types: list[int]
    """`gguf.TokenType` of each token."""
    merges: list[str]
    special: dict[str, int]
    """Token ids by role: bos, eos, pad, unk."""
    chat_template: str | None


def read_vocabulary(source: Path, rows: int) -> Vocabulary:
    """Read it for an embedding of `rows` rows; rows without a token get a placeholder that is never produced.

    Raises DataError where the tokenizer does something that llama.cpp cannot be told to do.
    """
    import gguf

    content = read_json(source / "tokenizer.json")
    model = content["model"]
    if model["type"] != "BPE" or model.get("byte_fallback"):
        raise _unknown(source, f"Its model is {model['type']}, and only byte-level BPE is known.")
    if (content.get("normalizer") or {"type": "NFC"})["type"] != "NFC":  # llama.cpp leaves NFC to whoever calls it
        raise _unknown(source, f"Its normaliser is {content['normalizer']['type']}, and llama.cpp has none.")
    pre = recognise_pre_tokenizer(source, content.get("pre_tokenizer"))
    texts, types = _tokens(source, content, rows)
    chosen = gguf.SpecialVocab(source, load_merges=True, n_vocab=len(texts))
    template = chosen.chat_template
    if isinstance(template, list):
        template = next((one["template"] for one in template if one["name"] == "default"), None)
    special = {role: int(token) for role, token in chosen.special_token_ids.items() if role in _ROLES}
    if ends_turns(texts, template):
        special["eos"] = texts.index(END_OF_TURN)
    if "eos" not in special:
        raise _unknown(source, "It names no token that ends a turn: llama.cpp would never stop.")
    return Vocabulary("gpt2", pre, texts, types, list(chosen.merges), special, template)


def ends_turns(tokens: Container[str], template: str | None) -> bool:
    """Whether `<|im_end|>` ends a turn: a base model's tokenizer names `<|endoftext|>`, its chat template does not."""
    return END_OF_TURN in tokens and END_OF_TURN in (template or END_OF_TURN)


_ROLES = ("bos", "eos", "pad", "unk")


def recognise_pre_tokenizer(source: Path, pre_tokenizer: Any) -> str:
    """llama.cpp's name for what a tokenizer.json's `pre_tokenizer` does. Raises DataError for one it does not know."""
    steps = tuple(_steps(pre_tokenizer))
    if steps in PRE_TOKENIZERS:
        return PRE_TOKENIZERS[steps]
    known = ", ".join(sorted(set(PRE_TOKENIZERS.values())))
    raise _unknown(source, f"Its pre-tokenizer does {' then '.join(steps) or 'nothing'}; known here: {known}.")


def _steps(pre_tokenizer: Any) -> list[str]:
    """One text for each thing a pre-tokenizer does, however it is nested; a plain split is its regex."""
    match pre_tokenizer or {}:
        case {"type": "Sequence", "pretokenizers": parts}:
            return [step for part in parts for step in _steps(part)]
        case {"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": False}:
            return [regex]
        case {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False}:
            return ["byte-level"]
        case {"type": str(kind), **options}:
            return [f"{kind} {options}" if options else kind]
    return []


def _tokens(source: Path, content: Any, rows: int) -> tuple[list[str], list[int]]:
    """Texts and types by id, as llama.cpp's own converter sets them."""
    from gguf import TokenType

    texts = {number: text for text, number in content["model"]["vocab"].items()}
    types = dict.fromkeys(texts, TokenType.NORMAL)
    for added in content.get("added_tokens", []):
        texts[added["id"]] = added["content"]
        looks_special = added["content"].startswith("<|") and added["content"].endswith("|>")
        types[added["id"]] = TokenType.CONTROL if added["special"] or looks_special else TokenType.USER_DEFINED
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
        "Use a model with Qwen's tokenizer, or one whose tokenizer was trained with Qwen's pre-tokenizer.",
    )
