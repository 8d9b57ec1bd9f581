"""Full fine-tuning of a causal language model, or its training from nothing, with transformers' Trainer.

The rows are token ids and a loss mask that the stage hands over; every weight is held in 32 bits and learns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Literal, Protocol

from pydantic import Field

from pipeline.engine.rows import Row
from pipeline.engine.settings import aside
from pipeline.engine.stage import Context
from pipeline.training import even
from pipeline.training.callbacks import Read, Watch, Watcher, see_nothing
from pipeline.training.examples import IGNORED
from pipeline.training.load import Loaded
from pipeline.training.loop import Pupil, configure, train
from pipeline.training.metrics import Metrics
from pipeline.training.settings import LoopSettings
from pipeline.training.sft import an_epoch
from pipeline.training.validation import measuring

SMOOTH = 10
"""Steps that the mean losses beside an evaluation are taken over, the first ones and the last."""
BETAS = (0.9, 0.95)
"""Of AdamW's two moments, as GPT-2 and GPT-3 were trained."""


class CausalSettings(LoopSettings):
    """What a training of every weight has of its own."""

    backend: Literal["standard"] = aside("standard")
    """Who trains: Hugging Face."""
    scheduler: Literal["linear", "cosine", "constant"] = "cosine"
    """How the learning rate falls after the warm-up."""
    dropout: float = Field(0.0, ge=0, lt=1)
    """Share of activations that is dropped while training; for advice, since the model has it."""
    validate_every: int = aside(0, ge=0)
    """Optimizer steps between measurements of the validation loss; 0: none."""
    parameters: int = aside(0)
    """Of the model, for advice."""


class Rows(Protocol):
    """What is learnt from, row by row, read when it is needed."""

    def __len__(self) -> int: ...

    def __getitem__(self, row: int, /) -> tuple[Any, Any]:
        """(token ids, the mask: 1 where a token is learnt), both of shape (length,)."""
        ...


@dataclass(frozen=True)
class Lesson:
    """What a training is given beside its settings."""

    rows: Rows
    validation: Rows
    order: Callable[[int], Iterable[int]]
    """Epoch, counted from 0 -> the rows as it takes them."""
    load: Callable[[], Loaded]
    """The model in 32 bits, and its tokenizer."""
    finish: Callable[[Any], None]
    """Called with the model before it is saved."""
    examine: Callable[[Any, Row], Row] | None = None
    """Of the model in training and a step's metrics -> the same with what is found out beside the validation loss."""
    beside: Callable[[int], Row] = lambda _: {}
    """Step -> fields that its metrics have beside the measured ones."""


def train_causal(context: Context, lesson: Lesson, watch: Watch = see_nothing) -> list[Row]:
    """Train as `context.config` says and leave the model in `context.out`. Returns the metrics of every step."""
    config: CausalSettings = context.config

    def build(loaded: Loaded, watcher: Watcher) -> Any:
        trainer = build_trainer(context, loaded, lesson)
        if examine := lesson.examine:
            watcher.examine = lambda row: examine(trainer.accelerator.unwrap_model(trainer.model), row)
        return trainer

    def read(metrics: Metrics) -> Read:
        return _reader(metrics, lesson.beside)

    pupil = Pupil(
        lambda *_: lesson.load(),
        _restore,
        _saving(lesson.finish),
    )
    every = config.validate_every if len(lesson.validation) else 0
    rows, _ = train(
        context, Path(), build, read, total=config.max_steps, watch=watch, validate_every=every, pupil=pupil
    )
    return rows


