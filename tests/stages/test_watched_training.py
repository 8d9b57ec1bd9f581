"""Trainings that go wrong for real, and the validation that is measured beside them, through the stages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.engine.errors import StageFailed, StopRequested
from pipeline.engine.rows import Row, write_rows
from pipeline.engine.stage import PlanContext
from pipeline.stages import grpo, sft
from tests.training.rig import Recorder, at_step, context_of, inputs, metrics, trace

SFT: dict[str, Any] = {
    "backend": "standard", "epochs": 2.0, "batch_size": 2, "gradient_accumulation": 2, "save_every": 2,
    "learning_rate": 1e-2, "warmup_steps": 2, "lora_dropout": 0.1, "validation_share": 0.25,
}  # fmt: skip
"""7 prompts with two traces each, two of them held out: 10 rows, 4 a step, 3 steps an epoch, 6 in all."""
WEIGHTS = "adapter_model.safetensors"


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return inputs(tmp_path_factory.mktemp("given"))


@pytest.fixture(scope="module")
def undisturbed(given: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Row]:
    out = tmp_path_factory.mktemp("undisturbed") / "sft"
    return out, sft.run(context_of(sft.Config(**SFT), given, out))


def test_the_loss_of_prompts_kept_from_training_is_measured_at_every_checkpoint_and_at_the_end(
    undisturbed: tuple[Path, Row],
) -> None:
    out, summary = undisturbed
    measured = {row["step"]: row["validation_loss"] for row in metrics(out) if "validation_loss" in row}
    assert list(measured) == [2, 4, 6]
    assert (summary["rows"], summary["steps"]) == (10, 6)
    assert summary["validation"] == {
        "rows": 4, "first": measured[2], "best": min(measured.values()), "last": measured[6],
    }  # fmt: skip
    assert measured[6] < measured[2], "the rows are much alike, so that what is learnt of some serves the others"


@pytest.mark.parametrize("step", [3, 4])
def test_a_stopped_training_measures_what_it_would_have_measured(
    step: int, given: dict[str, Path], undisturbed: tuple[Path, Row], tmp_path: Path
) -> None:
    out, stop = tmp_path / "sft", tmp_path / "sft.stop"
    with pytest.raises(StopRequested):
        sft.run(context_of(sft.Config(**SFT), given, out, at_step(step, stop.touch)))
    stop.unlink()
    summary = sft.run(context_of(sft.Config(**SFT), given, out))
    assert (out / WEIGHTS).read_bytes() == (undisturbed[0] / WEIGHTS).read_bytes()
    assert metrics(out) == metrics(undisturbed[0])
    assert summary["validation"] == undisturbed[1]["validation"]


def test_traces_of_one_prompt_are_kept_together(given: dict[str, Path]) -> None:
    prepared = sft.prepare(given["scores"], given["model"], sft.Config(**SFT), {})
    sides = [{example.id.split("/")[0] for example in some} for some in (prepared.examples, prepared.validation)]
    assert not sides[0] & sides[1] and [len(side) for side in sides] == [5, 2]
    assert prepared.within(10).left_out["too_long"] == 14, "those kept are counted too"
    note = sft.plan(PlanContext(sft.Config(**SFT), given, 7, Path()))[0]
    assert note.text.startswith("10 traces to learn, 4 kept to measure the loss on") and note.data["validation"] == 4


def test_of_a_single_prompt_nothing_is_kept_and_that_is_said(given: dict[str, Path], tmp_path: Path) -> None:
    write_rows(tmp_path / "scores" / "rows.jsonl", [trace(1, sample) for sample in range(2)])
    config = sft.Config(**SFT, max_steps=1, validate_every=5)
    context = context_of(config, {**given, "scores": tmp_path / "scores"}, tmp_path / "sft")
    summary = sft.run(context)
    assert (summary["rows"], summary["validation"]) == (2, None)
    assert context.effective["validation_share"]["in_effect"] == context.effective["validate_every"]["in_effect"] == 0


@pytest.mark.parametrize("share", [0, 0.25])
def test_a_loss_that_is_no_number_stops_and_its_state_is_never_saved(
    share: float, given: dict[str, Path], tmp_path: Path
) -> None:
    import torch
    from safetensors.torch import load_file

    out, recorder = tmp_path / "sft", Recorder()
    wild = SFT | {"learning_rate": 1e30, "save_every": 1, "warmup_steps": 0, "validation_share": share}
    with pytest.raises(StageFailed, match="not a finite number") as caught:
        sft.run(context_of(sft.Config(**wild), given, out, recorder))
    last = metrics(out)[-1]
    assert None in last.values()
    saved = sorted((out / "checkpoints").glob("checkpoint-*"))
    assert [checkpoint.name for checkpoint in saved] == [f"checkpoint-{step}" for step in range(1, last["step"])]
    assert f"checkpoint-{last['step'] - 1}." in caught.value.why if saved else "No checkpoint" in caught.value.why
    for checkpoint in saved:
        assert all(torch.isfinite(weight).all() for weight in load_file(checkpoint / WEIGHTS).values())
    assert not (out / WEIGHTS).exists()
    (alert,) = [alert for alert in recorder.of("alert") if alert["level"] == "error"]
    assert alert["rule"] == "not_finite" and alert["since"] == last["step"]


def test_groups_without_variance_stop_after_twenty_steps_even_across_a_resume(
    given: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.scoring.scorers.embedded.score_completion", lambda *_: (0.5, {"helpfulness": 0.5}))
    config = grpo.Config(
        backend="standard", max_steps=30, epochs=20, batch_size=4, gradient_accumulation=1, num_generations=4,
        max_completion_length=4, save_every=5,
    )  # fmt: skip
    out, stop = tmp_path / "grpo", tmp_path / "grpo.stop"
    recorder = at_step(12, stop.touch)
    with pytest.raises(StopRequested):
        grpo.run(context_of(config, given, out, recorder))
    assert [alert["rule"] for alert in recorder.of("alert") if "rule" in alert] == ["cut_off", "no_variance"]
    stop.unlink()
    recorder = Recorder()
    with pytest.raises(StageFailed, match="Nothing is learnt") as caught:
        grpo.run(context_of(config, given, out, recorder))
    assert [row["step"] for row in metrics(out)] == list(range(1, 21))
    assert [alert["rule"] for alert in recorder.of("alert") if "rule" in alert] == ["no_variance"]
    assert "No checkpoint from before it" in caught.value.why
