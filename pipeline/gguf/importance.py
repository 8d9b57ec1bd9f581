"""Importance matrices: how much each column of a weight matters, as llama.cpp's `llama-imatrix` writes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.engine.errors import DataError
from pipeline.gguf.header import read_header

SUMS, COUNTS = ".in_sum2", ".counts"


def read_importance(path: Path) -> dict[str, Any]:
    """Name of a tensor -> float32, the mean square of what each of its columns is multiplied with.

    Reads the GGUF format and the older binary one. Raises DataError for anything else.
    """
    import numpy as np

    try:
        data = path.read_bytes()
        found = _read_gguf(path, data) if data[:4] == b"GGUF" else _read_old(data)
        if not found or not all(len(values) and np.isfinite(values).all() for values in found.values()):
            raise ValueError("It holds no numbers, or some that are not finite")
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise DataError(
            f"{path} is no importance matrix that can be read.", f"{error}.", "Make one with llama.cpp's llama-imatrix."
        ) from None
    return found


def _read_gguf(path: Path, data: bytes) -> dict[str, Any]:
    import numpy as np

    tensors = read_header(path).tensors

    def values(name: str) -> Any:
        one = tensors[name]
        if one.type != "F32":
            raise ValueError(f"{name} is {one.type}, not F32")
        return np.frombuffer(data, "<f4", int(np.prod(one.shape)), one.start)

    found = {}
    for name in tensors:
        if name.endswith(SUMS):
            tensor = name.removesuffix(SUMS)
            counts = values(tensor + COUNTS)[:, None]  # one for each expert
            sums = values(name).reshape(len(counts), -1)
            found[tensor] = np.where(counts > 0, sums / np.maximum(counts, 1), np.float32(1)).ravel()
    return found


def _read_old(data: bytes) -> dict[str, Any]:
    import numpy as np

    at = 0

    def number() -> int:
        nonlocal at
        (value,) = np.frombuffer(data, "<i4", 1, at)
        at += 4
        if not 0 <= value <= len(data):
            raise ValueError("Its counts are impossible")
        return int(value)

    found = {}
    for _ in range(number()):
        length = number()
        name = data[at : at + length].decode("utf-8")
        at += length
        calls, count = number(), number()
        found[name] = np.frombuffer(data, "<f4", count, at) / np.float32(max(1, calls))
        at += 4 * count
    return found
