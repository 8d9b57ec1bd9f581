"""What a trainer tells while it trains, as events; and what it is told: when to save, when to stop.

Everything happens once a step, over numbers that the trainer has already brought to the host.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.engine.errors import StageFailed
from pipeline.engine.rows import Row
from pipeline.engine.stage import Context, Finding
from pipeline.training import backend, ranks
from pipeline.training.checkpoints import newest_before
from pipeline.training.keeper import Keeper
from pipeline.training.metrics import Metrics
from pipeline.training.trackers import Trackers

Read = Callable[["Watcher", Mapping[str, Any]], Row]
"""(the watcher at the end of a step, the trainer's own log of it) -> our metrics of the step."""
Watch = Callable[[Row], Sequence[Finding]]
"""The metrics of each step in turn, those before a resume included -> what there is to say; a fault stops the training,
and its `data` may name the step `since` which there is trouble."""


def see_nothing(_: Row) -> Sequence[Finding]:
    return ()


class Watcher:
    """Follows one training, whatever its trainer: metrics as events and in the file, checkpoints in time, a stop."""

    def __init__(
        self,
        context: Context,
        metrics: Metrics,
        read: Read,
        who: backend.Backend,
        *,
        total: int,
        boundary: int = 1,
        keeper: Keeper,
        watch: Watch = see_nothing,
        validate_every: int = 0,
        trackers: Trackers,
    ) -> None:
        """`total` optimizer steps; only at multiples of `boundary` is all that goes on in a checkpoint.

        Where there are validation rows, their loss is measured every `validate_every` steps and after the last one.
        """
        self._context, self._metrics, self._read, self._who = context, metrics, read, who
        self._total, self._boundary, self._keeper = total, boundary, keeper
        self._watch, self._validate_every = watch, validate_every
        self.trackers = trackers
        self._unvalidated: Row = {}
        self.examine: Callable[[Row], Row] = dict
        """Of the metrics of a step whose validation loss is measured -> the same with what else is found out then; what
        lies under `answers` is for the watch alone."""
        for row in metrics.rows:  # so that nothing is told again, and a row of bad steps goes on
            watch(row)
        asked: int = context.config.save_every
        self._save_every = math.lcm(asked, boundary)
        if self._save_every != asked:
            why = f"a checkpoint is exact only after every {boundary} steps, when new completions are drawn"
            context.in_effect("save_every", asked, self._save_every, why)
        self.step = 0
        """The present step, from 1."""
        self.began = 0.0
        """When it began, by time.perf_counter."""
        self.resumed = 0.0
        """When its present micro-batch began; in GRPO that is where completions are drawn."""
        self.seconds = 0.0
        """How long it took, once it is over."""
        self.skipped = False
        """Whether the loss scaler of 16-bit floats left it out: until it has found its scale, gradients overflow."""
        self.stopped = False
        """Whether the training was ended by a request to stop, with a checkpoint."""

    @property
    def saved_before(self) -> int | None:
        """Where a save is due after the present step, the last included: after which step the one before it was, 0
        before the first. One that a request to stop brings about is none of these, so that it changes no metrics."""
        due = self.step >= self._total or self.step % self._save_every == 0
        return (self.step - 1) // self._save_every * self._save_every if due else None

    def training_began(self, step: int) -> None:
        self._context.emit.progress(step, self._total, "steps")

    def step_began(self, step: int) -> None:
        self.step = step
        self.began = self.resumed = time.perf_counter()

    def micro_batch_ended(self) -> None:
        self.resumed = time.perf_counter()

    def step_ended(self, step: int) -> tuple[bool, bool]:
        """(whether to save a checkpoint, whether to stop) now; after the last step there is nothing to stop.

        Raises StageFailed where the disk has no room for the checkpoint.
        """
        self.seconds = time.perf_counter() - self.began
        if ranks.is_first():
            backend.keep(self._context.out, self._who)
        if step % self._boundary:
            return False, False
        last = step + self._boundary > self._total
        self.stopped = step < self._total and ranks.agree(self._context.stop_requested)
        save = self.stopped or step % self._save_every == 0 or (last and self._keeper.stays)
        if save:
            self._keeper.check_room()
        return save, self.stopped

    def saved(self, checkpoint: Path) -> None:
        ranks.wait()  # the random state of every process is in it, too
        if ranks.is_first():
            self._keeper.saved(checkpoint, self._metrics.rows)
        ranks.wait()  # a stop ends those that have nothing to write

    def validates(self, step: int) -> bool:
        """Whether the loss of the validation rows is measured after this step, whatever a request to stop does."""
        return self._validate_every > 0 and (step % self._validate_every == 0 or step >= self._total)

    def logged(self, step: int, logs: Mapping[str, Any]) -> None:
        row = {"step": step, **self._read(self, logs), **gpu_peak()}
        if self.skipped:
            row = {name: value for name, value in row.items() if name != "grad_norm"} | {"skipped": 1}
        if self.validates(step):
            self._unvalidated = row
        else:
            self._tell(row)

    def validated(self, loss: float) -> None:
        self._tell(self.examine({**self._unvalidated, "validation_loss": loss}))

    def _tell(self, found: Row) -> None:
        """The metrics of a step to all who want them. Raises StageFailed where a rule stops the training, which is
        before anything of this step is saved."""
        row = {name: value for name, value in found.items() if name != "answers"}
        self._metrics.write(row)
        self._context.emit.metric(**row)
        self._context.emit.progress(row["step"], self._total, "steps")
        self.trackers.write(row)
        findings = self._watch(found) if ranks.is_first() else []  # it alone knows the steps before a resumption
        for finding in findings:
            level = "error" if finding.level == "fault" else finding.level
            self._context.emit.alert(f"{finding.text} {finding.mend}".strip(), level, **finding.data)
        for finding in findings:
            if finding.level == "fault":
                raise self.ended_by(finding)

    def ended_by(self, finding: Finding) -> StageFailed:
        """The error for a training that this finding stops; it names the newest checkpoint from before the trouble."""
        before = newest_before(self._keeper.folder, finding.data.get("since", self.step))
        why = (
            f"The newest checkpoint from before it: {before}."
            if before
            else "No checkpoint from before it is there: it came too early, or they were replaced by newer ones."
        )
        return StageFailed(finding.text, why, finding.mend)


def bridge(watcher: Watcher) -> Any:
    """The watcher as a callback of transformers' Trainer."""
    from transformers import TrainerCallback

    class Bridge(TrainerCallback):  # type: ignore[misc]
        def on_train_begin(self, args: Any, state: Any, control: Any, **kept: Any) -> None:
            lay_rate(kept["optimizer"], kept["lr_scheduler"])
            watcher.training_began(state.global_step)
            watcher.trackers.begin(args, state, control, kept["model"])

        def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
            watcher.step_began(state.global_step + 1)

        def on_substep_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
            watcher.micro_batch_ended()

        def on_step_end(self, args: Any, state: Any, control: Any, optimizer: Any = None, **_: Any) -> None:  # noqa: ARG002
            watcher.skipped = getattr(optimizer, "step_was_skipped", False)
            save, stop = watcher.step_ended(state.global_step)
            control.should_save = control.should_save or save
            control.should_evaluate = watcher.validates(state.global_step)
            control.should_training_stop = control.should_training_stop or stop

        def on_log(self, args: Any, state: Any, control: Any, logs: Any, **_: Any) -> None:  # noqa: ARG002
            if "loss" in logs:  # the last log of all sums up the training instead
                watcher.logged(state.global_step, logs)

        def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any, **_: Any) -> None:  # noqa: ARG002
            watcher.validated(metrics["eval_loss"])

        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
            watcher.saved(Path(args.output_dir) / f"checkpoint-{state.global_step}")

    return Bridge()


def lay_rate(optimizer: Any, scheduler: Any) -> None:
    """The learning rate of the present step by the schedule over all steps: a checkpoint brings that of the schedule
    that it was made under, which ended where an extended training goes on. The same number wherever it did not change.
    """
    if hasattr(scheduler, "lr_lambdas"):  # DeepSpeed brings one of its own
        rates = [
            rate * share(scheduler.last_epoch)
            for rate, share in zip(scheduler.base_lrs, scheduler.lr_lambdas, strict=True)
        ]
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        scheduler._last_lr = rates


def gpu_peak() -> Row:
    """The most memory that tensors have held on the GPU since the last call, in bytes; nothing without one."""
    import torch

    if not torch.cuda.is_available():
        return {}
    peak = torch.cuda.max_memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    return {"memory_gpu": peak}
