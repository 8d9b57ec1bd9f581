"""Who trains, Unsloth or Hugging Face with PEFT, and the way back from an Unsloth that fails.

Unsloth alters TRL and transformers as it is imported, so what follows its failure needs a process of its own.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from pipeline.engine.errors import FreshProcess, MissingDependency, PipelineError, StageFailed, StopRequested
from pipeline.engine.rows import read_json, write_json
from pipeline.engine.stage import Context

Backend = Literal["unsloth", "standard"]
RECORD = "backend.json"
"""Written beside an unfinished adapter: a resumed run goes on with the backend that it began with."""


def unsloth_installed() -> bool:
    return "unsloth" in sys.modules or importlib.util.find_spec("unsloth") is not None


def libraries_for(backend: str) -> str:
    """The word for the libraries that a step imports: steps with the same one may share a process."""
    return "unsloth" if backend != "standard" and unsloth_installed() else "torch"


def choose(context: Context) -> Backend:
    """The backend to use. Raises MissingDependency where Unsloth is asked for and not installed."""
    asked: str = context.config.backend
    if asked == "standard":
        return "standard"
    if asked == "unsloth":
        if not unsloth_installed():
            raise MissingDependency.of_extra("unsloth", "unsloth")
        return "unsloth"
    record = context.out / RECORD
    if record.exists():
        found = read_json(record)
    elif unsloth_installed():
        return "unsloth"
    else:
        found = {"backend": "standard", "why": "Unsloth is not installed"}
        write_json(record, found)
    if found["backend"] == "standard":
        context.in_effect("backend", asked, "standard", found["why"])
        return "standard"
    return "unsloth"


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
        if backend == "standard" or (context.out / RECORD).exists():
            raise
        why = f"Unsloth failed before its first step was done: {type(error).__name__}: {error}"
        if context.config.backend == "unsloth":
            raise StageFailed(why, "", "Train with Hugging Face and PEFT: set backend = standard.") from error
        write_json(context.out / RECORD, {"backend": "standard", "why": why})
        raise FreshProcess(
            why,
            "What it changed in the other libraries stays until the process ends.",
            "Resume the run: it goes on with Hugging Face and PEFT.",
        ) from error


def keep(out: Path, backend: Backend) -> None:
    """Call when a step is done: it survived, and from now on there may be checkpoints that only it continues."""
    if not (out / RECORD).exists():
        write_json(out / RECORD, {"backend": backend})
