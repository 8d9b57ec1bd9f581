from __future__ import annotations

from pathlib import Path

from pipeline.engine.lineage import lineage
from pipeline.engine.rows import write_json


def make(folder: Path, *inputs: str) -> Path:
    references = {"any": {name: {"path": name} for name in inputs}}
    write_json(
        folder / "made.json", {"kind": "x", "files": {}, "digest": "", "inputs": references, "step": folder.name}
    )
    return folder


def test_the_earliest_first_each_once_wherever_it_lies(tmp_path: Path) -> None:
    make(tmp_path / "data" / "prompts-1")
    make(tmp_path / "models" / "base-2", "prompts-1")
    make(tmp_path / "data" / "traces-3", "prompts-1", "gone-9")
    sft = make(tmp_path / "elsewhere" / "sft", "base-2", "traces-3")
    merged = make(tmp_path / "elsewhere" / "merge", "base-2", "sft")
    names = [made["step"] for made in lineage(merged, tmp_path)]
    assert names == ["prompts-1", "base-2", "traces-3", "sft", "merge"]
    assert [made["step"] for made in lineage(sft, tmp_path)] == ["prompts-1", "base-2", "traces-3", "sft"]
    assert lineage(tmp_path / "nowhere", tmp_path) == []


def test_a_circle_ends(tmp_path: Path) -> None:
    make(tmp_path / "models" / "a", "b")
    make(tmp_path / "models" / "b", "a")
    assert len(lineage(tmp_path / "models" / "a", tmp_path)) == 2
