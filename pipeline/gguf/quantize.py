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
    "Q3_K_L": 13,
    "Q3_K_M": 12,
    "Q3_K_S": 11,
    "IQ3_M": 27,
    "IQ3_S": 26,
    "Q2_K": 10,
}
"""Name -> llama.cpp's `llama_ftype`. Types that need an importance matrix are not among them."""
TYPES = (*(kind for kind in KINDS if kind not in FILE_TYPES), *FILE_TYPES)
"""Every type a file can be exported as."""
BITS = {"F32": 32.0, "F16": 16.0, "BF16": 16.0}
"""Bits a weight; of quantised types at most `QUANTISED_BITS`."""
QUANTISED_BITS = 8.5
BLOCK = 256
"""Weights in a row that K- and I-quants take together."""


def needs_wide_rows(kind: str) -> bool:
    """Whether the type packs 256 weights of a row together; the others pack 32 or none."""
    return "_K" in kind or (kind.startswith("IQ") and kind != "IQ4_NL")


def bytes_needed(parameters: int, kind: str) -> int:
    """Size of the file in bytes, rather too large than too small; the vocabulary is not counted."""
    return int(parameters * BITS.get(kind, QUANTISED_BITS) / 8)


def quantize(session: Session, source: Path, target: Path, kind: str, threads: int = 0) -> None:
    """Write the plain GGUF `source` as `target` of type `kind`, under a temporary name first."""
    temporary = target.with_name(target.name + ".part")
    try:
        session.quantize(source, temporary, FILE_TYPES[kind], threads)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
