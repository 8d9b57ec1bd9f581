from __future__ import annotations

import struct
from collections import Counter
from pathlib import Path

import gguf
import pytest

from pipeline.engine.errors import DataError
from pipeline.gguf.convert import convert
from pipeline.gguf.header import Stored, read_header


def test_it_is_what_the_gguf_package_reads(plain: Path, wide: Path, tmp_path: Path) -> None:
    convert(wide, tmp_path / "q.gguf", "Q8_0")
    for path in (plain, tmp_path / "q.gguf"):
        theirs, header = gguf.GGUFReader(path), read_header(path)
        assert header.types() == Counter(tensor.tensor_type.name for tensor in theirs.tensors)
        assert len(header.types()) == 2
        assert header.tensors == {
            one.name: Stored(one.tensor_type.name, tuple(int(size) for size in one.shape), int(one.data_offset))
            for one in theirs.tensors
        }
        keys = {name: field.contents() for name, field in theirs.fields.items() if not name.startswith("GGUF.")}
        assert list(header.keys) == list(keys)
        for name, value in keys.items():
            if isinstance(value, list):
                assert struct.unpack_from("<Q", header.keys[name], 4) == (len(value),)
            else:
                assert header.keys[name] == value, name


def test_what_is_no_header_is_told(plain: Path, tmp_path: Path) -> None:
    good = plain.read_bytes()
    (length,) = struct.unpack_from("<Q", good, 24)
    bad = {
        "text": b"Dear reader, this is no model.",
        "empty": b"",
        "version": good[:4] + struct.pack("<I", 9) + good[8:],
        "cut in a number": good[:26],
        "cut in a text": good[: 32 + length // 2],
        "cut in the vocabulary": good[:3000],
        "huge count": good[:8] + b"\xff" * 16 + good[24:],
        "huge text": good[:24] + b"\xff" * 8 + good[32:],
    }
    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match="is not a GGUF file that can be read"):
            read_header(tmp_path / name)
