"""One step as JSON and back: what the runner hands to a stage, here or in a child process, and what comes of it."""

from __future__ import annotations

import errno
import traceback
from pathlib import Path

from pipeline.engine.errors import PipelineError, StageFailed
from pipeline.engine.events import Emitter
from pipeline.engine.planner import Planned
from pipeline.engine.rows import Row
from pipeline.engine.runs import Run
from pipeline.engine.stage import Context, Stage


def task_of(entry: Planned, seed: int, run: Run) -> Row:
    """A planned step in the form that crosses a process boundary."""
    return {
        "stage": entry.step.stage.name,
        "settings": entry.step.settings.model_dump(mode="json"),
        "inputs": {
            name: {reference: str(path) for reference, path in value.items()} if isinstance(value, dict) else str(value)
            for name, value in entry.given().items()
        },
        "out": str(entry.artifact),
        "seed": seed,
        "stop_file": str(run.stop_file),
        "root": str(run.root),
        "run": run.id,
        "step": entry.step.name,
        "marks": entry.marks.honoured,
    }


def run_stage(stage: Stage, task: Row, emit: Emitter) -> Row:
    """Call a stage's `run` on a task that came as JSON. Returns {"summary", "effective"}."""
    context = Context(
        config=stage.Config.model_validate(task["settings"]),
        inputs={
            name: {reference: Path(path) for reference, path in value.items()}
            if isinstance(value, dict)
            else Path(value)
            for name, value in task["inputs"].items()
        },
        out=Path(task["out"]),
        seed=task["seed"],
        emit=emit,
        stop_file=Path(task["stop_file"]),
        root=Path(task["root"]),
        run=task["run"],
        step=task["step"],
        marks=task["marks"],
    )
    context.check_stop()
    summary = stage.run(context)
    return {"summary": summary, "effective": context.effective}


def plain_error(error: BaseException) -> PipelineError:
    """What a person can act on, for an exception that no stage foresaw."""
    if isinstance(error, PipelineError):
        return error
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StageFailed(
            "The disk is full.",
            str(error),
            "Free some space (python -m pipeline clean shows what is used), then resume.",
        )
    if isinstance(error, OSError) and error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return StageFailed("A file cannot be written.", str(error), "Make the folder writable, then resume.")
    if isinstance(error, MemoryError):
        return StageFailed("The host ran out of memory.", str(error), "Use smaller settings, then resume.")
    if isinstance(error, OSError) and error.filename:
        return StageFailed(
            f"A file cannot be used: {error.filename}.", str(error), "Check that it is there and what it is."
        )
    where = traceback.extract_tb(error.__traceback__)
    place = f"{Path(where[-1].filename).name}:{where[-1].lineno}" if where else "?"
    return StageFailed(
        f"{type(error).__name__}: {error}", f"It was raised at {place}.", "The whole traceback is in the run's log.txt."
    )
