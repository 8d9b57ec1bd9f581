from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.stages import grpo, sft
from pipeline.training.examples import Example
from pipeline.training.honoured import ARGUMENTS, check_labels, note_changes
from tests.training.rig import Recorder, context_of

torch = pytest.importorskip("torch")
EXAMPLES = [Example("a", [1, 2, 3], [-100, 2, 3], True), Example("b", [4, 5], [-100, 5], True)]


def arguments(config: Any, **changed: Any) -> SimpleNamespace:
    """TRL's arguments as asked, but for those `changed`."""
    asked = {argument: getattr(config, ours) for ours, argument in ARGUMENTS.items() if hasattr(config, ours)}
    return SimpleNamespace(**{**asked, **changed})


def test_what_the_trainer_changed_is_told(tmp_path: Path) -> None:
    config = grpo.Config(optimizer="adamw_torch", loss_type="dr_grpo")
    context = context_of(config, {}, tmp_path / "out", recorder := Recorder())
    changed = arguments(config, optim="adamw_torch_fused", scale_rewards=False, per_device_train_batch_size=4)
    note_changes(context, changed, "unsloth")
    assert {name: note["in_effect"] for name, note in context.effective.items()} == {
        "batch_size": 4,
        "scale_rewards": False,
    }
    assert "unsloth backend set it so" in recorder.of("alert")[0]["text"]


def test_what_was_told_before_is_not_told_again(tmp_path: Path) -> None:
    config = sft.Config(optimizer="adamw_8bit")
    context = context_of(config, {}, tmp_path / "out", recorder := Recorder())
    context.in_effect("optimizer", "adamw_8bit", "adamw_torch", "bitsandbytes is not installed")
    note_changes(context, arguments(config, optim="adamw_torch"), "standard")
    assert len(recorder.of("alert")) == 1
    note_changes(context, arguments(config, optim="adafactor"), "standard")
    assert context.effective["optimizer"] == {
        "asked": "adamw_8bit", "in_effect": "adafactor", "why": "the standard backend set it so",
    }  # fmt: skip


def trainer(rows: list[dict[str, Any]], pad_label: int = -100) -> SimpleNamespace:
    def collate(batch: list[dict[str, Any]]) -> dict[str, Any]:
        width = max(len(row["labels"]) for row in batch)
        padded = [row["labels"] + [pad_label] * (width - len(row["labels"])) for row in batch]
        return {"labels": torch.tensor(padded)}

    return SimpleNamespace(train_dataset=rows, data_collator=collate)


def test_labels_that_arrive_as_made_pass() -> None:
    check_labels(trainer([{"input_ids": row.input_ids, "labels": row.labels} for row in EXAMPLES]), EXAMPLES)


@pytest.mark.parametrize(
    "broken",
    [
        trainer([{"input_ids": row.input_ids, "labels": row.input_ids} for row in EXAMPLES]),
        trainer([{"input_ids": row.input_ids[1:], "labels": row.labels} for row in EXAMPLES]),
        trainer([{"input_ids": row.input_ids, "labels": row.labels} for row in EXAMPLES], pad_label=0),
        trainer([{"input_ids": row.input_ids, "labels": row.labels} for row in EXAMPLES * 2]),
    ],
    ids=["mask lost", "tokens cut", "padding learnt", "rows added"],
)
def test_labels_that_do_not_are_an_error(broken: SimpleNamespace) -> None:
    with pytest.raises(ArithmeticError):
        check_labels(broken, EXAMPLES)
