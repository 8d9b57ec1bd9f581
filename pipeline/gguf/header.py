"""The types of a GGUF file's tensors, read past a large vocabulary in a blink: `gguf.GGUFReader` takes many seconds."""

from __future__ import annotations

import mmap
import struct
from collections import Counter
from pathlib import Path

SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""GGUF value type -> bytes, of those with a fixed size."""
STRING, ARRAY = 8, 9


def tensor_types(path: Path) -> dict[str, int]:
    """Name of each type -> number of tensors that have it. For little-endian files that we made ourselves."""
    from gguf import GGMLQuantizationType

    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        _, _, tensors, keys = struct.unpack_from("<4sIQQ", data, 0)
        at = 24
        for _ in range(keys):
            at = _past_string(data, at)
            (kind,) = struct.unpack_from("<I", data, at)
            at = _past_value(data, at + 4, kind)
        found: Counter[str] = Counter()
        for _ in range(tensors):
            at = _past_string(data, at)
            (dimensions,) = struct.unpack_from("<I", data, at)
            at += 4 + 8 * dimensions
            (kind,) = struct.unpack_from("<I", data, at)
            found[GGMLQuantizationType(kind).name] += 1
            at += 4 + 8
    return dict(sorted(found.items()))


def _past_string(data: mmap.mmap, at: int) -> int:
    return at + 8 + int(struct.unpack_from("<Q", data, at)[0])


def _past_value(data: mmap.mmap, at: int, kind: int) -> int:
    if kind == STRING:
        return _past_string(data, at)
    if kind != ARRAY:
        return at + SIZES[kind]
    inner, count = struct.unpack_from("<IQ", data, at)
    at += 12
    if inner in SIZES:
        return at + int(count) * SIZES[inner]
    for _ in range(count):
        at = _past_value(data, at, inner)
    return at
