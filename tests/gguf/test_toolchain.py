from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.gguf import toolchain


@pytest.fixture(autouse=True)
def forgetful() -> Iterator[None]:
    toolchain.import_fault.cache_clear()
    yield
    toolchain.import_fault.cache_clear()


def shadow(folder: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Put a llama_cpp before the real one, for the process that tries it."""
    (folder / "llama_cpp.py").write_text(code, "utf-8")
    monkeypatch.setenv("PYTHONPATH", str(folder))


def test_a_library_that_raises_is_told_with_its_own_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shadow(tmp_path, monkeypatch, "raise OSError('libllama.so: cannot open shared object file')")
    assert toolchain.import_fault("llama_cpp") == "OSError: libllama.so: cannot open shared object file"


def test_one_that_takes_its_process_along_takes_only_that_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shadow(tmp_path, monkeypatch, "import os; os._exit(139)")
    assert "died, exit code 139" in toolchain.import_fault("llama_cpp")


def test_one_that_hangs_is_not_waited_for_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shadow(tmp_path, monkeypatch, "import time; time.sleep(60)")
    monkeypatch.setattr(toolchain, "PATIENCE", 1)
    assert "did not end within 1 s" in toolchain.import_fault("llama_cpp")


def test_what_is_installed_and_broken_is_no_less_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("gguf")
    shadow(tmp_path, monkeypatch, "raise ImportError('no')")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: object())
    (fault,) = toolchain.broken()
    assert "llama-cpp-python is installed and cannot be imported" in fault.what
    assert "--force-reinstall" in fault.mend


def test_without_a_compiler_a_prebuilt_wheel_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in ("llama_cpp", "gguf") else object())
    monkeypatch.setattr(toolchain, "compiler", lambda: "")
    llama, gguf = toolchain.missing()
    assert "prebuilt wheel" in llama.mend and "prebuilt wheel" not in gguf.mend
    monkeypatch.setattr(toolchain, "compiler", lambda: "g++")
    assert all("prebuilt wheel" not in error.mend for error in toolchain.missing())
