"""One training from its newest whole checkpoint to a finished adapter or model, the same for every trainer."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.engine.artifacts import CHECKPOINTS
from pipeline.engine.errors import ProcessDied, StopRequested
from pipeline.engine.rows import Row, read_json, write_json
from pipeline.engine.stage import Context
from pipeline.training import backend, ladder, ranks
from pipeline.training.backend import RECORD, Backend, choose, guarded
from pipeline.training.bits import no_adamw_8bit
from pipeline.training.callbacks import Read, Watch, Watcher, bridge, see_nothing
from pipeline.training.checkpoints import lengthen, newest_whole, step_of, stretches_of
from pipeline.training.honoured import note_changes
from pipeline.training.keeper import Keeper
from pipeline.training.load import Loaded, compute_dtype, hold_adapter_in_full, load
from pipeline.training.metrics import METRICS, Metrics
from pipeline.training.rungs import Lengths
from pipeline.training.settings import GRPOSettings, LoopSettings
from pipeline.training.trackers import Trackers


def configure(kind: type[Any], context: Context, total: int, **own: Any) -> Any:
    """A config of TRL, of class `kind`: the shared settings, its `own`, and nothing that prints or reports itself."""
    import torch

    config: LoopSettings = context.config
    optimizer: str = config.optimizer
    if optimizer == "adamw_8bit" and (missing := ranks.in_parts() or no_adamw_8bit()):
        context.in_effect("optimizer", optimizer, "adamw_torch", missing)
        optimizer = "adamw_torch"
    made = kind(
        output_dir=str(context.out / CHECKPOINTS),
        max_steps=total,
        per_device_train_batch_size=config.batch_size,
        gradient_accumulation_steps=config.gradient_accumulation // ranks.count(),
        gradient_checkpointing=config.gradient_checkpointing,
        learning_rate=config.learning_rate,
        lr_scheduler_type=config.scheduler if config.scheduler != "constant" else "constant_with_warmup",
        warmup_steps=config.warmup_steps,
        optim=optimizer,
        weight_decay=config.weight_decay,
        max_grad_norm=config.max_grad_norm,
        bf16=compute_dtype() == torch.bfloat16,
        fp16=compute_dtype() == torch.float16,
        seed=config.seed,
        data_seed=config.seed,
        logging_strategy="steps",
        logging_steps=1,
        logging_nan_inf_filter=False,  # it would put the mean of the other losses where there is none
        save_strategy="no",  # the watcher asks for checkpoints, so that none is saved where it would not be exact
        save_total_limit=None,  # and the keeper lets go of them
        report_to="none",  # trackers are given our metrics, by our names
        disable_tqdm=True,
        dataloader_num_workers=0,
        dataloader_pin_memory=torch.cuda.is_available(),
        **(_together() if ranks.count() > 1 else {}),
        **own,
    )
    made._n_gpu = min(made.n_gpu, 1)  # a second GPU would double the batch behind our back
    return made


def _together() -> dict[str, Any]:
    """Settings that matter to several processes alone."""
    import torch

    # An adapter's every weight is used at every step: to look for those that are not costs a walk over the graph.
    return {"use_cpu": not torch.cuda.is_available(), "ddp_find_unused_parameters": False}


@dataclass(frozen=True)
class Pupil:
    """What of a model is trained: how it is brought in, put back and saved."""

    load: Callable[[Context, Path, Backend], Loaded]
    restore: Callable[[Any, Path], None]
    """Put the weights of a checkpoint into the model."""
    save: Callable[[Context, Any, Any], None]
    """Leave the trainer's model in `context.out`, given its weights where they lie in parts on the devices."""


