"""Who trains, Unsloth or Hugging Face with PEFT, and the way back from an Unsloth that fails.

Unsloth alters TRL and transformers as it is imported, so what follows its failure needs a process of its own.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from pipeline.engine.errors import (
    FreshProcess,
    MissingDependency,
    PipelineError,
    ProcessDied,
    StageFailed,
    StopRequested,
)
from pipeline.engine.rows import Row, read_json, write_json
from pipeline.engine.stage import Context
from pipeline.training import ranks

Backend = Literal["unsloth", "standard"]
RECORD = "backend.json"
"""Beside an unfinished adapter, written before Unsloth is imported: a resumed run goes on with the backend that it
began with, and where the process dies, the runner can tell what was being tried."""
MEND = "Train with Hugging Face and PEFT: set backend = standard."


def unsloth_installed() -> bool:
    return "unsloth" in sys.modules or importlib.util.find_spec("unsloth") is not None


def libraries_for(backend: str) -> str:
    """The word for the libraries that a step imports: steps with the same one may share a process."""
    return "unsloth" if backend != "standard" and unsloth_installed() else "torch"


def choose(context: Context) -> Backend:
    """The backend to use. Raises MissingDependency where Unsloth is asked for and not installed."""
    asked: str = context.config.backend
    if asked == "auto" and ranks.spread() != "whole":
        context.in_effect("backend", asked, "standard", f"Unsloth does not train under {ranks.spread()}")
        return "standard"
    if asked == "standard":
        return "standard"
    if asked == "unsloth" and not unsloth_installed():
        raise MissingDependency.of_extra("unsloth", "unsloth")
    record = ranks.agree(lambda: _begun(context.out, asked))
    if record["backend"] == "standard":
        context.in_effect("backend", asked, "standard", record["why"])
        return "standard"
    return "unsloth"


def _begun(out: Path, asked: str) -> Row:
    """The record of a training, which is begun where there is none."""
    if record := _read(out):
        return record
    record = {"backend": "unsloth", "proven": False}
    if asked == "auto" and not unsloth_installed():
        record = {"backend": "standard", "why": "Unsloth is not installed"}
    write_json(out / RECORD, record)
    return record


def _read(out: Path) -> Row:
    return dict(read_json(out / RECORD)) if (out / RECORD).exists() else {}


@contextmanager
def guarded(context: Context, backend: Backend) -> Iterator[None]:
    """Turn what Unsloth raises before its first step is done into a way on.

    With `auto`, the reason is recorded and FreshProcess raised: run again, the step trains with Hugging Face and PEFT.
    With `unsloth`, it raises StageFailed. Errors of our own pass through.
    """
    try:
        yield
    except (PipelineError, StopRequested):
        raise
    except Exception as error:
        if backend == "standard" or _read(context.out)["proven"]:
            raise
        why = f"Unsloth failed before its first step was done: {type(error).__name__}: {error}"
        if context.config.backend == "unsloth":
            raise StageFailed(why, "", MEND) from error
        write_json(context.out / RECORD, {"backend": "standard", "why": why})
        raise FreshProcess(
            why,
            "What it changed in the other libraries stays until the process ends.",
            "Resume the run: it goes on with Hugging Face and PEFT.",
        ) from error


def after_death(config: Any, out: Path, death: ProcessDied) -> str:
    """The way on from an Unsloth whose process died before its first step was done; empty where that was not so.

    Raises StageFailed where Unsloth was asked for.
    """
    record = _read(out)
    if record.get("backend") != "unsloth" or record["proven"]:
        return ""
    why = f"Unsloth took its process along before its first step was done. {death.what}"
    if config.backend == "unsloth":
        raise StageFailed(why, death.why, MEND) from death
    write_json(out / RECORD, {"backend": "standard", "why": why})
    return why


def keep(out: Path, backend: Backend) -> None:
    """Call when a step is done: it survived, and from now on there may be checkpoints that only it continues."""
    if backend == "unsloth" and not _read(out)["proven"]:
        write_json(out / RECORD, {"backend": backend, "proven": True})
