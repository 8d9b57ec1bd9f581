from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.gguf.convert import About, convert
from tests.gguf.endless import make_endless
from tests.gguf.tiny import save_tiny_model


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model whose name would colour the terminal."""
    folder = tmp_path_factory.mktemp("chat")
    convert(save_tiny_model(folder / "hf"), folder / "tiny.gguf", "F16", About("\x1b[31mtiny"))
    return folder / "tiny.gguf"


@pytest.fixture(scope="session")
def endless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose answers last until they are stopped; see tests/gguf/endless.py for what to ask of it."""
    return make_endless(tmp_path_factory.mktemp("endless"))


@pytest.fixture(scope="session")
def untold(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same without a chat template."""
    folder = tmp_path_factory.mktemp("untold")
    source = save_tiny_model(folder / "hf")
    (source / "chat_template.jinja").unlink()
    convert(source, folder / "untold.gguf", "F16", About("untold"))
    return folder / "untold.gguf"
