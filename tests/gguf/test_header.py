from __future__ import annotations

from collections import Counter
from pathlib import Path

import gguf

from pipeline.gguf.convert import convert
from pipeline.gguf.header import tensor_types


def test_types_are_those_that_the_gguf_package_reads(plain: Path, wide: Path, tmp_path: Path) -> None:
    convert(wide, tmp_path / "q.gguf", "Q8_0")
    for path in (plain, tmp_path / "q.gguf"):
        read = Counter(tensor.tensor_type.name for tensor in gguf.GGUFReader(path).tensors)
        assert tensor_types(path) == read
        assert len(read) == 2
