"""Trainings in a process of their own, as a worker does them: Unsloth must be imported before TRL and transformers."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any

from pipeline.engine.errors import StopRequested
from pipeline.engine.rows import Row, read_json, write_json
from tests.training.rig import Recorder, at_step, context_of, metrics

LATER = ("trl", "transformers", "peft")


@dataclass(frozen=True)
class Job:
    stage: str
    settings: Row
    out: str
    stop_at: int = 0
    """Ask for a stop when the metrics of this step go out."""


@dataclass
class Done:
    summary: Row | None
    """None: it was stopped."""
    effective: Row
    metrics: list[Row]
    imported_before: list[str] | None = field(default=None)
    """Which of LATER were there when Unsloth was imported; None: it was not."""


def train(given: dict[str, Path], *jobs: Job) -> list[Done]:
    """The jobs one after the other in one fresh process."""
    folder = Path(jobs[0].out).parent
    folder.mkdir(parents=True, exist_ok=True)
    asked, answer = folder / "jobs.json", folder / "done.json"
    write_json(
        asked, {"given": {name: str(path) for name, path in given.items()}, "jobs": [asdict(job) for job in jobs]}
    )
    command = [sys.executable, "-m", "tests.unsloth.child", str(asked), str(answer)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    return [Done(**row) for row in read_json(answer)["done"]]


class WhatCameBefore(MetaPathFinder):
    """Sees each look for Unsloth; the last one is its import."""

    found: list[str] | None = None

    def find_spec(self, name: str, *_: Any) -> None:
        if name == "unsloth":
            self.found = [other for other in LATER if other in sys.modules]


def do(job: Job, given: dict[str, Path]) -> Done:
    stage = importlib.import_module(f"pipeline.stages.{job.stage}")
    out = Path(job.out)
    stop = out.parent / f"{out.name}.stop"
    stop.unlink(missing_ok=True)
    recorder = at_step(job.stop_at, stop.touch) if job.stop_at else Recorder()
    context = context_of(stage.Config(**job.settings), given, out, recorder)
    summary = None
    try:
        summary = stage.run(context)
    except StopRequested:
        assert job.stop_at
    return Done(summary, dict(context.effective), metrics(out))


def main(asked: Path, answer: Path) -> None:
    sys.meta_path.insert(0, before := WhatCameBefore())
    found = read_json(asked)
    given = {name: Path(path) for name, path in found["given"].items()}
    done = [do(Job(**job), given) for job in found["jobs"]]
    for row in done:
        row.imported_before = before.found if "unsloth" in sys.modules else None
    write_json(answer, json.loads(json.dumps({"done": [asdict(row) for row in done]})))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
