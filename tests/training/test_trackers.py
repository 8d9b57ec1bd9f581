from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from pipeline.engine.errors import MissingDependency, StageFailed, StopRequested
from pipeline.engine.rows import read_rows
from pipeline.engine.stage import Context, PlanContext
from pipeline.stages import grpo, sft
from pipeline.training import trackers
from pipeline.training.settings import SFTSettings
from tests.training.rig import Recorder, at_step, context_of, inputs

SMALL: dict[str, Any] = {
    "backend": "standard", "epochs": 2.0, "batch_size": 2, "gradient_accumulation": 2, "save_every": 2,
    "report_to": ("tensorboard",),
}  # fmt: skip


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return inputs(tmp_path_factory.mktemp("given"))


def context(given: dict[str, Path], root: Path, config: Any, recorder: Recorder | None = None) -> Context:
    made = context_of(config, given, root / "models" / "adapter", recorder)
    made.root, made.run, made.step = root, "a-run", "step"
    return made


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(folder))
    read.Reload()
    return {tag: [(entry.step, entry.value) for entry in read.Scalars(tag)] for tag in read.Tags()["scalars"]}


def held_against(folder: Path, out: Path) -> set[str]:
    """The names that TensorBoard has; every figure is that of our own file."""
    found = scalars(folder)
    for tag, points in found.items():
        name = tag.removeprefix("train/")
        ours = [(row["step"], row[name]) for row in read_rows(out / "metrics.jsonl") if row.get(name) is not None]
        assert [step for step, _ in points] == [step for step, _ in ours], tag
        assert [value for _, value in points] == pytest.approx([value for _, value in ours], rel=1e-5), tag
    return {tag.removeprefix("train/") for tag in found}


def test_tensorboard_holds_our_metrics_even_across_a_resume(given: dict[str, Path], tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    config, stop = sft.Config(**SMALL), tmp_path / "models" / "adapter.stop"
    with pytest.raises(StopRequested):
        sft.run(context(given, tmp_path, config, at_step(3, stop.touch)))
    stop.unlink()
    made = context(given, tmp_path, config)
    sft.run(made)
    names = held_against(tmp_path / "data" / "runs" / "a-run" / "tensorboard" / "step", made.out)
    assert {"loss", "grad_norm", "tokens", "step_time", "validation_loss"} <= names
    assert not list(made.out.rglob("*tfevents*")), "no part of the artifact"


def test_the_scores_of_grpo_are_there(given: dict[str, Path], tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    config = grpo.Config(**SMALL | {"batch_size": 4, "max_steps": 2, "max_completion_length": 8})
    made = context(given, tmp_path, config)
    grpo.run(made)
    names = held_against(tmp_path / "data" / "runs" / "a-run" / "tensorboard" / "step", made.out)
    assert {"reward", "time_generate", "time_score", "score/honest_engagement"} <= names


@pytest.mark.skipif(find_spec("wandb") is not None, reason="only where a tracker is not installed")
def test_a_package_that_is_missing_is_told_in_the_plan_and_before_the_model_loads(
    given: dict[str, Path], tmp_path: Path
) -> None:
    config = sft.Config(report_to=("wandb",))
    fault = sft.plan(PlanContext(config, given, 7, tmp_path))[0]
    assert (fault.level, fault.mend) == ("fault", "Install it with: pip install wandb")
    assert sft.plan(PlanContext(config, {}, 7, tmp_path))[0].level == "fault"
    assert grpo.plan(PlanContext(grpo.Config(report_to=("wandb",)), {}, 7, tmp_path))[0].level == "fault"
    with pytest.raises(MissingDependency, match="wandb is not installed"):
        sft.run(context(given, tmp_path, config))
    assert not list(tmp_path.rglob("metrics.jsonl")), "no file was opened that nobody closes"


def test_one_that_cannot_be_reported_to_ends_the_training_before_its_first_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> Any:
        raise RuntimeError("no key")

    monkeypatch.setattr(trackers, "find_missing", lambda _: [])
    monkeypatch.setattr(trackers.Trackers, "_open", refuse)
    tracker = trackers.Trackers(context({}, tmp_path, SFTSettings(report_to=("wandb",))), 0)
    with pytest.raises(StageFailed, match="wandb cannot be reported to") as caught:
        tracker.begin(None, None, None, None)
    assert "no key" in caught.value.why and "WANDB_MODE=offline" in caught.value.mend
    tracker.close()


def test_with_none_asked_for_nothing_is_written(given: dict[str, Path], tmp_path: Path) -> None:
    sft.run(context(given, tmp_path, sft.Config(**SMALL | {"report_to": (), "max_steps": 1})))
    assert not (tmp_path / "data").exists()
