"""Which checkpoints of a training are kept, and that there is room for them: the newest two, and the best.

Once it is done, *last* and *best* stay, with a record of which is which; the final weights are the adapter itself.
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

from pipeline.engine.errors import PipelineError, StageFailed, StopRequested
from pipeline.engine.rows import Row, read_json, write_json
from pipeline.training.checkpoints import is_whole, seal, step_of, whole

RECORD = "checkpoints.json"
"""In their folder: {`taken`: the steps of all there ever were, `last`, `best`, `figure`, `value`}."""
NEWEST = 2
"""A checkpoint whose disk went bad leaves the one before it."""
SLACK = 2**25
"""Bytes of a checkpoint beside weights and optimizer: tokenizer, random states, the trainer's own log."""
MEND = "Free some space (python -m pipeline clean shows what is used), then resume: it goes on from there."


@dataclass
class Keeper:
    folder: Path
    begun: int
    """The step that the training goes on from; what was taken later, by an attempt that is gone, does not count."""
    stretches: Sequence[Row] = ()
    """How the steps were trained, which each checkpoint tells."""
    stays: bool = True
    """Whether last and best stay once the training is done; else no best is kept on the way either."""
    size: int = 0
    """Bytes that one takes at most, as far as is known."""
    taken: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        record = self.folder / RECORD
        known = read_json(record)["taken"] if record.exists() else []
        self.taken = [step for step in known if step <= self.begun]

    def expect(self, trainable: int, optimizer: str) -> None:
        """How large one will be, of the number of parameters that are trained; raises StageFailed where those that will
        lie on the disk at a time have no room."""
        moments = 2 if "8bit" in optimizer else 8
        self.size = trainable * (4 + moments) + SLACK
        there = len(list(self.folder.glob("checkpoint-*")))
        self.check_room(max(1, NEWEST + self.stays + 1 - there))

    def check_room(self, copies: int = 1) -> None:
        """Raise StageFailed where the disk has no room for so many more."""
        self.folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.folder).free
        if free < copies * self.size:
            raise StageFailed(
                f"The disk has no room for checkpoints: {megabytes(free)} are free at {self.folder}.",
                f"Up to {copies} more are needed, {megabytes(self.size)} each.",
                MEND,
            )

    def saved(self, checkpoint: Path, rows: Sequence[Row]) -> None:
        """A checkpoint was written: vouch for it, and let go of what it replaces. `rows`: the metrics so far."""
        seal(checkpoint, self.stretches)
        self.size = max(self.size, sum(file.stat().st_size for file in checkpoint.rglob("*") if file.is_file()))
        self.taken.append(step_of(checkpoint))
        self._keep(rows, NEWEST)

    def finish(self, rows: Sequence[Row]) -> None:
        """The training is done: last and best stay, or none."""
        if self.stays:
            self._keep(rows, 1)
            (self.folder / "README.md").unlink(missing_ok=True)  # TRL's form, that nobody has filled in
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _keep(self, rows: Sequence[Row], newest: int) -> None:
        there = whole(self.folder)
        steps = [step_of(path) for path in there]
        found = best(rows, self.taken, steps) if self.stays else None
        record = {"taken": self.taken, "last": steps[-1] if steps else None, **(found or NO_BEST)}
        write_json(self.folder / RECORD, record)  # first, so that it never names one that is gone
        for path in there[:-newest]:
            if step_of(path) != record["best"]:
                shutil.rmtree(path)

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Say so plainly where a disk fills up while a checkpoint is written, and remove what there is of it."""
        try:
            yield
        except (PipelineError, StopRequested):
            raise
        except Exception as error:
            torn = [path for path in self.folder.glob("checkpoint-*") if not is_whole(path)]
            free = shutil.disk_usage(self.folder).free
            if not torn or not (_is_full(error) or free < self.size):
                raise
            for path in torn:
                shutil.rmtree(path, ignore_errors=True)
            whole = sorted(self.folder.glob("checkpoint-*"), key=step_of)
            raise StageFailed(
                f"The disk is full: {torn[0].name} could not be written, which takes {megabytes(self.size)}.",
                f"{error} The newest whole checkpoint is {whole[-1].name if whole else 'none'}.",
                MEND,
            ) from error


NO_BEST: Row = {"best": None, "figure": None, "value": None}


def best(rows: Sequence[Row], taken: Sequence[int], candidates: Collection[int]) -> Row | None:
    """Of the `candidates`, steps of checkpoints, the best: {`best`, `figure`, `value`}. None where nothing tells.

    The least `validation_loss` at a checkpoint's own step; else the greatest mean of `heldout_reward`, else of
    `reward`, over the steps since the checkpoint before it. `taken` are the steps of all checkpoints there were. Of
    equals, the earlier.
    """
    since = dict(zip(sorted(taken), [0, *sorted(taken)], strict=False))
    for name, sign in (("validation_loss", -1), ("heldout_reward", 1), ("reward", 1)):
        values = {}
        for step in sorted(candidates):
            first = step - 1 if name == "validation_loss" else since.get(step, 0)
            found = [row[name] for row in rows if first < row["step"] <= step and row.get(name) is not None]
            if found:
                values[step] = fmean(found)
        if values:
            step = max(values, key=lambda step: sign * values[step])
            return {"best": step, "figure": name, "value": values[step]}
    return None


def _is_full(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        error = error.__cause__ or error.__context__
    return False


def megabytes(count: int) -> str:
    return f"{count / 1e6:,.0f} MB"
