"""Two ranks on one CPU, started as the runner starts them, for tests that hold them against a single process."""

from __future__ import annotations

from pathlib import Path

from pipeline.engine.children import Child
from pipeline.engine.launch import Launch
from pipeline.engine.rows import Row
from tests.training.rig import Recorder


class Pair:
    """Two ranks that do one training after the other, and are started anew where one has ended them."""

    def __init__(self, folder: Path, given: dict[str, Path]) -> None:
        self._log, self._given = folder / "log.txt", given
        self._child: Child | None = None

    def train(self, stage: str, settings: Row, out: Path, recorder: Recorder | None = None) -> Row:
        out.mkdir(parents=True, exist_ok=True)
        if self._child is None:
            self._child = Child("pipeline.worker", self._log, Launch(2))
        task = {
            "stage": stage, "settings": {**settings, "devices": 2}, "out": str(out), "seed": 7, "marks": {},
            "inputs": {name: str(path) for name, path in self._given.items()}, "root": str(out.parent), "run": "",
            "step": stage, "stop_file": str(out.parent / f"{out.name}.stop"),
        }  # fmt: skip
        try:
            return self._child.run(task, recorder or Recorder())
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        if self._child:
            self._child.close()
        self._child = None

    @property
    def pid(self) -> int:
        assert self._child
        return self._child.pid
