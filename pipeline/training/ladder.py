"""The ladder: where memory runs out, a training comes down one rung and goes on from its newest whole checkpoint.

What is reduced stands beside the unfinished adapter, and the step goes on in a fresh process, since what a failed step
held does not come back in the old one.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil

from pipeline.engine.errors import FreshProcess, PipelineError, ProcessDied, StageFailed, StopRequested
from pipeline.engine.rows import Row, read_json, write_json
from pipeline.engine.stage import Context
from pipeline.training.metrics import METRICS
from pipeline.training.rungs import Lengths, Rung, next_rung
from pipeline.training.settings import LoopSettings

RECORD = "ladder.json"
"""Beside an unfinished adapter, from before its first step: what is below holds from the next attempt on."""
SIGNS = (
    "out of memory",  # CUDA's own, and what bitsandbytes prints
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "can't allocate memory",  # torch's allocator on a CPU
    "not enough memory: you tried to allocate",  # the same on Windows
)


@dataclass(frozen=True)
class Ladder:
    """Where a training stands."""

    steps: int = 0
    """Optimizer steps of the whole training, which no rung changes."""
    rungs: tuple[Rung, ...] = ()
    lengths: Lengths | None = None
    """Of the rows at this height, where some may be left out."""
    settings: Row = field(default_factory=dict)
    """In effect at this height."""

    @classmethod
    def of(cls, out: Path) -> Ladder:
        """As it stands beside an unfinished adapter."""
        if not (out / RECORD).exists():
            return cls()
        row = read_json(out / RECORD)
        lengths = Lengths(**row["lengths"]) if row["lengths"] else None
        return cls(row["steps"], tuple(map(Rung.from_row, row["rungs"])), lengths, row["settings"])

    def write(self, out: Path) -> None:
        write_json(out / RECORD, {**asdict(self), "rungs": [rung.to_row() for rung in self.rungs]})

    def down(self, out: Path, rung: Rung) -> None:
        """Take one more rung, and write it down."""
        replace(self, rungs=(*self.rungs, rung)).write(out)

    def changes(self) -> dict[str, tuple[Any, Any]]:
        """Setting -> (asked, in effect)."""
        found: dict[str, tuple[Any, Any]] = {}
        for rung in self.rungs:
            for setting, (before, after) in rung.changes.items():
                found[setting] = (found[setting][0] if setting in found else before, after)
        return found


def stand(context: Context) -> Context:
    """The context with the settings in effect on the rung that the training has come down to; says what they are."""
    ladder = Ladder.of(context.out)
    if not ladder.rungs:
        return context
    for setting, (asked, value) in ladder.changes().items():
        last = next(rung for rung in reversed(ladder.rungs) if setting in rung.changes)
        asked = context.effective.get(setting, {}).get("asked", asked)
        context.in_effect(setting, asked, value, f"memory ran out in step {last.step}: {last.why}")
    values = {setting: value for setting, (_, value) in ladder.changes().items()} | {"max_steps": ladder.steps}
    config = context.config
    return replace(context, config=type(config).model_validate({**config.model_dump(), **values}))


def leave(out: Path, checkpoints: Path) -> None:
    """The training is done: its rungs, if any, go with the checkpoints that one may go on from."""
    if Ladder.of(out).rungs and checkpoints.exists():
        (out / RECORD).replace(checkpoints / RECORD)
    (out / RECORD).unlink(missing_ok=True)


@contextmanager
def guarded(
    context: Context,
    steps: int,
    step: Callable[[], int],
    lengths: Lengths | None = None,
    never: Collection[str] = (),
) -> Iterator[None]:
    """Turn memory that runs out into the next rung: it is recorded, and FreshProcess raised.

    `context` stands where the training does; `steps` is the whole training's number, `step()` the present one. Raises
    StageFailed, with the rungs that were tried, where there is none left.
    """
    # Made before anything fails: of several processes that do so at once, each writes the same.
    ladder = Ladder(steps, Ladder.of(context.out).rungs, lengths, context.config.model_dump(mode="json"))
    ladder.write(context.out)
    try:
        yield
    except (PipelineError, StopRequested):
        raise
    except Exception as error:
        if not ran_out(error):
            raise
        why = evidence(error)
        rung = next_rung(context.config, ladder.rungs, lengths, never)
        if rung is None:
            tried = "; ".join(map(str, ladder.rungs)) or "none, since none was left"
            raise StageFailed(
                f"Memory ran out in step {step()}, and there is no smaller way to train.",
                f"{why} Tried: {tried}.",
                "Use a smaller model, a smaller lora_r or shorter sequences: `python -m pipeline plan` estimates them.",
            ) from error
        ladder.down(context.out, replace(rung, step=step(), why=why))
        raise FreshProcess(
            f"Memory ran out in step {step()}: {rung}.",
            why,
            "Resume the run: it goes on with these settings from its newest checkpoint.",
        ) from error


def after_death(config: LoopSettings, out: Path, death: ProcessDied) -> str:
    """The next rung, for a process whose last words were of memory: bitsandbytes ends it where CUDA has no more."""
    words = next((line.strip() for line in death.why.splitlines() if SIGNS[0] in line), "")
    ladder = Ladder.of(out)
    if not words or not ladder.steps:
        return ""
    rung = next_rung(type(config).model_validate(ladder.settings), ladder.rungs, ladder.lengths)
    if rung is None:
        return ""
    step = 1 + (out / METRICS).read_bytes().count(b"\n")
    ladder.down(out, replace(rung, step=step, why=words))
    return f"Memory ran out in step {step}, and the process ended ({words}): {rung}."


def ran_out(error: BaseException | None) -> bool:
    """Whether an error, or one that it came from, is a lack of memory: of a GPU, of bitsandbytes or of the host."""
    import torch

    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, torch.OutOfMemoryError | MemoryError):
            return True
        if isinstance(error, OSError) and error.errno == errno.ENOMEM:
            return True
        if isinstance(error, RuntimeError) and any(sign in str(error) for sign in SIGNS):
            return True
        error = error.__cause__ or error.__context__
    return False


def evidence(error: BaseException) -> str:
    """What ran out, in the library's own words, and the most that was held."""
    import torch

    words = (str(error).strip().splitlines() or [""])[0]
    text = f"{type(error).__name__}: {words}" if words else f"{type(error).__name__}."
    if torch.cuda.is_available():
        peak, total = torch.cuda.max_memory_allocated(), torch.cuda.get_device_properties(0).total_memory
        return f"{text} At most {peak / 1e9:.2f} GB of the GPU's {total / 1e9:.2f} were held."
    return f"{text} The process held {psutil.Process().memory_info().rss / 1e9:.2f} GB."
