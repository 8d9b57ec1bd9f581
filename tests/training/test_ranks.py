"""Trainings by two processes on one CPU, each held against the same one by a single process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import psutil
import pytest
from pydantic import ValidationError

from pipeline.engine.errors import ProcessDied, StageFailed, StopRequested
from pipeline.engine.launch import Launch
from pipeline.engine.rows import Row, read_json, read_rows
from pipeline.engine.settings import Settings
from pipeline.stages import grpo, sft
from pipeline.tasks.statistics import mean
from pipeline.training.checkpoints import step_of, whole
from pipeline.training.ranks import check_readable
from tests.training.pair import Pair
from tests.training.rig import Recorder, at_step, context_of, inputs, metrics

WEIGHTS = "adapter_model.safetensors"
SFT: dict[str, Any] = {
    "backend": "standard", "epochs": 2.0, "batch_size": 2, "gradient_accumulation": 2, "save_every": 2,
    "learning_rate": 1e-2, "warmup_steps": 2, "validation_share": 0,
}  # fmt: skip
"""14 rows, 4 a step: the fourth step of an epoch is short, and two processes share it with the help of blanks."""
GRPO: dict[str, Any] = {
    "backend": "standard", "max_steps": 4, "batch_size": 2, "gradient_accumulation": 2, "num_generations": 4,
    "max_completion_length": 8, "save_every": 2, "learning_rate": 1e-2, "show_every": 1,
}  # fmt: skip
"""5 prompts, one a step, 4 completions of it: of two ranks each draws a half of the group."""
CLOSE = {"rel": 1e-4, "abs": 1e-5}
"""Sums of float32 in another order."""


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return inputs(tmp_path_factory.mktemp("given"))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, given: dict[str, Path]) -> Iterator[Pair]:
    both = Pair(tmp_path_factory.mktemp("pair"), given)
    yield both
    both.close()


@pytest.fixture(scope="module")
def alone(given: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("alone") / "sft"
    sft.run(context_of(sft.Config(**SFT), given, out))
    return out


def same_training(first: Path, second: Path) -> None:
    one, other = metrics(first), metrics(second)
    assert len(one) == len(other) == 8
    for name in ("loss", "grad_norm", "learning_rate"):
        assert [row[name] for row in other] == pytest.approx([row[name] for row in one], **CLOSE), name


def test_two_processes_give_the_losses_of_one(pair: Pair, alone: Path, tmp_path: Path) -> None:
    recorder = Recorder()
    result = pair.train("sft", SFT, tmp_path / "sft", recorder)
    same_training(alone, tmp_path / "sft")
    assert result["summary"]["processes"] == 2 and result["summary"]["steps"] == 8
    assert [row["step"] for row in recorder.of("metric")] == list(range(1, 9)), "only the first rank speaks"
    assert {path.name for path in (tmp_path / "sft").iterdir()} == {path.name for path in alone.iterdir()}
    assert "resume" not in result["effective"]


@pytest.mark.slow
@pytest.mark.parametrize("first", [1, 2])
def test_a_checkpoint_is_continued_by_another_number_of_processes(
    first: int, pair: Pair, given: dict[str, Path], alone: Path, tmp_path: Path
) -> None:
    out, stop = tmp_path / "sft", tmp_path / "sft.stop"

    def by_one(recorder: Recorder) -> Row:
        context = context_of(sft.Config(**SFT), given, out, recorder)
        sft.run(context)
        return context.effective

    def by_two(recorder: Recorder) -> Row:
        return dict(pair.train("sft", SFT, out, recorder)["effective"])

    ways: list[Callable[[Recorder], Row]] = [by_one, by_two] if first == 1 else [by_two, by_one]
    with pytest.raises(StopRequested):
        ways[0](at_step(5, stop.touch))
    stop.unlink()
    checkpoint = whole(out / "checkpoints")[-1]
    at = step_of(checkpoint)
    [stretch] = read_json(checkpoint / "whole.json")["stretches"]
    assert (stretch["processes"], stretch["spread"]) == (first, "whole")
    recorder = Recorder()
    effective = ways[1](recorder)
    assert recorder.of("metric")[0]["step"] == at + 1
    assert effective["resume"]["in_effect"] == "within rounding"
    assert f"'processes': {3 - first}" in effective["resume"]["why"]
    same_training(alone, out)


@pytest.mark.slow
def test_a_stop_is_exact_at_the_same_number_of_processes(pair: Pair, tmp_path: Path) -> None:
    whole, parted, stop = tmp_path / "whole", tmp_path / "parted", tmp_path / "parted.stop"
    settings = {**SFT, "lora_dropout": 0.1}
    pair.train("sft", settings, whole)
    asked: list[float] = []

    def ask() -> None:
        stop.touch()
        asked.append(time.monotonic())

    with pytest.raises(StopRequested):
        pair.train("sft", settings, parted, at_step(3, ask))
    assert time.monotonic() - asked[0] < 60
    stop.unlink()
    result = pair.train("sft", settings, parted)
    assert "resume" not in result["effective"]
    assert (parted / WEIGHTS).read_bytes() == (whole / WEIGHTS).read_bytes()
    assert metrics(parted) == metrics(whole)


@pytest.mark.slow
def test_a_killed_rank_ends_the_training_with_its_last_words(pair: Pair, tmp_path: Path) -> None:
    killed: list[float] = []

    def kill() -> None:
        launcher = psutil.Process(pair.pid)
        [second] = [rank for rank in launcher.children() if rank.environ()["RANK"] == "1"]
        second.kill()
        killed.append(time.monotonic())

    with pytest.raises(ProcessDied, match="Rank 1 of 2 died: killed by SIGKILL") as caught:
        pair.train("sft", SFT, tmp_path / "sft", at_step(3, kill))
    assert time.monotonic() - killed[0] < 60
    assert "Its last lines:\n" in caught.value.why


@pytest.mark.slow
def test_two_processes_train_grpo_on_the_prompts_of_one(pair: Pair, given: dict[str, Path], tmp_path: Path) -> None:
    by_one, by_two = Recorder(), Recorder()
    grpo.run(context_of(grpo.Config(**GRPO), given, tmp_path / "one", by_one))
    result = pair.train("grpo", GRPO, tmp_path / "two", by_two)
    assert result["summary"]["processes"] == 2 and result["summary"]["steps"] == 4
    rows = list(read_rows(tmp_path / "two" / "metrics.jsonl"))
    shown = [[(row["step"], row["prompt_id"]) for row in recorder.of("item")] for recorder in (by_one, by_two)]
    assert shown[0] == shown[1] and len(shown[1]) == 16
    for step, row in enumerate(rows, 1):
        group = [item for item in by_two.of("item") if item["step"] == step]
        assert row["reward"] == pytest.approx(mean([item["reward"] for item in group]))
        for name, score in row.items():
            if name.startswith("score/"):
                parts = [item["scores"][name.removeprefix("score/")] for item in group]
                assert score == pytest.approx(mean([part for part in parts if part is not None])), name
    halves = [[item["text"] for item in by_two.of("item")[start : start + 2]] for start in range(0, 16, 2)]
    assert any(first != second for first, second in zip(halves[::2], halves[1::2], strict=True)), "both draw the same"


@pytest.mark.slow
def test_grpo_is_exact_over_a_stop_at_the_same_number_of_processes(pair: Pair, tmp_path: Path) -> None:
    whole, parted, stop = tmp_path / "whole", tmp_path / "parted", tmp_path / "parted.stop"
    pair.train("grpo", GRPO, whole)
    with pytest.raises(StopRequested):
        pair.train("grpo", GRPO, parted, at_step(1, stop.touch))
    stop.unlink()
    pair.train("grpo", GRPO, parted)
    assert (parted / WEIGHTS).read_bytes() == (whole / WEIGHTS).read_bytes()
    assert metrics(parted) == metrics(whole)


@pytest.mark.slow
def test_a_validation_loss_is_measured_by_two_processes_as_by_one(
    pair: Pair, given: dict[str, Path], tmp_path: Path
) -> None:
    settings = {**SFT, "validation_share": 0.3, "max_steps": 4, "validate_every": 2}
    sft.run(context_of(sft.Config(**settings), given, tmp_path / "one"))
    pair.train("sft", settings, tmp_path / "two")
    one, other = (
        [row["validation_loss"] for row in metrics(tmp_path / name) if "validation_loss" in row]
        for name in ("one", "two")
    )
    assert len(one) == 2 and other == pytest.approx(one, **CLOSE)


def test_devices_must_share_the_effective_batch() -> None:
    with pytest.raises(ValidationError, match=r"gradient_accumulation \(8\) is not a multiple of it"):
        sft.Config(devices=3)
    config = grpo.Config(devices=4)
    assert (config.step_size, config.prompts_per_step) == (8, 2)


@pytest.mark.parametrize("config", [sft.Config(devices=2), grpo.Config(devices=2)])
def test_stages_are_launched_as_their_settings_say(config: Settings) -> None:
    stage = {sft.Config: sft.STAGE, grpo.Config: grpo.STAGE}[type(config)]
    assert stage.launch(config) == Launch(2) and stage.launch(type(config)()) == Launch()


@pytest.mark.parametrize(
    ("was", "now", "fits"),
    [
        (("whole", 2), ("whole", 1), True),
        (("fsdp", 4), ("fsdp", 2), True),
        (("fsdp", 2), ("whole", 2), False),
        (("deepspeed", 2), ("deepspeed", 2), True),
        (("deepspeed", 4), ("deepspeed", 2), False),
        ((), ("whole", 2), True),
        ((), ("fsdp", 2), False),
    ],
)
def test_a_checkpoint_spread_in_another_way_is_refused(was: tuple[Any, ...], now: tuple[Any, ...], fits: bool) -> None:
    stretches = [dict(zip(("spread", "processes"), how, strict=False)) for how in (was, now)]
    with nullcontext() if fits else pytest.raises(StageFailed, match="made under"):
        check_readable(stretches)
