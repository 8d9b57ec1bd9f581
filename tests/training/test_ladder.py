from __future__ import annotations

import errno
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from pipeline.engine.errors import FreshProcess, ProcessDied, StageFailed
from pipeline.engine.rows import Row, read_json
from pipeline.stages import grpo, sft
from pipeline.training import ladder
from pipeline.training.checkpoints import newest_whole, stretches_of
from pipeline.training.grpo import layout, order
from pipeline.training.ladder import ran_out
from pipeline.training.loop import way_on
from pipeline.training.rungs import Lengths, Rung, next_rung
from pipeline.training.settings import GRPOSettings, TrainerSettings
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


def descent(config: TrainerSettings, lengths: Lengths | None = None, never: tuple[str, ...] = ()) -> list[str]:
    """Every rung from the first to the last; each must leave valid settings and the effective batch as it was."""
    taken: list[Rung] = []
    while rung := next_rung(config, taken, lengths, never):
        taken.append(rung)
        values = {setting: value for setting, (_, value) in rung.changes.items()}
        below = type(config).model_validate({**config.model_dump(), **values})
        assert below.step_size == config.step_size and below != config
        config = below
        if lengths and "max_seq_length" in values:
            lengths = Lengths(lengths.shortest, values["max_seq_length"])
    return [str(rung) for rung in taken]


def test_sft_goes_down_to_one_row_then_to_checkpointing_then_to_shorter_sequences() -> None:
    config = TrainerSettings(batch_size=4, gradient_accumulation=2, gradient_checkpointing=False)
    assert descent(config, Lengths(20, 900)) == [
        "batch_size 4 -> 2, gradient_accumulation 2 -> 4",
        "batch_size 2 -> 1, gradient_accumulation 4 -> 8",
        "gradient_checkpointing False -> True",
        "max_seq_length 2048 -> 450",
        "max_seq_length 450 -> 225",
    ]
    assert descent(TrainerSettings(), Lengths(600, 900)) == ["max_seq_length 2048 -> 600"], "a row must be left"
    assert descent(TrainerSettings(), Lengths(600, 600)) == []
    assert descent(TrainerSettings(), Lengths(20, 900), never=("max_seq_length",)) == []


def test_a_batch_goes_down_by_whole_factors() -> None:
    config = TrainerSettings(batch_size=15, gradient_accumulation=2)
    assert descent(config) == [
        "batch_size 15 -> 5, gradient_accumulation 2 -> 6",
        "batch_size 5 -> 1, gradient_accumulation 6 -> 30",
    ]


