from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.gguf.convert import About, convert
from pipeline.gguf.session import Session
from tests.gguf.tiny import save_tiny_model


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Width 128, tied, float32."""
    return save_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Width 256, not tied, bfloat16."""
    return save_tiny_model(tmp_path_factory.mktemp("wide"), width=256, tied=False, half=True)


@pytest.fixture(scope="session")
def plain(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`tiny` as an F16 file."""
    path = tmp_path_factory.mktemp("plain") / "tiny-F16.gguf"
    convert(tiny, path, "F16", About("tiny", base_model="nobody/nothing", license="mit", run="r1", artifact="sft-1"))
    return path


@pytest.fixture(scope="session")
def session() -> Iterator[Session]:
    with Session(timeout=60) as session:
        yield session
