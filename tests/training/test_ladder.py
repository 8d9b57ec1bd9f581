"""The ladder: a training that runs out of memory comes down a rung and goes on with the same rows."""

from __future__ import annotations

import errno
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline.engine.errors import FreshProcess, ProcessDied, StageFailed
from pipeline.engine.rows import Row, read_json
from pipeline.stages import sft
from pipeline.training import ladder
from pipeline.training.checkpoints import newest_whole, stretches_of
from pipeline.training.ladder import ran_out
from pipeline.training.loop import way_on
from pipeline.training.rungs import Rung
from tests.training.rig import PowerCut, Recorder, at_step, context_of, inputs, metrics, power_cut

SMALL: dict[str, Any] = {
    "backend": "standard", "load_in_4bit": False, "optimizer": "adamw_torch", "gradient_checkpointing": False,
    "epochs": 2.0, "batch_size": 4, "gradient_accumulation": 1, "save_every": 2, "learning_rate": 1e-2,
    "warmup_steps": 2, "max_seq_length": 512,
}  # fmt: skip
SFT: dict[str, Any] = SMALL | {"validation_share": 0}
"""14 rows, 4 a step, the last of an epoch with 2: 4 steps an epoch, 8 in all."""


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return inputs(tmp_path_factory.mktemp("given"))


@pytest.mark.parametrize(
    ("error", "found"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (RuntimeError("Error out of memory at line 380 in file /src/csrc/ops.cu"), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory"), True),
        (MemoryError(), True),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), True),
        (RuntimeError("shape mismatch"), False),
        (ValueError("out of memory is what it is about"), False),
        (OSError(errno.ENOSPC, "No space left on device"), False),
    ],
)
def test_what_counts_as_out_of_memory(error: Exception, found: bool) -> None:
    assert ran_out(error) is found
    wrapped = TypeError("in a kernel")
    wrapped.__cause__ = error
    assert ran_out(wrapped) is found


