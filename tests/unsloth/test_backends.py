"""Unsloth against Hugging Face with PEFT: the same model, seed, rows and settings."""

from __future__ import annotations

from pathlib import Path
from statistics import mean
from typing import Any

import pytest

from pipeline.engine.rows import read_json
from pipeline.stages import merge, sft
from tests.training.rig import context_of
from tests.unsloth.child import Done, Job, train

STEPS = 50
SFT: dict[str, Any] = {
    "max_steps": STEPS, "epochs": 99.0, "batch_size": 2, "gradient_accumulation": 2, "learning_rate": 5e-3,
    "optimizer": "adamw_torch", "max_seq_length": 512, "lora_r": 8, "validation_share": 0.0,
}  # fmt: skip
GRPO: dict[str, Any] = {
    "max_steps": 6, "epochs": 99.0, "batch_size": 4, "gradient_accumulation": 2, "learning_rate": 1e-2, "beta": 0.04,
    "optimizer": "adamw_torch", "max_seq_length": 512, "lora_r": 8, "max_completion_length": 16,
}  # fmt: skip
PLAIN: dict[str, Any] = {
    **SFT, "load_in_4bit": False, "gradient_checkpointing": False, "max_steps": 2, "batch_size": 7,
}  # fmt: skip
JOBS: dict[str, tuple[str, dict[str, Any]]] = {
    "sft": ("sft", {**SFT, "load_in_4bit": False}),
    "sft-plain": ("sft", PLAIN),
    "sft-nf4": ("sft", SFT),
    "grpo-nf4": ("grpo", GRPO),
}
Trained = dict[str, dict[str, Done]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("backends")


@pytest.fixture(scope="module")
def trained(given: dict[str, Path], folder: Path) -> Trained:
    """Backend -> job -> what came of it."""
    return {
        backend: dict(
            zip(
                JOBS,
                train(
                    given,
                    *(
                        Job(stage, {**settings, "backend": backend}, str(folder / backend / name))
                        for name, (stage, settings) in JOBS.items()
                    ),
                ),
                strict=True,
            )
        )
        for backend in ("unsloth", "standard")
    }


def series(done: Done, name: str) -> list[float]:
    return [row[name] for row in done.metrics]


@pytest.mark.parametrize("job", ["sft", "sft-nf4"])
def test_both_give_the_same_losses(job: str, trained: Trained) -> None:
    ours, theirs = (series(trained[backend][job], "loss") for backend in ("unsloth", "standard"))
    assert len(ours) == len(theirs) == STEPS
    differences = [abs(one - other) / abs(other) for one, other in zip(ours, theirs, strict=True)]
    print(f"\n{job}: relative difference of the loss, mean {mean(differences):.2e}, largest {max(differences):.2e}")
    assert mean(differences) <= 0.02
    assert mean(theirs[-5:]) < 0.5 * mean(theirs[:5])  # or all that was shown is that neither learns


def test_unsloth_is_imported_first_and_trains(trained: Trained) -> None:
    for job, done in trained["unsloth"].items():
        assert done.summary is not None
        assert (job, done.summary["backend"], done.imported_before) == (job, "unsloth", [])
    assert all(done.imported_before is None for done in trained["standard"].values())


def test_nothing_that_was_asked_is_quietly_otherwise(trained: Trained) -> None:
    for backend in trained:
        for done in trained[backend].values():
            assert done.effective == {}


def test_the_first_loss_is_that_of_our_labels_by_hand(given: dict[str, Path], trained: Trained) -> None:
    """The first step of `sft-plain` takes all rows, before anything is learnt: the plain model's loss over them."""
    import torch
    from transformers import AutoModelForCausalLM

    examples = sft.prepare(given["scores"], given["model"], sft.Config(**PLAIN), {}).examples
    assert len(examples) == PLAIN["batch_size"] * PLAIN["gradient_accumulation"]
    model = AutoModelForCausalLM.from_pretrained(given["model"], dtype=torch.float32)
    learnt, every = [], []
    for example in examples:
        ids, labels = torch.tensor([example.input_ids]), torch.tensor(example.labels[1:])
        with torch.no_grad():
            losses = -model(ids).logits[0, :-1].log_softmax(-1)[torch.arange(len(labels)), ids[0, 1:]]
        learnt += losses[labels >= 0].tolist()
        every += losses.tolist()
    assert abs(mean(learnt) - mean(every)) > 0.01  # so that a lost mask would show
    for done in trained.values():
        assert done["sft-plain"].metrics[0]["loss"] == pytest.approx(mean(learnt), rel=1e-5)


@pytest.mark.parametrize("backend", ["unsloth", "standard"])
def test_grpo_in_nf4_reaches_every_module(backend: str, folder: Path, trained: Trained) -> None:
    from safetensors.torch import load_file

    done = trained[backend]["grpo-nf4"]
    assert all(row["kl"] is not None and row["reward"] is not None for row in done.metrics)
    weights = load_file(folder / backend / "grpo-nf4" / "adapter_model.safetensors")
    grown = {name: tensor.abs().max().item() for name, tensor in weights.items() if "lora_B" in name}
    assert len(grown) == 2 * 7
    assert min(grown.values()) > 1e-3


@pytest.mark.parametrize("backend", ["unsloth", "standard"])
@pytest.mark.parametrize("job", ["sft-nf4", "grpo-nf4"])
def test_an_adapter_trained_over_nf4_merges_into_the_whole_weights(
    backend: str, job: str, given: dict[str, Path], folder: Path, trained: Trained, tmp_path: Path
) -> None:
    assert trained[backend][job].summary is not None
    inputs: dict[str, Any] = {"model": given["model"], "adapter": {job: folder / backend / job}}
    summary = merge.run(context_of(merge.Config(), inputs, tmp_path / "merged"))
    assert summary["dtype"] == "float32"
    assert summary["max_logit_difference"] < 1e-3 < summary["adapter_effect"]


def test_both_save_the_same_tokenizer_and_shape_of_adapter(folder: Path, trained: Trained) -> None:
    assert trained
    one, other = (folder / backend / "sft" for backend in ("unsloth", "standard"))
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        assert (one / name).read_bytes() == (other / name).read_bytes()
    adapters = [read_json(path / "adapter_config.json") for path in (one, other)]
    for name in ("r", "lora_alpha", "lora_dropout", "target_modules", "task_type", "bias", "base_model_name_or_path"):
        assert adapters[0][name] == adapters[1][name]
