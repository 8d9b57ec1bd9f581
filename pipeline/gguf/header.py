"""The header of a GGUF file, read past a large vocabulary in a blink: `gguf.GGUFReader` takes many seconds."""

from __future__ import annotations

import mmap
import struct
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.engine.errors import DataError

FORMATS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
"""GGUF value type -> how it is packed, of those with a fixed size."""
STRING, ARRAY = 8, 9
VERSIONS = (2, 3)
NEWER = {42: "Q2_0"}
"""Types that the gguf package has no name for yet."""


@dataclass(frozen=True)
class Stored:
    """A tensor in a file: its type, its shape with the length of a row first, and where its bytes begin."""

    type: str
    shape: tuple[int, ...]
    start: int


@dataclass(frozen=True)
class Header:
    """`keys` holds an array as the bytes it has in the file: its type, its length, its values."""

    keys: dict[str, Any]
    tensors: dict[str, Stored]

    def types(self) -> dict[str, int]:
        """Name of each type -> number of tensors that have it."""
        return dict(sorted(Counter(tensor.type for tensor in self.tensors.values()).items()))


def read_header(path: Path) -> Header:
    """Of a little-endian file. Raises DataError where it is no GGUF file, or cut off in its header."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            magic, version, tensors, keys = struct.unpack_from("<4sIQQ", data, 0)
            if magic != b"GGUF" or version not in VERSIONS:
                raise ValueError(f"It begins with {magic!r} and version {version}")
            reader = _Reader(data, 24)
            values = {reader.string(): reader.value(reader.number(4)) for _ in range(keys)}
            found = {}
            for _ in range(tensors):
                name = reader.string()
                shape = tuple(reader.number(10) for _ in range(reader.number(4)))
                found[name] = Stored(_type_name(reader.number(4)), shape, reader.number(10))
            alignment = values.get("general.alignment", 32)
            begin = -(-reader.at // alignment) * alignment
    except (ValueError, KeyError, TypeError, ZeroDivisionError, struct.error, OverflowError, OSError) as error:
        raise DataError(
            f"{path} is not a GGUF file that can be read.", f"{error}.", "Export or download it again."
        ) from None
    return Header(values, {name: replace(one, start=begin + one.start) for name, one in found.items()})


def _type_name(number: int) -> str:
    from gguf import GGMLQuantizationType

    try:
        return str(GGMLQuantizationType(number).name)
    except ValueError:  # llama.cpp is ahead of its package
        return NEWER.get(number, f"type {number}")


class _Reader:
    """Walks through the header; an end of the file in the middle of it is a struct.error or a ValueError."""

    def __init__(self, data: mmap.mmap, at: int) -> None:
        self._data, self.at = data, at

    def number(self, kind: int) -> Any:
        (value,) = struct.unpack_from(FORMATS[kind], self._data, self.at)
        self.at += struct.calcsize(FORMATS[kind])
        return value

    def string(self) -> str:
        length = self.number(10)
        start, self.at = self.at, self.at + length
        self._check()
        return self._data[start : self.at].decode("utf-8", "replace")

    def value(self, kind: int) -> Any:
        if kind == STRING:
            return self.string()
        if kind != ARRAY:
            return self.number(kind)
        start = self.at
        inner, count = self.number(4), self.number(10)
        self._pass(inner, count)
        return self._data[start : self.at]

    def _pass(self, kind: int, count: int) -> None:
        if kind in FORMATS:
            self.at += count * struct.calcsize(FORMATS[kind])
            self._check()
            return
        for _ in range(count):
            if kind == STRING:
                (length,) = struct.unpack_from("<Q", self._data, self.at)
                self.at += 8 + length
            else:
                self._pass(self.number(4), self.number(10))

    def _check(self) -> None:
        if self.at > len(self._data):
            raise ValueError("It is cut off in its header")
