"""Going on with a finished training: an adapter of the same stage, settings and inputs, trained for fewer steps."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.engine.artifacts import CHECKPOINTS, MADE, compare_settings, read_made
from pipeline.engine.errors import ConfigError
from pipeline.engine.fingerprints import describe
from pipeline.engine.rows import Row, write_json
from pipeline.engine.stage import Context, Finding, PlanContext
from pipeline.training import backend, ladder, ranks
from pipeline.training.checkpoints import whole
from pipeline.training.metrics import METRICS

EXTENDS = "extends"
"""The input that names the adapter to go on with."""
INPUT = "adapter?="
MEND = "Take its settings and inputs as they were, and only raise max_steps: `python -m pipeline extend` does."


def extending(stage: str, plan: Callable[[PlanContext], list[Finding]]) -> Callable[[PlanContext], list[Finding]]:
    """A stage's plan, and before it what there is to say of the adapter that is gone on with."""
    return lambda context: [*_foresee(context, stage), *plan(context)]


def _foresee(context: PlanContext, stage: str) -> list[Finding]:
    """A fault that names all that stands against it, or a note on what it adds."""
    if EXTENDS not in context.inputs:
        return []
    artifact: Path = context.inputs[EXTENDS]
    if faults := list(_faults(context, stage)):
        return [Finding("fault", f"{artifact.name} cannot be extended: {'; '.join(faults)}.", MEND)]
    done = read_made(artifact)["summary"]["steps"]
    more = context.config.max_steps - done
    return [Finding("note", f"goes on from {artifact.name}: {done} steps are done, {more} more to come")]


def take_up(context: Context, stage: str) -> None:
    """Bring what the adapter to extend can be gone on from into `context.out`, unless it is there already.

    Its checkpoints, metrics, backend and rungs: what follows is a resume. Raises ConfigError as the plan's fault.
    """
    if EXTENDS not in context.inputs:
        return
    if ranks.is_first() and not (context.out / CHECKPOINTS).exists():
        _bring(context, stage)
    ranks.join()
    ranks.wait()


def _bring(context: Context, stage: str) -> None:
    artifact: Path = context.inputs[EXTENDS]
    if faults := list(_faults(context, stage)):
        raise ConfigError(f"{artifact.name} cannot be extended: {'; '.join(faults)}.", "", MEND)
    shutil.copyfile(artifact / METRICS, context.out / METRICS)
    _take_backend(context.out, str(read_made(artifact)["summary"]["backend"]))
    found = ladder.Ladder.of(artifact / CHECKPOINTS)
    if found.rungs:
        ladder.Ladder(context.config.max_steps, found.rungs).write(context.out)
    partly = context.out / f".{CHECKPOINTS}"
    shutil.rmtree(partly, ignore_errors=True)
    shutil.copytree(artifact / CHECKPOINTS, partly)
    partly.replace(context.out / CHECKPOINTS)  # last: from now on it is there


def _take_backend(out: Path, trained_by: str) -> None:
    record: Row = {"backend": trained_by}
    known = {"proven": True} if trained_by == "unsloth" else {"why": "the training that is extended began with it"}
    write_json(out / backend.RECORD, record | known)


def _faults(context: Context | PlanContext, stage: str) -> Iterator[str]:
    artifact: Path = context.inputs[EXTENDS]
    if not (artifact / MADE).is_file():
        yield "it is not a finished artifact"
        return
    made = read_made(artifact)
    if made["stage"] != stage:
        yield f"it was made by {made['stage']}, not by {stage}"
        return
    if not whole(artifact / CHECKPOINTS):
        yield "it kept no checkpoint"
    done, steps = made["summary"]["steps"], context.config.max_steps
    if steps <= done:
        yield f"max_steps is {steps}, and {done} steps are done"
    yield from compare_settings(_but_steps(made["described"]), _but_steps(describe(context.config)))
    if made["seed"] != context.seed:
        yield f"the run's seed: {made['seed']} -> {context.seed}"
    for name, path in context.inputs.items():
        if name != EXTENDS and not _is_same(made["inputs"].get(name, {}), path):
            yield f"its input {name} was another"
    if made.get("marks", {}) != context.marks:
        yield "other marks are honoured"


def _but_steps(described: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in described.items() if key != "max_steps"}


def _is_same(recorded: Mapping[str, Row], path: Path) -> bool:
    """Whether an input is the one of the record; a folder that no step made is known by its name alone."""
    (entry,) = recorded.values() or [{}]
    if (path / MADE).is_file():
        return bool(read_made(path)["digest"] == entry.get("digest"))
    return bool(entry.get("path") == path.name)
