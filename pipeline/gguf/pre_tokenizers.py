"""Pre-tokenizers that llama.cpp has, recognised by what they do: a text is split the same way, or it is an error."""

from __future__ import annotations

from typing import Any

BYTES = "byte-level"
DIGIT = r"\p{N}"
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
"""Also what `ByteLevel` does by itself."""
_WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
_REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = _WORDS + DIGIT + _REST
LLAMA3 = _WORDS + r"\p{N}{1,3}" + _REST
QWEN35 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)
DEEPSEEK3 = (
    r"\p{N}{1,3}",
    "[一-龥぀-ゟ゠-ヿ]+",
    r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|"""
    r"""\s*[\r\n]+|\s+(?!\S)|\s+""",
)

KNOWN = {
    ((GPT2, BYTES), False): "gpt-2",
    ((QWEN2, BYTES), False): "qwen2",
    ((QWEN35, BYTES), False): "qwen35",
    ((LLAMA3, BYTES), True): "llama-bpe",
    ((LLAMA3, BYTES), False): "smaug-bpe",
    ((DIGIT, GPT2, BYTES), False): "smollm",
    ((*DEEPSEEK3, BYTES), False): "deepseek-v3",
}
"""What is done, step by step, and whether a word that is a token is taken whole -> llama.cpp's name for it. The regular
expressions stand in llama.cpp's src/llama-vocab.cpp; those of its that only resemble the original are left out."""


def recognise(pre_tokenizer: Any, whole_words: bool) -> str | None:
    """llama.cpp's name for a `pre_tokenizer` of tokenizer.json; None for one that it does not have.

    `whole_words`: the model's `ignore_merges`.
    """
    return KNOWN.get((tuple(steps(pre_tokenizer)), whole_words))


def steps(pre_tokenizer: Any) -> list[str]:
    """One text for each thing that is done, however it is nested; a plain split is its regular expression."""
    match pre_tokenizer or {}:
        case {"type": "Sequence", "pretokenizers": parts}:
            return [step for part in parts for step in steps(part)]
        case {"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": False}:
            return [regex]
        case {"type": "Digits", "individual_digits": True}:
            return [DIGIT]
        case {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False}:
            return [BYTES]
        case {"type": "ByteLevel", "add_prefix_space": False}:  # transformers of old left `use_regex` out
            return [GPT2, BYTES]
        case {"type": str(kind), **options}:
            return [f"{kind} {options}" if options else kind]
    return []
