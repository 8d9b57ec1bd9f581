from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

from pipeline.engine.errors import DataError
from pipeline.gguf.importance import read_importance


def write_new(path: Path, sums: dict[str, Any], counts: dict[str, list[float]]) -> Path:
    """As llama-imatrix writes it."""
    writer = gguf.GGUFWriter(path, "imatrix")
    for name, values in sums.items():
        writer.add_tensor(f"{name}.in_sum2", values.astype(np.float32))
        writer.add_tensor(f"{name}.counts", np.array(counts[name], np.float32).reshape(-1, 1))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def write_old(path: Path, sums: dict[str, Any], calls: int) -> Path:
    parts = [struct.pack("<i", len(sums))]
    for name, values in sums.items():
        parts += [struct.pack("<i", len(name)), name.encode(), struct.pack("<ii", calls, len(values))]
        parts.append(np.array(values, np.float32).tobytes())
    path.write_bytes(b"".join([*parts, struct.pack("<i", 7), struct.pack("<i", 3), b"set"]))
    return path


def test_both_formats_give_means(tmp_path: Path) -> None:
    experts = np.array([[2.0, 4.0], [9.0, 9.0]])
    new = write_new(tmp_path / "new.gguf", {"a": np.array([4.0, 8.0]), "b": experts}, {"a": [4.0], "b": [2.0, 0.0]})
    found = read_importance(new)
    assert found["a"].tolist() == [1.0, 2.0]
    assert found["b"].tolist() == [1.0, 2.0, 1.0, 1.0]  # an expert that was never asked counts evenly
    assert found["a"].dtype == np.float32
    old = read_importance(write_old(tmp_path / "old.dat", {"a": [4.0, 8.0]}, 4))
    assert old["a"].tolist() == [1.0, 2.0]


def test_anything_else_is_refused(plain: Path, tmp_path: Path) -> None:
    good = write_old(tmp_path / "good.dat", {"a": [4.0, 8.0]}, 4).read_bytes()
    bad = {"text": b"Dear reader, this is none.", "empty": b"", "cut": good[:18], "zero": struct.pack("<i", 0)}
    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match="no importance matrix"):
            read_importance(tmp_path / name)
    with pytest.raises(DataError, match="no importance matrix"):
        read_importance(plain)
    with pytest.raises(DataError, match="no importance matrix"):
        read_importance(tmp_path / "absent")
    nothing = write_new(tmp_path / "nan.gguf", {"a": np.array([np.nan, 1.0])}, {"a": [1.0]})
    with pytest.raises(DataError, match="not finite"):
        read_importance(nothing)
