"""Quantised GGUF files by the usual names of their types, made by llama.cpp from a plain one."""

from __future__ import annotations

from pathlib import Path

from pipeline.gguf.convert import KINDS
from pipeline.gguf.session import Session

FILE_TYPES = {
    "Q8_0": 7,
    "Q6_K": 18,
    "Q5_K_M": 17,
    "Q5_K_S": 16,
    "Q5_1": 9,
    "Q5_0": 8,
    "Q4_K_M": 15,
    "Q4_K_S": 14,
    "Q4_1": 3,
    "Q4_0": 2,
    "IQ4_XS": 30,
    "IQ4_NL": 25,
    "MXFP4_MOE": 38,
    "Q3_K_L": 13,
    "Q3_K_M": 12,
    "Q3_K_S": 11,
    "IQ3_M": 27,
    "IQ3_S": 26,
    "IQ3_XS": 22,
    "IQ3_XXS": 23,
    "Q2_K": 10,
    "Q2_K_S": 21,
    "Q2_0": 41,
    "IQ2_M": 29,
    "IQ2_S": 28,
    "IQ2_XS": 20,
    "IQ2_XXS": 19,
    "TQ2_0": 37,
    "TQ1_0": 36,
    "IQ1_M": 31,
    "IQ1_S": 24,
    "Q1_0": 40,
}
"""Name -> llama.cpp's `llama_ftype`."""
ALIASES = {"Q3_K": "Q3_K_M", "Q4_K": "Q4_K_M", "Q5_K": "Q5_K_M"}
NEED_IMPORTANCE = ("IQ3_XS", "IQ3_XXS", "Q2_K_S", "IQ2_M", "IQ2_S", "IQ2_XS", "IQ2_XXS", "IQ1_M", "IQ1_S")
"""Types so coarse that llama.cpp makes none without an importance matrix."""
TYPES = (*(kind for kind in KINDS if kind not in FILE_TYPES), *FILE_TYPES)
"""Every type a file can be exported as."""
BITS = {"F32": 32.0, "F16": 16.0, "BF16": 16.0}
"""Bits a weight; of quantised types at most `QUANTISED_BITS`."""
QUANTISED_BITS = 8.5


def block(kind: str) -> int:
    """How many weights of a row the type packs together; the length of a row must divide by it."""
    if "_K" in kind or kind.startswith("TQ") or (kind.startswith("IQ") and kind != "IQ4_NL"):
        return 256
    return {"Q1_0": 128, "Q2_0": 64, "F32": 1, "F16": 1, "BF16": 1}.get(kind, 32)


def bytes_needed(parameters: int, kind: str) -> int:
    """Size of the file in bytes, rather too large than too small; the vocabulary is not counted."""
    return int(parameters * BITS.get(kind, QUANTISED_BITS) / 8)


def quantize(
    session: Session, source: Path, target: Path, kind: str, threads: int = 0, importance: Path | None = None
) -> None:
    """Write the plain GGUF `source` as `target` of type `kind`, under a temporary name first.

    `importance`: an importance matrix as llama.cpp's own tool makes them, of either format.
    """
    temporary = target.with_name(target.name + ".part")
    try:
        session.quantize(source, temporary, FILE_TYPES[kind], threads, importance)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