def test_grpo_goes_down_with_whole_groups_on_every_rung() -> None:
    config = GRPOSettings(batch_size=2, gradient_accumulation=8, gradient_checkpointing=False)
    assert descent(config) == [
        "batch_size 2 -> 1, gradient_accumulation 8 -> 16",
        "gradient_checkpointing False -> True",
        "generation_parts 1 -> 2",
        "generation_parts 2 -> 4",
        "max_completion_length 1024 -> 512",
        "max_completion_length 512 -> 256",
        "num_generations 4 -> 2",
        "generation_parts 4 -> 8",
    ]
    reused = descent(GRPOSettings(num_iterations=2))
    assert not any("generation_parts" in rung for rung in reused) and reused[-1] == "num_generations 4 -> 2"
    assert not any("generation_parts" in rung for rung in descent(GRPOSettings(scale_rewards="batch")))
    assert descent(GRPOSettings(num_generations=8, num_iterations=2))[-2:] == [
        "num_generations 8 -> 4", "num_generations 4 -> 2",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "fault"),
    [
        ({"generation_parts": 3}, "not a multiple"),
        ({"generation_parts": 4}, "whole groups"),
        ({"generation_parts": 2, "num_iterations": 2}, "drawn at once"),
    ],
)
def test_parts_that_break_the_arithmetic_of_groups_are_refused(asked: Row, fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        GRPOSettings.model_validate(asked)


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

    monkeypatch.setattr(loop, "load", full)
    with pytest.raises(torch.OutOfMemoryError):
        sft.run(context_of(sft.Config(**SFT), given, tmp_path / "other"))
    assert not ladder.Ladder.of(tmp_path / "sft").rungs and not (tmp_path / "other" / ladder.RECORD).exists()


GRPO: dict[str, Any] = {
    **SMALL, "epochs": 2.5, "batch_size": 2, "gradient_accumulation": 4, "num_generations": 4, "warmup_steps": 0,
    "max_completion_length": 8, "gradient_checkpointing": True, "scheduler": "constant",
}  # fmt: skip
"""5 prompts, 2 a step: 7 steps."""


class Prompts:
    """The prompts that a judge was asked about in each step, by way of the stage's own judge."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import trl

        self.seen: dict[int, list[int]] = defaultdict(list)
        self.at_once: set[int] = set()
        self.limit: Callable[[Any, list[Row]], bool] = lambda *_: False
        real = trl.GRPOTrainer._generate_and_score_completions

        def generate(trainer: Any, batch: list[Row]) -> Any:
            if self.limit(trainer, batch):
                raise RuntimeError("CUDA error: out of memory")
            self.at_once.add(len(batch))
            self.seen[trainer.state.global_step + 1] += [row["place"] for row in batch]
            return real(trainer, batch)

        monkeypatch.setattr(trl.GRPOTrainer, "_generate_and_score_completions", generate)


@pytest.fixture
def prompts(monkeypatch: pytest.MonkeyPatch) -> Prompts:
    return Prompts(monkeypatch)


def groups(places: list[int]) -> dict[int, int]:
    return {place: places.count(place) for place in places}


def test_grpo_draws_its_completions_in_parts(prompts: Prompts, given: dict[str, Path], tmp_path: Path) -> None:
    config, out = grpo.Config(**{**GRPO, "batch_size": 1, "gradient_accumulation": 8}), tmp_path / "grpo"
    prompts.limit = lambda _, batch: len(batch) > 4
    with pytest.raises(FreshProcess, match="generation_parts 1 -> 2"):
        grpo.run(context_of(config, given, out))
    assert grpo.run(context_of(config, given, out))["steps"] == 7
    assert prompts.at_once == {4}
    laid = order(5, 14, config.seed)
    assert [list(groups(prompts.seen[step])) for step in range(1, 8)] == [laid[2 * n : 2 * n + 2] for n in range(7)]
    assert {count for places in prompts.seen.values() for count in groups(places).values()} == {4}


def test_grpo_with_half_the_group_takes_twice_the_prompts_and_none_twice(
    prompts: Prompts, given: dict[str, Path], tmp_path: Path
) -> None:
    config, out = grpo.Config(**GRPO), tmp_path / "grpo"
    grown = lambda trainer, _: trainer.num_generations > 2 and trainer.state.global_step >= 5  # noqa: E731
    prompts.limit = grown
    tried = []
    while True:
        try:
            summary = grpo.run(context_of(config, given, out))
            break
        except FreshProcess as error:
            tried.append(error.what)
    assert [what.partition(": ")[2].split(" ")[0] for what in tried] == [
        "batch_size", "generation_parts", "max_completion_length", "max_completion_length", "num_generations",
    ]  # fmt: skip
    assert summary["steps"] == 7
    laid = order(5, 20, config.seed)
    learnt = {step: list(groups(places)) for step, places in prompts.seen.items()}
    assert [learnt[step] for step in (1, 2, 3, 4)] == [laid[2 * n : 2 * n + 2] for n in range(4)]
    taken = [place for step in (5, 6, 7) for place in prompts.seen[step][-8:][::2]]
    assert taken == laid[8:20], "from checkpoint 4, behind the eight prompts that were taken"


def test_the_layout_of_an_undisturbed_training_is_the_order_itself() -> None:
    config = GRPOSettings(num_generations=4)  # two prompts a step
    alone = [{"from": 0, "num_generations": 4}]
    assert layout(config, 5, 7, 0, []) == layout(config, 5, 7, 4, alone) == order(5, 14, config.seed)
    half = GRPOSettings(num_generations=2)
    assert layout(half, 5, 7, 4, alone)[16:] == order(5, 20, config.seed)[8:20]
    twice = [*alone, {"from": 4, "num_generations": 2}]
    assert layout(half, 5, 7, 6, twice)[24:] == order(5, 20, config.seed)[16:20]


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
