from __future__ import annotations

import math
from pathlib import Path

from pipeline.engine.rows import read_rows
from pipeline.training.metrics import Metrics


def test_a_resumed_file_keeps_what_the_checkpoint_knows(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    metrics = Metrics(path, 0)
    for step in range(1, 6):
        metrics.write({"step": step, "tokens": step * 10})
    metrics.close()
    with path.open("ab") as file:
        file.write(b'{"step":6,"tok')
    resumed = Metrics(path, 3)
    assert resumed.last("tokens") == 30
    resumed.write({"step": 4, "tokens": 41})
    resumed.close()
    assert list(read_rows(path)) == resumed.rows
    assert [row["tokens"] for row in resumed.rows] == [10, 20, 30, 41]


def test_without_a_checkpoint_it_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step":1,"loss":1.0}\n', encoding="utf-8")
    metrics = Metrics(path, 0)
    metrics.close()
    assert metrics.rows == [] and metrics.last("tokens") == 0
    assert path.read_bytes() == b""


def test_what_is_not_finite_is_null(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path / "metrics.jsonl", 0)
    metrics.write({"step": 1, "loss": math.nan, "grad_norm": math.inf, "epoch": 0.5})
    metrics.close()
    assert list(read_rows(tmp_path / "metrics.jsonl")) == [{"step": 1, "loss": None, "grad_norm": None, "epoch": 0.5}]
