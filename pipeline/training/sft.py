"""Supervised fine-tuning of a LoRA adapter with TRL's SFTTrainer, on examples whose mask is made here and not there."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.engine.rows import Row
from pipeline.engine.stage import Context
from pipeline.training.backend import Backend
from pipeline.training.callbacks import Read, Watcher
from pipeline.training.examples import Example
from pipeline.training.load import Loaded
from pipeline.training.loop import configure, train
from pipeline.training.metrics import Metrics
from pipeline.training.rungs import Lengths
from pipeline.training.settings import TrainerSettings


def train_sft(context: Context, directory: Path, examples: Sequence[Example]) -> tuple[list[Row], Backend]:
    """Train an adapter for the model in `directory`; leaves it in `context.out`. Returns as `loop.train` does."""
    total = steps(context.config, len(examples))

    def build(loaded: Loaded, _: Watcher) -> Any:
        return build_trainer(context, loaded, examples, total)

    tokens = [len(example.input_ids) for example in examples]
    return train(context, directory, build, _reader, total=total, lengths=Lengths(min(tokens), max(tokens)))


def steps(config: TrainerSettings, rows: int) -> int:
    """Optimizer steps: `max_steps`, else what the epochs take. Every epoch's last step may be short."""
    return config.max_steps or math.ceil(config.epochs * math.ceil(rows / config.step_size))


def build_trainer(context: Context, loaded: Loaded, examples: Sequence[Example], total: int) -> Any:
    """TRL's trainer, over token ids and labels that it takes as they are."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

    rows = {
        "input_ids": [example.input_ids for example in examples],
        "labels": [example.labels for example in examples],
    }
    config = configure(
        SFTConfig,
        context,
        total,
        max_length=context.config.max_seq_length,
        packing=False,
        dataset_kwargs={"skip_prepare_dataset": True},
    )
    return SFTTrainer(
        model=loaded.model,
        args=config,
        data_collator=DataCollatorForLanguageModeling(pad_token_id=loaded.tokenizer.pad_token_id),
        train_dataset=Dataset.from_dict(rows),
        processing_class=loaded.tokenizer,
        peft_config=loaded.adapter,
    )


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


NAMES = {
    "loss": "loss",
    "learning_rate": "learning_rate",
    "grad_norm": "grad_norm",
    "epoch": "epoch",
    "entropy": "entropy",
    "mean_token_accuracy": "token_accuracy",
}
"""TRL's name of a metric -> ours."""
