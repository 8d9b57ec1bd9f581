from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.engine.errors import ConfigError
from pipeline.tasks.estimate.gpus import GPU, operations, read_gpus, rent

A100 = GPU.model_validate({"tflops": 312, "dollars": 2.0, "memory": 80, "seen": "2026-11-21"})


def test_operations_are_six_a_parameter_and_those_of_attention() -> None:
    assert operations(10**9, 2, 100, 50) == 6e9 + 12 * 2 * 100 * 50


def test_hours_and_dollars_follow_from_the_table() -> None:
    (found,) = rent({"A100": A100}, "", tokens=312e12 * 0.35 * 3600 / 1e9, each=1e9)
    assert found.data["rent"]["A100"]["seconds"] == pytest.approx(3600)
    assert found.data["rent"]["A100"]["dollars"] == pytest.approx(2.0)
    assert "35% of the peak (MFU)" in found.text and "2026-11-21" in found.text


def test_a_gpu_that_is_not_there_is_a_fault_with_the_nearest() -> None:
    (found,) = rent({"A100": A100}, "A10", 1, 1)
    assert (found.level, "did you mean `A100`" in found.text) == ("fault", True)


def test_the_workspace_s_own_table_comes_first(tmp_path: Path) -> None:
    assert {"A100", "RTX 5070 Ti"} <= read_gpus(tmp_path).keys()
    (tmp_path / "configs").mkdir()
    own = tmp_path / "configs" / "gpus.toml"
    own.write_text("[Mine]\ntflops = 1\ndollars = 0\nmemory = 1\nseen = 2026-01-01\n", encoding="utf-8")
    assert list(read_gpus(tmp_path)) == ["Mine"]
    own.write_text("[Mine]\ntflops = -1\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_gpus(tmp_path)