def build_trainer(context: Context, loaded: Loaded, lesson: Lesson) -> Any:
    """transformers' Trainer over the lesson's rows: loss = sum(ce x mask) / sum(mask) over the whole effective batch,
    those of all devices included."""
    import torch
    from transformers import Trainer, TrainingArguments

    config: CausalSettings = context.config
    pad = int(loaded.tokenizer.pad_token_id)
    count, blank = len(lesson.rows), even.blanks(len(lesson.rows), config.batch_size)
    blanks = even.blanks(len(lesson.validation), config.batch_size)

    class Causal(Trainer):  # type: ignore[misc]
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.tokens: Any = 0
            self.learnt: Any = 0

        def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Any:
            lengths = inputs["attention_mask"].sum(1)
            self.tokens = self.tokens + (lengths * (lengths > 1)).sum()  # a blank row has one, and is no data
            self.learnt = self.learnt + (inputs["labels"] != IGNORED).sum()
            return super().training_step(model, inputs, num_items_in_batch)

        def log(self, logs: dict[str, float], *args: Any, **options: Any) -> None:
            if "loss" in logs and not isinstance(self.tokens, int):
                counts = self.accelerator.reduce(torch.stack([self.tokens, self.learnt]), "sum").tolist()
                logs = {**logs, "tokens": counts[0], "loss_tokens": counts[1]}
                self.tokens = self.learnt = 0
            super().log(logs, *args, **options)

    arguments = configure(
        TrainingArguments,
        context,
        config.max_steps,
        adam_beta1=BETAS[0],
        adam_beta2=BETAS[1],
        per_device_eval_batch_size=config.batch_size,
        remove_unused_columns=False,
        prediction_loss_only=True,
        label_names=["labels"],
    )
    labels = [_labels(lesson.validation[row][0], lesson.validation[row][1]) for row in range(len(lesson.validation))]
    kind = measuring(Causal, labels, blanks)
    trainer = even.ordered(kind, count, blank, an_epoch(config, count), config.seed, lesson.order)(
        model=loaded.model,
        args=arguments,
        data_collator=lambda rows: _pad(rows, pad),
        train_dataset=_dataset(lesson.rows, blank, pad),
        eval_dataset=_dataset(lesson.validation, blanks, pad) if len(lesson.validation) else None,
        processing_class=loaded.tokenizer,
    )
    trainer.model_accepts_loss_kwargs = True  # what makes the loss one of the whole effective batch
    return trainer


def _dataset(rows: Rows, blank: int, pad: int) -> Any:
    from torch.utils.data import Dataset

    class Padded(Dataset):  # type: ignore[misc]
        """The rows, and behind them blank ones that nothing is learnt from."""

        def __len__(self) -> int:
            return len(rows) + blank

        def __getitem__(self, row: int) -> tuple[Sequence[int], Sequence[int]]:
            if row >= len(rows):
                return [pad], [IGNORED]
            tokens, mask = rows[row]
            return tokens, _labels(tokens, mask)

    return Padded()


def _labels(tokens: Any, mask: Any) -> list[int]:
    """The tokens that are learnt, IGNORED elsewhere; the first of a row has nothing before it that foretells it."""
    labels = [int(token) if kept else IGNORED for token, kept in zip(tokens, mask, strict=True)]
    return [IGNORED, *labels[1:]]


def _pad(rows: Sequence[tuple[Sequence[int], Sequence[int]]], pad: int) -> Mapping[str, Any]:
    """Tensors of shape (rows, longest row), padded behind."""
    import torch

    width = max(len(tokens) for tokens, _ in rows)
    shape = (len(rows), width)
    ids, labels = torch.full(shape, pad), torch.full(shape, IGNORED)
    attention = torch.zeros(shape, dtype=torch.long)
    for place, (tokens, wanted) in enumerate(rows):
        ids[place, : len(tokens)] = torch.tensor([int(token) for token in tokens])
        labels[place, : len(tokens)] = torch.tensor(wanted)
        attention[place, : len(tokens)] = 1
    return {"input_ids": ids, "attention_mask": attention, "labels": labels}


def _reader(metrics: Metrics, beside: Callable[[int], Row]) -> Read:
    tokens = metrics.last("tokens")

    def read(watcher: Watcher, logs: Mapping[str, Any]) -> Row:
        nonlocal tokens
        tokens += int(logs["tokens"])
        row = {name: logs[name] for name in ("loss", "learning_rate", "grad_norm", "epoch", "loss_tokens")}
        speed = int(logs["tokens"]) / watcher.seconds
        timing = {"tokens": tokens, "tokens_per_second": speed, "step_time": watcher.seconds}
        row |= timing | beside(watcher.step)
        if watcher.validates(watcher.step):
            losses = [*(known["loss"] for known in metrics.rows), row["loss"]]
            told = [loss for loss in losses if loss is not None]
            row |= {"loss_first": fmean(told[:SMOOTH]), "loss_mean": fmean(told[-SMOOTH:])}
        return row

    return read


def _restore(model: Any, checkpoint: Path) -> None:
    from safetensors.torch import load_model

    load_model(model, str(checkpoint / "model.safetensors"), device="cpu")


def _saving(finish: Callable[[Any], None]) -> Callable[[Context, Any, Any], None]:
    def save(context: Context, trainer: Any, weights: Any) -> None:
        model = trainer.accelerator.unwrap_model(trainer.model)
        finish(model)
        model.save_pretrained(context.out, state_dict=weights)

    return save
