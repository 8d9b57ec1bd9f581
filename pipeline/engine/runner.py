"""Drives a run: plan -> cached? -> run -> commit, step by step, in the one process that writes its events."""

from __future__ import annotations

import os
import threading
import time
import traceback
from collections.abc import Mapping

from filelock import Timeout

from pipeline.engine import planner
from pipeline.engine.artifacts import (
    MADE,
    Workspace,
    begin,
    commit,
    discard_replaced,
    maker,
    read_made,
    set_aside,
)
from pipeline.engine.children import Child, fold_error
from pipeline.engine.config import RunConfig, check
from pipeline.engine.errors import (
    Busy,
    FreshProcess,
    PipelineError,
    ProcessDied,
    StageFailed,
    StopRequested,
)
from pipeline.engine.events import Emitter, EventLog, Send
from pipeline.engine.execution import plain_error, run_stage, task_of
from pipeline.engine.fingerprints import describe
from pipeline.engine.gpus import GpuTurn
from pipeline.engine.launch import Launch
from pipeline.engine.memory import Sampler
from pipeline.engine.planner import Planned
from pipeline.engine.rows import Row, write_json
from pipeline.engine.runs import Run
from pipeline.engine.stage import Catalog

DONE, FAILED, WRONG, STOPPED, UNMET = 0, 1, 2, 3, 4
"""Exit codes."""
Needs = tuple[str, Launch]
"""What a step needs of its process: the libraries, empty where it needs none of its own, and how many there are."""
STATES = {DONE: "done", FAILED: "failed", WRONG: "failed", STOPPED: "stopped", UNMET: "unmet"}


