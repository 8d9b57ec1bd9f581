"""Supervised fine-tuning of a LoRA adapter with TRL's SFTTrainer, on examples whose mask is made here and not there."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.engine.rows import Row
from pipeline.engine.stage import Context, Finding
from pipeline.training import even
from pipeline.training.backend import Backend
from pipeline.training.callbacks import Read, Watch, Watcher, see_nothing
from pipeline.training.examples import Example
from pipeline.training.honoured import check_labels
from pipeline.training.load import Loaded
from pipeline.training.loop import configure, train
from pipeline.training.metrics import Metrics
from pipeline.training.rungs import Lengths
from pipeline.training.settings import LoopSettings, SFTSettings, TrainerSettings
from pipeline.training.validation import learnt, measuring


def train_sft(
    context: Context,
    directory: Path,
    examples: Sequence[Example],
    validation: Sequence[Example] = (),
    watch: Watch = see_nothing,
) -> tuple[list[Row], Backend]:
    """Train an adapter for the model in `directory`; leaves it in `context.out`. Returns as `loop.train` does.

    The loss of the `validation` examples is measured on the way and at the end.
    """
    config: SFTSettings = context.config
    total = steps(config, len(examples))

    def build(loaded: Loaded, watcher: Watcher) -> Any:
        return build_trainer(context, loaded, examples, validation, total, watcher)

    tokens = [len(example.input_ids) for example in examples]
    every = (config.validate_every or config.save_every) if validation else 0
    return train(
        context, directory, build, _reader, total=total, lengths=Lengths(min(tokens), max(tokens)), watch=watch,
        validate_every=every,
    )  # fmt: skip


def steps(config: TrainerSettings, rows: int) -> int:
    """Optimizer steps: `max_steps`, else what the epochs take. Every epoch's last step may be short."""
    return config.max_steps or math.ceil(config.epochs * an_epoch(config, rows))


def an_epoch(config: LoopSettings, rows: int) -> int:
    """Optimizer steps that an epoch takes."""
    return math.ceil(rows / config.step_size)


def build_trainer(
    context: Context,
    loaded: Loaded,
    examples: Sequence[Example],
    validation: Sequence[Example],
    total: int,
    watcher: Watcher,
) -> Any:
    """TRL's trainer, over token ids and labels that it takes as they are."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

    class Collator(DataCollatorForLanguageModeling):  # type: ignore[misc]
        def torch_call(self, examples: list[Row]) -> Any:
            some = [example for example in examples if not even.is_blank(example)]
            if some and not any(learnt(example["labels"]) for example in some):
                raise watcher.ended_by(ALL_MASKED)
            return super().torch_call(examples)

    def dataset(some: Sequence[Example], blank: int = 0) -> Any:
        rows = [{"input_ids": row.input_ids, "labels": row.labels} for row in some]
        return Dataset.from_list(rows + [even.blank_row(loaded.tokenizer.pad_token_id)] * blank)

    blank = even.blanks(len(examples), context.config.batch_size)
    config = configure(
        SFTConfig,
        context,
        total,
        max_length=context.config.max_seq_length,
        per_device_eval_batch_size=context.config.batch_size,
        packing=False,
        padding_free=False,
        dataset_kwargs={"skip_prepare_dataset": True},
    )
    settings: TrainerSettings = context.config
    blanks = even.blanks(len(validation), config.per_device_eval_batch_size)
    kind = measuring(SFTTrainer, [row.labels for row in validation], blanks)
    trainer = even.ordered(kind, len(examples), blank, an_epoch(settings, len(examples)), settings.seed)(
        model=loaded.model,
        args=config,
        data_collator=Collator(pad_token_id=loaded.tokenizer.pad_token_id),
        train_dataset=dataset(examples, blank),
        eval_dataset=dataset(validation, blanks) if validation else None,
        processing_class=loaded.tokenizer,
        peft_config=loaded.adapter,
    )
    check_labels(trainer, examples, blank)
    return trainer


def _reader(metrics: Metrics) -> Read:
    before = tokens = metrics.last("tokens")  # TRL counts from zero when it resumes

    def read(watcher: Watcher, logs: Mapping[str, Any]) -> Row:
        nonlocal tokens
        row = {ours: logs[theirs] for theirs, ours in NAMES.items() if theirs in logs}
        if "num_tokens" in logs:
            added = before + int(logs["num_tokens"]) - tokens
            tokens += added
            row |= {"tokens": tokens, "tokens_per_second": added / watcher.seconds}
        return {**row, "step_time": watcher.seconds}

    return read


ALL_MASKED = Finding(
    "fault",
    "Every label of a batch is masked: there is nothing to learn from it.",
    "Look at the examples in the plan, whose loss stands between ⟦ and ⟧: each must have an answer.",
    {"rule": "all_masked"},
)

NAMES = {
    "loss": "loss",
    "learning_rate": "learning_rate",
    "grad_norm": "grad_norm",
    "epoch": "epoch",
    "entropy": "entropy",
    "mean_token_accuracy": "token_accuracy",
}
"""TRL's name of a metric -> ours."""