def train(
    context: Context,
    directory: Path,
    build: Callable[[Loaded, Watcher], Any],
    read: Callable[[Metrics], Read],
    *,
    total: int,
    boundary: int = 1,
    lengths: Lengths | None = None,
    watch: Watch = see_nothing,
    validate_every: int = 0,
    pupil: Pupil | None = None,
) -> tuple[list[Row], Backend]:
    """Train the `pupil`, without one an adapter for the model in `directory`, and save it; returns the metrics of every
    step and who trained.

    `build` makes the trainer, `read` its reader of logs, given the metrics so far. `total` optimizer steps; checkpoints
    only at multiples of `boundary`. `lengths`: of the rows, where those too long may be left out. The rest is the
    Watcher's. Raises StopRequested where a stop was asked for, once a checkpoint is saved; FreshProcess where memory
    ran out and there is a rung left; StageFailed where `watch` stops the training.
    """
    ranks.join()
    pupil = pupil or ADAPTER
    who = choose(context)
    checkpoint = ranks.agree(lambda: newest_whole(context.out / CHECKPOINTS))
    begun = step_of(checkpoint) if checkpoint else 0
    trackers = Trackers(context, begun)
    stretches = lengthen(stretches_of(checkpoint), begun, **_manner(context))
    ranks.check_readable(stretches)
    metrics = Metrics(context.out / METRICS if ranks.is_first() else None, begun)
    if len(stretches) > 1:
        context.in_effect("resume", "exact", "within rounding", f"not all steps were trained alike: {stretches}")
    with closing(metrics), closing(trackers), guarded(context, who):
        loaded = pupil.load(context, directory, who)
        _quiet()
        keeper = Keeper(context.out / CHECKPOINTS, begun, stretches, stays=context.config.checkpoints != "none")
        watcher = Watcher(
            context, metrics, read(metrics), who, total=total, boundary=boundary, keeper=keeper, watch=watch,
            validate_every=validate_every, trackers=trackers,
        )  # fmt: skip
        trainer = build(loaded, watcher)
        if ranks.agree(context.stop_requested):
            raise StopRequested
        note_changes(context, trainer.args, who)
        hold_adapter_in_full(trainer.model)
        trained = sum(each.numel() for each in trainer.model.parameters() if each.requires_grad)
        keeper.expect(trained, trainer.args.optim)
        with ladder.guarded(context, total, lambda: watcher.step, lengths), keeper.guarded():
            _fit(trainer, watcher, checkpoint, pupil, done=begun >= total)
    if watcher.stopped:
        raise StopRequested
    _save(context, trainer, pupil)
    if ranks.is_first():
        ladder.leave(context.out, keeper.folder)
        keeper.finish(metrics.rows)
    ranks.wait()
    return metrics.rows, who


def way_on(config: LoopSettings, out: Path, death: ProcessDied) -> str:
    """What a training whose process died does otherwise in the next; see `Stage.way_on`."""
    return ladder.after_death(config, out, death) or backend.after_death(config, out, death)


def _manner(context: Context) -> Row:
    """What decides the rounding of a step, and how many prompts it takes: a checkpoint remembers it."""
    config: LoopSettings = context.config
    manner: Row = {"rung": len(ladder.Ladder.of(context.out).rungs), **ranks.manner()}
    return manner | ({"num_generations": config.num_generations} if isinstance(config, GRPOSettings) else {})


def _quiet() -> None:
    """No progress bars of the libraries: progress goes out as events."""
    import datasets
    import transformers

    datasets.disable_progress_bars()
    transformers.utils.logging.disable_progress_bar()


def _fit(trainer: Any, watcher: Watcher, checkpoint: Path | None, pupil: Pupil, done: bool) -> None:
    from transformers import PrinterCallback

    if done and checkpoint:  # all but the weights was written; the trainer would go on for one more step
        pupil.restore(trainer.model, checkpoint)
        return
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(bridge(watcher))
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)


def _save(context: Context, trainer: Any, pupil: Pupil) -> None:
    """What was trained, and the tokenizer; what only an unfinished training needs goes."""
    # Of a model that lies in parts on the devices every process must help to put the weights together.
    weights = None if ranks.spread() == "whole" else trainer.accelerator.get_state_dict(trainer.model_wrapped)
    if not ranks.is_first():
        return
    pupil.save(context, trainer, weights)
    trainer.processing_class.save_pretrained(context.out)
    for leftover in ("README.md", RECORD):  # PEFT's model card is a form that nobody has filled in
        (context.out / leftover).unlink(missing_ok=True)


def _restore_adapter(model: Any, checkpoint: Path) -> None:
    from peft import load_peft_weights, set_peft_model_state_dict

    set_peft_model_state_dict(model, load_peft_weights(str(checkpoint), device="cpu"))


def _save_adapter(context: Context, trainer: Any, weights: Any) -> None:
    """The adapter as PEFT has it."""
    model = trainer.accelerator.unwrap_model(trainer.model)
    model.save_pretrained(context.out, selected_adapters=["default"], state_dict=weights)
    adapter = read_json(context.out / "adapter_config.json")
    write_json(  # PEFT writes out a set, whose order is another in every process
        context.out / "adapter_config.json", {**adapter, "target_modules": sorted(adapter["target_modules"])}
    )


ADAPTER = Pupil(load, _restore_adapter, _save_adapter)
