"""TensorBoard, Weights & Biases and trackio beside our own events: transformers' callbacks, fed with our metrics.

Theirs would see only what the trainer logs, by its own names: no score of a dimension, no split of time.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.engine.errors import MissingDependency, PipelineError, StageFailed
from pipeline.engine.rows import Row
from pipeline.engine.stage import Context, Finding
from pipeline.training import ranks

PROJECT = "training-cockpit"
"""The project of runs at W&B and trackio, unless WANDB_PROJECT or TRACKIO_PROJECT names another."""


def find_missing(names: Sequence[str]) -> list[Finding]:
    """A fault for each tracker whose package is not installed."""
    return [
        Finding("fault", f"report_to: {name} is not installed.", f"Install it with: pip install {name}")
        for name in names
        if importlib.util.find_spec(name) is None
    ]


class Trackers:
    """Those that `report_to` names. Their files lie in the run's directory: they are no part of the artifact."""

    def __init__(self, context: Context, done: int) -> None:
        """`done`: steps that are told already. Raises MissingDependency."""
        self._context, self._done = context, done
        self._callbacks: list[Any] = []
        self._seen: tuple[Any, ...] = ()
        for missing in find_missing(context.config.report_to):
            raise MissingDependency(missing.text, "", missing.mend)

    def begin(self, args: Any, state: Any, control: Any, model: Any) -> None:
        """Call when the training begins, with what the trainer hands to a callback. Raises StageFailed."""
        self._seen = (args, state, control)
        for name in self._context.config.report_to if ranks.is_first() else ():
            folder = self._context.root / "data" / "runs" / self._context.run / name / self._context.step
            try:
                self._callbacks.append(self._open(name, folder))
                self._callbacks[-1].on_train_begin(*self._seen, model=model)
            except PipelineError:
                raise
            except Exception as error:
                raise StageFailed(
                    f"{name} cannot be reported to.",
                    f"{type(error).__name__}: {error}",
                    f"Log in to it, or take it out of report_to.{OFFLINE.get(name, '')}",
                ) from error

    def _open(self, name: str, folder: Path) -> Any:
        title = f"{self._context.run}/{self._context.step}"
        if name == "tensorboard":
            from torch.utils.tensorboard import SummaryWriter
            from transformers.integrations import TensorBoardCallback

            # What an earlier attempt told of steps that are trained again must not be shown twice.
            return TensorBoardCallback(SummaryWriter(str(folder), purge_step=self._done + 1))
        if name == "wandb":
            import wandb
            from transformers.integrations import WandbCallback

            folder.mkdir(parents=True, exist_ok=True)
            wandb.init(
                project=os.environ.get("WANDB_PROJECT", PROJECT),
                name=title,
                id=title.replace("/", "-"),
                resume="allow",
                dir=str(folder),
            )
            return WandbCallback()
        # Read once, when it is imported: the steps of a run that share a process share this folder.
        os.environ.setdefault("TRACKIO_DIR", str(folder.parent))
        from transformers.integrations import TrackioCallback

        self._seen[0].run_name, self._seen[0].project = title, os.environ.get("TRACKIO_PROJECT", PROJECT)
        return TrackioCallback()

    def write(self, row: Row) -> None:
        """The metrics of a step."""
        known = {name: value for name, value in row.items() if name != "step" and value is not None}
        for callback in self._callbacks:
            callback.on_log(*self._seen, logs=known)

    def close(self) -> None:
        for callback in self._callbacks:
            callback.on_train_end(*self._seen)
        if self._callbacks and "wandb" in self._context.config.report_to:
            import wandb

            wandb.finish()  # the process may go on to another step, which is another run there
        self._callbacks = []


OFFLINE = {"wandb": " Without a network: WANDB_MODE=offline in the environment."}
