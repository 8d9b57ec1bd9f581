from __future__ import annotations

import errno
import shutil
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest

from pipeline.engine.artifacts import commit, verify
from pipeline.engine.errors import StageFailed, StopRequested
from pipeline.engine.rows import read_json
from pipeline.stages import grpo, sft
from pipeline.training import keeper
from pipeline.training.checkpoints import newest_whole, seal
from pipeline.training.keeper import RECORD, SLACK, Keeper, best
from tests.training.rig import Recorder, at_step, context_of, inputs, metrics

WEIGHTS = "adapter_model.safetensors"
SMALL: dict[str, Any] = {
    "backend": "standard", "load_in_4bit": False, "optimizer": "adamw_torch", "gradient_checkpointing": False,
    "max_steps": 7, "batch_size": 2, "gradient_accumulation": 2, "save_every": 2, "learning_rate": 1e-2,
}  # fmt: skip
Usage = namedtuple("Usage", "total used free")


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return inputs(tmp_path_factory.mktemp("given"))


@pytest.fixture(scope="module")
def undisturbed(given: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("undisturbed") / "sft"
    sft.run(context_of(sft.Config(**SMALL), given, out))
    return out


def names(out: Path) -> list[str]:
    return sorted(path.name for path in (out / "checkpoints").glob("checkpoint*"))


ROWS = [{"step": step, "reward": reward} for step, reward in enumerate((0.1, 0.2, 0.9, 0.1, 0.4, 0.4), start=1)]


def test_the_best_by_mean_reward_since_the_checkpoint_before() -> None:
    taken = [2, 4, 6]
    assert best(ROWS, taken, taken) == {"best": 4, "figure": "reward", "value": 0.5}
    assert best(ROWS, taken, [2, 6]) == {"best": 6, "figure": "reward", "value": 0.4}
    assert best(ROWS, [6], [6]) == {"best": 6, "figure": "reward", "value": pytest.approx(0.35)}


def test_a_held_out_reward_says_more_and_a_validation_loss_the_most() -> None:
    rows = [dict(row) for row in ROWS]
    rows[0]["heldout_reward"], rows[4]["heldout_reward"] = 0.3, 0.2
    assert best(rows, [2, 4, 6], [2, 4, 6]) == {"best": 2, "figure": "heldout_reward", "value": 0.3}
    rows[3]["validation_loss"], rows[5]["validation_loss"], rows[4]["validation_loss"] = 1.5, 1.2, 0.1
    assert best(rows, [2, 4, 6], [2, 4, 6]) == {"best": 6, "figure": "validation_loss", "value": 1.2}
    rows[3]["validation_loss"] = 1.2
    assert best(rows, [2, 4, 6], [4, 6]) == {"best": 4, "figure": "validation_loss", "value": 1.2}, "the earlier"


def test_without_a_figure_there_is_no_best() -> None:
    assert best([{"step": 1, "loss": 1.0, "reward": None}], [1], [1]) is None


def test_the_newest_two_and_the_best_are_kept_and_in_the_end_last_and_best(tmp_path: Path) -> None:
    held = Keeper(tmp_path, 0)
    for step, there in ((2, [2]), (4, [2, 4]), (6, [4, 6]), (8, [4, 6, 8]), (10, [4, 8, 10])):
        rows = [*ROWS, *({"step": more, "reward": 0.3} for more in range(7, 11))]
        path = tmp_path / f"checkpoint-{step}"
        path.mkdir()
        held.saved(path, [row for row in rows if row["step"] <= step])
        assert sorted(int(path.name[11:]) for path in tmp_path.glob("checkpoint-*")) == there
    held.finish(rows)
    assert sorted(path.name for path in tmp_path.glob("checkpoint-*")) == ["checkpoint-10", "checkpoint-4"]
    record = read_json(tmp_path / RECORD)
    assert record == {"taken": [2, 4, 6, 8, 10], "last": 10, "best": 4, "figure": "reward", "value": 0.5}
    assert Keeper(tmp_path, 4).taken == [2, 4], "what a lost attempt took later does not count"


def test_a_finished_adapter_holds_its_last_checkpoint_which_is_not_part_of_it(
    undisturbed: Path, given: dict[str, Path], tmp_path: Path
) -> None:
    assert names(undisturbed) == ["checkpoint-7", RECORD], "nothing tells which is best without validation rows"
    assert read_json(undisturbed / "checkpoints" / RECORD)["last"] == 7
    last = newest_whole(undisturbed / "checkpoints")
    assert last is not None and (last / WEIGHTS).read_bytes() == (undisturbed / WEIGHTS).read_bytes()
    other, bare = tmp_path / "other", tmp_path / "bare"
    shutil.copytree(undisturbed, other)
    sft.run(context_of(sft.Config(**SMALL, checkpoints="none"), given, bare))
    assert not (bare / "checkpoints").exists()
    assert (bare / WEIGHTS).read_bytes() == (undisturbed / WEIGHTS).read_bytes()
    made = commit(other, {"kind": "adapter", "inputs": {}})
    assert not any("checkpoint" in name for name in made["files"]) and WEIGHTS in made["files"]
    shutil.rmtree(other / "checkpoints")
    verify(other)


def test_grpo_saves_last_where_all_that_goes_on_is_in_a_checkpoint(given: dict[str, Path], tmp_path: Path) -> None:
    config = grpo.Config(
        **{**SMALL, "batch_size": 4, "max_steps": 5, "num_iterations": 2}, num_generations=4, max_completion_length=8
    )
    grpo.run(context_of(config, given, tmp_path / "grpo"))
    record = read_json(tmp_path / "grpo" / "checkpoints" / RECORD)
    assert (record["taken"], record["last"], record["figure"]) == ([2, 4], 4, "reward")
    assert record["best"] in (2, 4)


def test_a_training_that_dies_between_its_last_checkpoint_and_its_end_only_writes_the_adapter(
    undisturbed: Path, given: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "sft"
    shutil.copytree(undisturbed, out)
    for file in out.iterdir():
        if file.is_file() and file.name != "metrics.jsonl":
            file.unlink()
    recorder = Recorder()
    summary = sft.run(context_of(sft.Config(**SMALL), given, out, recorder))
    assert summary["steps"] == 7 and not recorder.of("metric"), "no step was trained again, and none too many"
    assert (out / WEIGHTS).read_bytes() == (undisturbed / WEIGHTS).read_bytes()


def test_no_room_is_said_before_the_first_step(
    given: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper.shutil, "disk_usage", lambda _: Usage(10**9, 10**9 - SLACK, SLACK))
    recorder = Recorder()
    with pytest.raises(StageFailed, match="no room for checkpoints: 34 MB are free") as raised:
        sft.run(context_of(sft.Config(**SMALL), given, tmp_path / "sft", recorder))
    assert "Up to 4 more" in raised.value.why and not recorder.of("metric")


def test_a_disk_that_fills_up_before_a_save_leaves_the_checkpoint_before_it(
    undisturbed: Path, given: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "sft"
    full = lambda: monkeypatch.setattr(keeper.shutil, "disk_usage", lambda _: Usage(10**9, 10**9, 0))  # noqa: E731
    with pytest.raises(StageFailed, match="no room for checkpoints"):
        sft.run(context_of(sft.Config(**SMALL), given, out, at_step(3, full)))
    assert names(out) == ["checkpoint-2", RECORD]
    monkeypatch.undo()
    sft.run(context_of(sft.Config(**SMALL), given, out))
    assert (out / WEIGHTS).read_bytes() == (undisturbed / WEIGHTS).read_bytes()
    assert metrics(out) == metrics(undisturbed)


def test_a_disk_that_fills_up_while_a_checkpoint_is_written_leaves_the_one_before_it(
    undisturbed: Path, given: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    out, save = tmp_path / "sft", torch.save

    def half(value: Any, file: Any, *_: Any, **__: Any) -> None:
        save(value, file)
        content = Path(file).read_bytes()
        Path(file).write_bytes(content[: len(content) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    full = lambda: monkeypatch.setattr(torch, "save", half)  # noqa: E731
    with pytest.raises(StageFailed, match="The disk is full: checkpoint-4 could not be written") as raised:
        sft.run(context_of(sft.Config(**SMALL), given, out, at_step(4, full)))
    assert "newest whole checkpoint is checkpoint-2" in raised.value.why
    assert names(out) == ["checkpoint-2", RECORD]
    monkeypatch.undo()
    sft.run(context_of(sft.Config(**SMALL), given, out))
    assert (out / WEIGHTS).read_bytes() == (undisturbed / WEIGHTS).read_bytes()


def test_another_error_while_a_checkpoint_is_written_is_told_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "checkpoint-2").mkdir()
    with pytest.raises(ValueError, match="ours"), Keeper(tmp_path, 0).guarded():
        raise ValueError("ours")
    with pytest.raises(StopRequested), Keeper(tmp_path, 0).guarded():
        raise StopRequested
    seal(tmp_path / "checkpoint-2")
    with pytest.raises(OSError, match="No space"), Keeper(tmp_path, 0).guarded():
        raise OSError(errno.ENOSPC, "No space left on device")  # by a file that is no checkpoint
