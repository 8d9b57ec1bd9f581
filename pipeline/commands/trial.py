"""`plan --trial`: every training whose inputs are made is tried for a few steps, in a process and a folder of its own.

Nothing of it stays, and nothing of the workspace is written: the process is told that the folder is the workspace.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pipeline.catalog import CATALOG
from pipeline.engine.children import Child
from pipeline.engine.errors import FreshProcess, PipelineError, ProcessDied
from pipeline.engine.execution import task_of
from pipeline.engine.memory import Sampler
from pipeline.engine.planner import Planned
from pipeline.engine.rows import Row
from pipeline.engine.runs import Run
from pipeline.engine.stage import Finding, Trial
from pipeline.providers.provider import ProviderSettings
from pipeline.tasks.estimate.time import Measured, failed, foretell, out_of_memory
from pipeline.training.extension import EXTENDS

GAP = 0.2
"""Seconds between samples of memory."""
ATTEMPTS = 3
"""Processes that a trial may take, where libraries fail that another process can do without."""


def try_out(planned: Sequence[Planned], seed: int, steps: int, say: Callable[[str], None], *, elsewhere: bool) -> None:
    """Add to the findings of every training that is to be made what `steps` steps of it take, or why that is not known.

    `say` is told what is being done; `elsewhere`: the plan is for another device than this machine's.
    """
    to_come = [entry.step.name for entry in planned if entry.state != "cached"]
    for entry in planned:
        if entry.step.stage.trial is None or entry.state == "cached":
            continue
        missing = [name for name in to_come if any(name in references for references in entry.inputs.values())]
        if missing:
            text = f"No trial: {' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not made yet."
            entry.findings.append(Finding("note", text, f"Run as far as that first: --until {missing[-1]}"))
        elif EXTENDS in entry.inputs:
            text = (
                "No trial of a training that goes on from another: metrics.jsonl of that one has the time of its steps."
            )
            entry.findings.append(Finding("note", text))
        elif any(finding.level == "fault" for finding in entry.findings):
            entry.findings.append(Finding("note", "No trial of a step that has faults."))
        else:
            trial = entry.step.stage.trial(entry.step.settings, steps)
            if paid := askers(trial.config):
                text = f"No trial: it would ask providers that may cost money ({', '.join(paid)})."
                entry.findings.append(Finding("note", text, "Try it with an offline one: --set."))
                continue
            say(f"{entry.step.name}: trying {steps} steps")
            entry.findings += _try(entry, seed, trial, elsewhere)


def askers(config: Any) -> list[str]:
    """The settings that name a provider other than the embedded one."""
    found = [(name, getattr(config, name)) for name in type(config).model_fields]
    return [name for name, value in found if isinstance(value, ProviderSettings) and value.kind != "offline"]


def _try(entry: Planned, seed: int, trial: Trial, elsewhere: bool) -> list[Finding]:
    found = _data(entry.findings)
    try:
        measured = _measure(entry, seed, trial.config)
    except PipelineError as error:
        return [failed(error, found)]
    return foretell(measured, found, trial, elsewhere=elsewhere)


def _data(findings: Iterable[Finding]) -> Row:
    return {key: value for finding in findings for key, value in finding.data.items()}


def _measure(entry: Planned, seed: int, config: Any) -> Measured:
    """Raises what the stage raised, or ProcessDied."""
    stage = entry.step.stage
    with TemporaryDirectory(prefix="trial-", ignore_cleanup_errors=True) as folder:
        out = Path(folder) / "out"
        out.mkdir()
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return _run(entry, seed, config, out)
            except FreshProcess as error:
                if attempt == ATTEMPTS or out_of_memory(str(error)):
                    raise
            except ProcessDied as death:
                way = stage.way_on(config, out, death)
                if out_of_memory(way):
                    raise FreshProcess(way) from death
                if attempt == ATTEMPTS or not way:
                    raise
    raise AssertionError("the last attempt returns or raises")


def _run(entry: Planned, seed: int, config: Any, out: Path) -> Measured:
    run = Run(out.parent / "data" / "runs" / "trial")
    run.path.mkdir(parents=True, exist_ok=True)
    task = task_of(entry, seed, run) | {"settings": config.model_dump(mode="json"), "out": str(out)}
    rows: list[Row] = []
    samples: list[Row] = []
    began, first = time.monotonic(), 0.0

    def send(kind: str, data: Row) -> None:
        nonlocal first
        if kind == "metric":
            first = first or time.monotonic()
            rows.append(data)

    child = Child(CATALOG.worker, run.log, entry.step.stage.launch(config))
    sampler = Sampler(lambda: (child.pid, child.reserved), samples.append, GAP)
    try:
        result = child.run(task, send)
    finally:
        sampler.close()
        child.close()
    held = [[gpu["process"] for gpu in sample["gpus"] if gpu["process"]] for sample in samples]
    return Measured(
        rows=rows,
        startup=max(0.0, first - began - float(rows[0]["step_time"])),
        process=max((sample["process"] for sample in samples), default=0),
        gpu=max((max(sizes) for sizes in held if sizes), default=None),
        effective=result["effective"],
    )
