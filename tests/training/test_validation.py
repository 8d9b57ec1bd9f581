from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.engine.errors import StageFailed
from pipeline.engine.rows import read_rows
from pipeline.training.examples import IGNORED, Example
from pipeline.training.settings import SFTSettings
from pipeline.training.sft import train_sft
from pipeline.training.validation import hold_out
from tests.training.rig import Recorder, context_of, metrics
from tests.training.tiny_qwen import save_tiny_qwen

SMALL: dict[str, Any] = {
    "backend": "standard", "epochs": 2.0, "batch_size": 2, "gradient_accumulation": 2, "save_every": 2,
    "learning_rate": 1e-2, "lora_dropout": 0.1,
}  # fmt: skip
WEIGHTS = "adapter_model.safetensors"


def example(number: int) -> Example:
    """Rows of unlike lengths and masks, so that a mean by rows is not one by tokens."""
    ids = [(7 * number + 3 * place) % 250 + 5 for place in range(8 + 3 * number)]
    hidden = 2 + number % 4
    return Example(f"p{number}/0", ids, [IGNORED] * hidden + ids[hidden:], thinking=True)


TRAINING, VALIDATION = [example(number) for number in range(8)], [example(number) for number in range(8, 13)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_qwen(tmp_path_factory.mktemp("model") / "model")


@pytest.fixture(scope="module")
def unmeasured(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("unmeasured") / "sft"
    train_sft(context_of(SFTSettings(**SMALL), {}, out), model, TRAINING)
    return out


@pytest.mark.parametrize("every", [0, 1])
def test_to_measure_changes_no_bit_of_the_training(every: int, model: Path, unmeasured: Path, tmp_path: Path) -> None:
    recorder, out = Recorder(), tmp_path / "sft"
    train_sft(context_of(SFTSettings(**SMALL, validate_every=every), {}, out, recorder), model, TRAINING, VALIDATION)
    assert (out / WEIGHTS).read_bytes() == (unmeasured / WEIGHTS).read_bytes()
    rows = metrics(out)
    measured = [row["step"] for row in rows if "validation_loss" in row]
    assert measured == ([1, 2, 3, 4] if every else [2, 4])
    for row in rows:
        row.pop("validation_loss", None)
    assert rows == metrics(unmeasured)
    assert recorder.of("metric") == list(read_rows(out / "metrics.jsonl"))


@pytest.mark.parametrize("batch", [1, 2, 4])
def test_the_loss_is_the_mean_of_a_token_whatever_the_batches(batch: int, model: Path, tmp_path: Path) -> None:
    small = SMALL | {"batch_size": batch, "gradient_accumulation": 1, "max_steps": 1, "learning_rate": 1e-12}
    train_sft(context_of(SFTSettings(**small), {}, tmp_path / "sft"), model, TRAINING, VALIDATION)
    (row,) = metrics(tmp_path / "sft")
    assert row["validation_loss"] == pytest.approx(loss_by_hand(model), rel=1e-5)


def loss_by_hand(model: Path) -> float:
    import torch
    from torch.nn.functional import cross_entropy
    from transformers import AutoModelForCausalLM

    net = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).eval()
    total, count = 0.0, 0
    for row in VALIDATION:
        with torch.no_grad():
            logits = net(torch.tensor([row.input_ids])).logits[0, :-1]
        labels = torch.tensor(row.labels[1:])
        total += cross_entropy(logits, labels, ignore_index=IGNORED, reduction="sum").item()
        count += int((labels != IGNORED).sum())
    return total / count


def test_prompts_are_held_out_by_id_and_seed() -> None:
    prompts = [f"p{number}" for number in range(100)]
    held = hold_out(prompts, 0.05, 3)
    assert len(held) == 5 and held == hold_out(reversed(prompts * 2), 0.05, 3)
    assert held != hold_out(prompts, 0.05, 4)
    assert held < hold_out(prompts, 0.1, 3)


def test_at_least_one_prompt_is_held_out_and_never_the_last() -> None:
    assert len(hold_out(["a", "b", "c"], 0.05, 3)) == 1
    assert len(hold_out(["a", "b"], 0.99, 3)) == 1
    assert hold_out(["a"], 0.5, 3) == hold_out([], 0.5, 3) == hold_out(["a", "b"], 0, 3) == frozenset()


def test_an_example_whose_labels_are_all_masked_stops_the_training(model: Path, tmp_path: Path) -> None:
    masked = replace(example(3), labels=[IGNORED] * len(example(3).labels))
    first_only = replace(masked, labels=[masked.input_ids[0], *masked.labels[1:]])
    small = SMALL | {"batch_size": 1, "gradient_accumulation": 1}
    for broken in (masked, first_only):
        recorder = Recorder()
        context = context_of(SFTSettings(**small), {}, tmp_path / "sft", recorder)
        with pytest.raises(StageFailed, match="Every label of a batch is masked") as caught:
            train_sft(context, model, [example(0), example(1), broken])
        assert "checkpoint" in caught.value.why and "⟦" in caught.value.mend
    mixed = SMALL | {"batch_size": 3, "gradient_accumulation": 1, "epochs": 1.0}
    train_sft(context_of(SFTSettings(**mixed), {}, tmp_path / "mixed"), model, [example(0), example(1), masked])