class Runner:
    """One run from its first step to its last. Raises Busy where another process drives it."""

    def __init__(self, run: Run, catalog: Catalog, share_gpu: bool = False) -> None:
        """`share_gpu`: do not wait while another run uses the GPU."""
        self.run, self.catalog = run, catalog
        self.workspace = Workspace(run.root)
        self._turn = GpuTurn(run, share_gpu)
        self._child: tuple[Needs, Child] | None = None
        self._writing = threading.Lock()

    def drive(self) -> int:
        """Run to the end; returns the exit code. The only place where every exception is caught."""
        lock = self.run.lock()
        try:
            lock.acquire(timeout=2)
        except Timeout:
            raise Busy(f"{self.run.id} is already running.", "Another process holds its lock.", "") from None
        try:
            self.events = EventLog(self.run.events)
            code = self._guarded()
            self.events.close()
        finally:
            self._end_child()
            self._turn.give_back()
            lock.release()
        return code

    def _guarded(self) -> int:
        began = time.monotonic()
        error: PipelineError | None = None
        verdicts: list[bool] = []
        try:
            code = self._steps(verdicts)
        except StopRequested:
            code = STOPPED
        except BaseException as raised:
            traceback.print_exc()
            error = plain_error(raised)
            code = error.exit_code
        if code == DONE and not all(verdicts):
            code = UNMET
        self._write(
            "",
            "run.finished",
            {
                "state": STATES[code],
                "code": code,
                "seconds": round(time.monotonic() - began, 3),
                "error": fold_error(error) if error else None,
            },
        )
        return code

    def _steps(self, verdicts: list[bool]) -> int:
        options = self.run.about()["options"]
        self._write("", "run.started", {"pid": os.getpid(), "preset": self.run.about()["preset"]})
        config = check(self.run.tree(), self.catalog, self.workspace.kind_of)
        everything = planner.plan(config, self.workspace)
        planned = planner.chosen(everything, options)
        self._write(
            "",
            "log",
            {"text": f"{len(planned)} steps: {', '.join(entry.step.name for entry in planned)}"},
        )
        known = {entry.step.name: entry for entry in everything}
        for position, entry in enumerate(planned):
            later = planned[position + 1] if position + 1 < len(planned) else None
            # Again, for marks can match the rows of its inputs only now that these are made.
            known[entry.step.name] = entry = planner.place(entry.step, known, config.seed, self.workspace)
            summary = self._step(entry, config, fresh=entry.step.name in options.get("fresh", []))
            if isinstance(summary.get("verdict"), dict):
                verdicts.append(summary["verdict"]["met"] is not False)  # None: nothing was asked
            if self._child and (later is None or _needs(later) != self._child[0] or _needs(later)[1].machines > 1):
                self._end_child()  # workers on other machines do one step
        return DONE

    def _step(self, entry: Planned, config: RunConfig, fresh: bool) -> Row:
        """Make the artifact of one step unless it is there; with `fresh`, unless this run made it. Its summary."""
        step = entry.step
        self._check_stop()
        lock = self.workspace.lock(entry.artifact)
        waited = 0.0
        while True:
            try:
                lock.acquire(timeout=0.5)
                break
            except Timeout:
                self._end_child()  # who waits holds no GPU, or two runs could wait for each other
                if waited % 5 == 0:
                    reason = f"another run is making {entry.artifact.name}"
                    self._write(step.name, "wait", {"reason": reason, "until": None})
                waited += 0.5
                self._check_stop()
        try:
            if fresh and maker(entry.artifact) not in (None, self.run.id):
                set_aside(entry.artifact)
            state, why = planner.state_now(entry)
            if state == "edited":
                raise StageFailed(why, "", f"Restore the file, or make it anew: --fresh {step.name}")
            if state == "cached":
                made = read_made(entry.artifact)
                self._write(step.name, "step.cached", {"artifact": str(entry.artifact), "summary": made["summary"]})
            else:
                if state == "stale":
                    set_aside(entry.artifact)
                self._await_gpu(entry)
                made = self._make(entry, config)
            if step.label:
                self.workspace.give_name(step.label, entry.artifact)
            return dict(made["summary"])
        finally:
            lock.release()

    def _make(self, entry: Planned, config: RunConfig) -> Row:
        step = entry.step
        begin(entry.artifact, entry.fingerprint, self.run.id)
        began = time.monotonic()
        self._write(step.name, "step.started", {"stage": step.stage.name, "artifact": str(entry.artifact)})
        task = task_of(entry, config.seed, self.run)

        def send(kind: str, data: Row) -> None:
            self._write(step.name, kind, data)

        emit = Emitter(send)
        sampler = Sampler(self._worker, lambda row: emit.memory(**row))
        try:
            result = self._result(entry, task, emit, send)
        except StopRequested:
            raise
        except BaseException as error:
            self._write(step.name, "step.failed", {"error": fold_error(plain_error(error))})
            raise
        finally:
            sampler.close()
        seconds = round(time.monotonic() - began, 3)
        made = commit(
            entry.artifact,
            {
                "artifact": entry.artifact.name,
                "step": step.name,
                "stage": step.stage.name,
                "version": step.stage.version,
                "kind": step.stage.makes_for(step.settings),
                "fingerprint": entry.fingerprint,
                "settings": task["settings"],
                "described": describe(step.settings),
                "effective": result["effective"],
                "inputs": self._lineage(entry),
                **({"marks": entry.marks.honoured} if entry.marks.honoured else {}),
                "seed": config.seed,
                "summary": result["summary"],
                "seconds": seconds,
                "run": self.run.id,
            },
        )
        discard_replaced(entry.artifact)
        self._write(
            step.name,
            "step.finished",
            {"artifact": str(entry.artifact), "summary": made["summary"], "seconds": seconds},
        )
        return made

    def _lineage(self, entry: Planned) -> Row:
        lineage: Row = {}
        for name, paths in entry.inputs.items():
            lineage[name] = {}
            for reference, path in paths.items():
                made = read_made(path) if (path / MADE).is_file() else {}
                lineage[name][reference] = {
                    "path": path.name,
                    "fingerprint": made.get("fingerprint"),
                    "digest": made.get("digest"),
                }
        return lineage

    def _result(self, entry: Planned, task: Row, emit: Emitter, send: Send) -> Row:
        if not _needs(entry)[0]:
            return run_stage(entry.step.stage, task, emit)
        tried: set[str] = set()
        while True:
            self._check_stop()
            self._await_gpu(entry)
            try:
                return self._in_child(entry, task, send)
            except FreshProcess as error:
                way, why = error.what, error.why
            except ProcessDied as death:
                way, why = entry.step.stage.way_on(entry.step.settings, entry.artifact, death), ""
                if not way:
                    raise
            if way in tried:
                raise StageFailed(way, "It was tried already, and came to the same end.", "The log tells what failed.")
            tried.add(way)
            emit.alert(" ".join(filter(None, (way, why, "Trying again in a fresh process."))))

    def _in_child(self, entry: Planned, task: Row, send: Send) -> Row:
        needs = _needs(entry)
        if self._child is None or self._child[0] != needs:
            self._end_child()
            if needs[1].machines > 1:
                write_json(self.run.path / "task.json", task)
                how = needs[1].elsewhere(self.catalog.worker, self.run.path / "task.json")
                send("wait", {"reason": f"run on each of the other machines, counted from 1: {how}", "until": None})
            self._child = (needs, Child(self.catalog.worker, self.run.log, needs[1], self._check_stop))
        try:
            return self._child[1].run(task, send)
        except StageFailed:
            self._end_child()
            raise

    def _await_gpu(self, entry: Planned) -> None:
        """Where the step's libraries use it; until its child ends it is this run's alone."""
        if (needs := _needs(entry))[0] in self.catalog.gpu:
            if self._child and self._child[0] != needs:
                self._end_child()

            def say(reason: str) -> None:
                self._write(entry.step.name, "wait", {"reason": reason, "until": None})

            self._turn.take(say, self._check_stop)

    def _end_child(self) -> None:
        if self._child:
            self._child[1].close()
            self._child = None
            self._turn.give_back()

    def _worker(self) -> tuple[int, Mapping[str, int]]:
        """Who does the step: its process id, and the memory that it says it holds on GPUs."""
        return (self._child[1].pid, self._child[1].reserved) if self._child else (os.getpid(), {})

    def _check_stop(self) -> None:
        if self.run.stop_file.exists():
            raise StopRequested

    def _write(self, step: str, kind: str, data: Row) -> None:
        with self._writing:  # the memory sampler writes beside the step
            self.events.write(step, kind, data)


def _needs(entry: Planned) -> Needs:
    stage, settings = entry.step.stage, entry.step.settings
    return stage.libraries_for(settings), stage.launch(settings)