class Machine:
    """A GPU that holds so many rows at once, and no more; remembers the rows of every optimizer step it finished."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.room = 10**6
        self.from_step = 0
        self.seen: dict[int, list[tuple[int, ...]]] = defaultdict(list)
        self.batches: list[int] = []
        import trl

        real = trl.SFTTrainer.compute_loss

        def compute_loss(trainer: Any, model: Any, batch: Row, *rest: Any, **more: Any) -> Any:
            step = trainer.state.global_step + 1
            ids, mask = batch["input_ids"], batch["attention_mask"]
            if step >= self.from_step and ids.shape[0] > self.room:
                raise torch.OutOfMemoryError(f"CUDA out of memory. {ids.shape[0]} rows")
            self.batches.append(ids.shape[0])
            self.seen[step] += [tuple(row[keep.bool()].tolist()) for row, keep in zip(ids, mask, strict=True)]
            return real(trainer, model, batch, *rest, **more)

        monkeypatch.setattr(trl.SFTTrainer, "compute_loss", compute_loss)

    def forget(self) -> None:
        self.seen.clear()
        self.batches.clear()


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


def test_sft_goes_on_from_its_checkpoint_with_the_same_rows_and_losses(
    machine: Machine, given: dict[str, Path], tmp_path: Path
) -> None:
    config = sft.Config(**SFT)
    sft.run(context_of(config, given, tmp_path / "undisturbed"))
    calm = {step: sorted(rows) for step, rows in machine.seen.items()}
    machine.forget()

    out = tmp_path / "sft"
    machine.room, machine.from_step = 2, 6
    with pytest.raises(FreshProcess) as raised:
        sft.run(context_of(config, given, out))
    assert raised.value.what == "Memory ran out in step 6: batch_size 4 -> 2, gradient_accumulation 1 -> 2."
    assert "CUDA out of memory. 4 rows" in raised.value.why and "GB" in raised.value.why
    assert read_json(out / ladder.RECORD)["steps"] == 8
    machine.forget()

    context = context_of(config, given, out, recorder := Recorder())
    summary = sft.run(context)
    assert summary["steps"] == 8
    assert set(machine.batches) == {2} and min(machine.seen) == 5, "from checkpoint 4, two rows at once"
    assert {step: sorted(rows) for step, rows in machine.seen.items()} == {step: calm[step] for step in (5, 6, 7, 8)}
    pairs = list(zip(metrics(tmp_path / "undisturbed"), metrics(out), strict=True))
    assert all(ours["loss"] == pytest.approx(theirs["loss"], rel=1e-4) for theirs, ours in pairs)
    assert [ours["learning_rate"] for _, ours in pairs] == [theirs["learning_rate"] for theirs, _ in pairs]
    entry = context.effective["batch_size"]
    assert (entry["asked"], entry["in_effect"]) == (4, 2) and "memory ran out in step 6" in entry["why"]
    assert context.effective["gradient_accumulation"]["in_effect"] == 2
    assert "within rounding" in context.effective["resume"].values()
    assert any("batch_size: 4 asked, 2 in effect" in alert["text"] for alert in recorder.of("alert"))
    assert not (out / ladder.RECORD).exists(), "made.json says it from here on"


def test_sft_goes_all_the_way_down_and_then_says_what_was_tried(
    machine: Machine, given: dict[str, Path], tmp_path: Path
) -> None:
    config, out = sft.Config(**SFT), tmp_path / "sft"
    tried: list[str] = []
    machine.room = 0
    while True:
        with pytest.raises(StageFailed) as raised:
            sft.run(context_of(config, given, out))
        if not isinstance(raised.value, FreshProcess):
            break
        tried.append(raised.value.what.partition(": ")[2].rstrip("."))
    assert tried[:3] == [
        "batch_size 4 -> 2, gradient_accumulation 1 -> 2",
        "batch_size 2 -> 1, gradient_accumulation 2 -> 4",
        "gradient_checkpointing False -> True",
    ]
    assert tried[3].startswith("max_seq_length 512 -> ")
    assert "no smaller way" in raised.value.what
    assert all(rung in raised.value.why for rung in tried)


def test_a_process_that_ends_itself_for_lack_of_memory_leaves_a_way_on(
    machine: Machine, given: dict[str, Path], tmp_path: Path
) -> None:
    config, out = sft.Config(**SFT), tmp_path / "sft"
    words = "Error out of memory at line 380 in file /src/csrc/ops.cu"
    death = ProcessDied("The worker process died: exit code 1.", f"Its last lines:\n  loading\n  {words}", "")
    other = ProcessDied("The worker process died: killed by SIGKILL.", "It left no last words.", "")
    out.mkdir()
    assert way_on(config, out, death) == "", "it never came to its first step"
    with pytest.raises(PowerCut):
        sft.run(context_of(config, given, out, at_step(3, power_cut)))
    assert way_on(config, out, other) == "" and not ladder.Ladder.of(out).rungs
    told = way_on(config, out, death)
    assert words in told and told.endswith("batch_size 4 -> 2, gradient_accumulation 1 -> 2.") and "step 4" in told
    machine.forget()
    sft.run(context_of(config, given, out))
    assert set(machine.batches) == {2} and min(machine.seen) == 3


def test_rows_that_no_longer_fit_are_left_out_and_counted(
    machine: Machine, given: dict[str, Path], tmp_path: Path
) -> None:
    config, out = sft.Config(**{**SFT, "batch_size": 1, "gradient_accumulation": 4}), tmp_path / "sft"
    calm = sft.run(context_of(config, given, tmp_path / "undisturbed"))
    longest = max(len(row) for rows in machine.seen.values() for row in rows)
    shortest = min(len(row) for rows in machine.seen.values() for row in rows)
    rung = Rung({"max_seq_length": (512, (shortest + longest) // 2)}, 3, "it was full")
    out.mkdir()
    ladder.Ladder(calm["steps"], (rung,)).write(out)
    machine.forget()
    summary = sft.run(context_of(config, given, out))
    assert 0 < summary["left_out"]["too_long"] == calm["rows"] - summary["rows"]
    assert summary["steps"] == calm["steps"], "no rung changes how many steps there are"
    assert max(len(row) for rows in machine.seen.values() for row in rows) <= (shortest + longest) // 2


def test_other_errors_and_a_lack_of_memory_while_loading_are_no_rungs(
    given: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import trl

    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("a fault of ours")

    with monkeypatch.context() as patch:
        patch.setattr(trl.SFTTrainer, "compute_loss", broken)
        with pytest.raises(RuntimeError, match="a fault of ours"):
            sft.run(context_of(sft.Config(**SFT), given, tmp_path / "sft"))
    from pipeline.training import loop

    def full(*_: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(loop, "ADAPTER", replace(loop.ADAPTER, load=full))
    with pytest.raises(torch.OutOfMemoryError):
        sft.run(context_of(sft.Config(**SFT), given, tmp_path / "other"))
    assert not ladder.Ladder.of(tmp_path / "sft").rungs and not (tmp_path / "other" / ladder.RECORD).exists()


def test_a_checkpoint_remembers_how_its_steps_were_trained(
    machine: Machine, given: dict[str, Path], tmp_path: Path
) -> None:
    config, out = sft.Config(**SFT), tmp_path / "sft"
    machine.room, machine.from_step = 2, 4
    with pytest.raises(FreshProcess):
        sft.run(context_of(config, given, out))
    machine.room, machine.from_step = 1, 7
    with pytest.raises(FreshProcess):
        sft.run(context_of(config, given, out))
    assert stretches_of(newest_whole(out / "checkpoints")) == [
        {"from": 0, "rung": 0, "processes": 1, "spread": "whole"},
        {"from": 4, "rung": 1, "processes": 1, "spread": "whole"},
    ]
