"""What a trainer took over otherwise than asked: Unsloth rewrites TRL's classes as it is imported, their defaults and
some settings with them, and says so in a line of print at most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipeline.engine.stage import Context
from pipeline.training import ranks
from pipeline.training.examples import Example

ARGUMENTS = {
    "batch_size": "per_device_train_batch_size",
    "gradient_accumulation": "gradient_accumulation_steps",
    "gradient_checkpointing": "gradient_checkpointing",
    "learning_rate": "learning_rate",
    "warmup_steps": "warmup_steps",
    "optimizer": "optim",
    "weight_decay": "weight_decay",
    "max_grad_norm": "max_grad_norm",
    "num_generations": "num_generations",
    "max_completion_length": "max_completion_length",
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "beta": "beta",
    "num_iterations": "num_iterations",
    "epsilon": "epsilon",
    "epsilon_high": "epsilon_high",
    "loss_type": "loss_type",
    "scale_rewards": "scale_rewards",
    "mask_truncated": "mask_truncated_completions",
}
"""Our setting -> TRL's argument."""
SAME = {"adamw_torch_fused": "adamw_torch"}
"""TRL's value -> ours that means the same: the fused AdamW is the same arithmetic in one kernel."""


def note_changes(context: Context, arguments: Any, who: str) -> None:
    """A note in `made.json` for each setting that stands otherwise in the trainer's arguments, whoever changed it."""
    for setting, argument in ARGUMENTS.items():
        if setting not in type(context.config).model_fields:
            continue
        asked = getattr(context.config, setting)
        known = context.effective.get(setting, {}).get("in_effect", asked)
        found = getattr(arguments, argument, known)
        found = getattr(found, "value", found)
        if setting == "gradient_accumulation":
            found *= ranks.count()  # each process takes its share
        if SAME.get(found, found) != known:
            context.in_effect(setting, asked, SAME.get(found, found), f"the {who} backend set it so")


def check_labels(trainer: Any, examples: Sequence[Example], blank: int = 0) -> None:
    """Raises ArithmeticError where the trainer would learn other tokens than the examples say, and `blank` rows behind
    them."""
    places = [place for place, row in enumerate(examples) if max(row.labels) >= 0][:2]
    first = [{"input_ids": list(examples[at].input_ids), "labels": list(examples[at].labels)} for at in places]
    taken = [trainer.train_dataset[place] for place in places]
    batch = trainer.data_collator([dict(row) for row in taken])["labels"].tolist() if taken else []
    for row, kept, labels in zip(first, taken, batch, strict=True):
        padded = row["labels"] + [-100] * (len(labels) - len(row["labels"]))
        if list(kept["input_ids"]) != row["input_ids"] or labels != padded:
            raise ArithmeticError("the trainer's batch has other labels than the examples")
    if len(trainer.train_dataset) != len(examples) + blank:
        raise ArithmeticError(f"the trainer has {len(trainer.train_dataset)} of {len(examples) + blank} rows")
