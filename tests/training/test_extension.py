from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.engine.artifacts import commit
from pipeline.engine.errors import ConfigError
from pipeline.engine.fingerprints import describe
from pipeline.engine.rows import Row, read_json, read_rows
from pipeline.engine.settings import Settings
from pipeline.engine.stage import Context, PlanContext, Stage, Take
from pipeline.stages import grpo, sft
from pipeline.training import ladder
from pipeline.training.rungs import Rung
from tests.training.rig import Recorder, context_of, inputs, metrics

WEIGHTS = "adapter_model.safetensors"
SMALL: dict[str, Any] = {
    "backend": "standard", "load_in_4bit": False, "optimizer": "adamw_torch", "gradient_checkpointing": False,
    "max_steps": 5, "batch_size": 2, "gradient_accumulation": 2, "save_every": 2, "learning_rate": 1e-2,
    "scheduler": "constant", "warmup_steps": 2, "lora_dropout": 0.1,
}  # fmt: skip
SFT: dict[str, Any] = SMALL | {"validation_share": 0}
GRPO: dict[str, Any] = {
    **SMALL, "batch_size": 4, "num_generations": 4, "max_completion_length": 8, "max_steps": 4,
}  # fmt: skip


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return inputs(tmp_path_factory.mktemp("given"))


def make(stage: Stage, config: Settings, given: dict[str, Path], out: Path) -> Context:
    """Run a stage and commit what it made, as the runner does."""
    context = context_of(config, given, out, Recorder())
    summary = stage.run(context)
    lineage = {
        name: {"there": {"path": path.name, "fingerprint": None, "digest": None}} for name, path in given.items()
    }
    commit(
        out,
        {
            "stage": stage.name, "kind": "adapter", "described": describe(config), "inputs": lineage,
            "seed": context.seed, "summary": summary, "fingerprint": "0" * 64,
        },
    )  # fmt: skip
    return context


@pytest.fixture(scope="module")
def five(given: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SFT of five steps."""
    out = tmp_path_factory.mktemp("made") / "sft-five"
    make(sft.STAGE, sft.Config(**SFT), given, out)
    return out


def test_sft_with_a_constant_rate_extended_equals_an_undisturbed_one(
    five: Path, given: dict[str, Path], tmp_path: Path
) -> None:
    config = sft.Config(**{**SFT, "max_steps": 9})
    context = make(sft.STAGE, config, {**given, "extends": five}, tmp_path / "extended")
    make(sft.STAGE, config, given, tmp_path / "whole")
    assert (tmp_path / "extended" / WEIGHTS).read_bytes() == (tmp_path / "whole" / WEIGHTS).read_bytes()
    assert metrics(tmp_path / "extended") == metrics(tmp_path / "whole")
    assert len(list(read_rows(five / "metrics.jsonl"))) == 5, "what is extended stays as it was"
    assert "resume" not in context.effective
    assert read_json(tmp_path / "extended" / "checkpoints" / "checkpoints.json")["taken"] == [2, 4, 5, 6, 8, 9]


def test_grpo_extended_equals_an_undisturbed_one(given: dict[str, Path], tmp_path: Path) -> None:
    make(grpo.STAGE, grpo.Config(**GRPO), given, tmp_path / "four")
    config = grpo.Config(**{**GRPO, "max_steps": 7})
    make(grpo.STAGE, config, {**given, "extends": tmp_path / "four"}, tmp_path / "extended")
    make(grpo.STAGE, config, given, tmp_path / "whole")
    assert (tmp_path / "extended" / WEIGHTS).read_bytes() == (tmp_path / "whole" / WEIGHTS).read_bytes()
    assert metrics(tmp_path / "extended") == metrics(tmp_path / "whole")


def test_a_falling_rate_is_laid_anew_over_all_steps(given: dict[str, Path], tmp_path: Path) -> None:
    falling = {**SMALL, "scheduler": "linear", "warmup_steps": 0}
    make(sft.STAGE, sft.Config(**falling), given, tmp_path / "five")
    config = sft.Config(**{**falling, "max_steps": 8})
    make(sft.STAGE, config, {**given, "extends": tmp_path / "five"}, tmp_path / "extended")
    rates = [row["learning_rate"] for row in metrics(tmp_path / "extended")]
    assert rates == pytest.approx([0.01 * (1 - n / 5) for n in range(5)] + [0.01 * (1 - n / 8) for n in (5, 6, 7)])


def test_an_extension_killed_and_resumed_goes_on_where_it_was(
    five: Path, given: dict[str, Path], tmp_path: Path
) -> None:
    from tests.training.rig import PowerCut, at_step, power_cut

    config, out = sft.Config(**{**SFT, "max_steps": 9}), tmp_path / "extended"
    with pytest.raises(PowerCut):
        sft.run(context_of(config, {**given, "extends": five}, out, at_step(7, power_cut)))
    recorder = Recorder()
    sft.run(context_of(config, {**given, "extends": five}, out, recorder))
    assert recorder.of("metric")[0]["step"] == 7
    make(sft.STAGE, config, given, tmp_path / "whole")
    assert (out / WEIGHTS).read_bytes() == (tmp_path / "whole" / WEIGHTS).read_bytes()


def test_the_rungs_of_what_is_extended_hold_on(given: dict[str, Path], tmp_path: Path) -> None:
    first, config = tmp_path / "first", sft.Config(**SFT)
    first.mkdir()
    rung = Rung({"batch_size": (2, 1), "gradient_accumulation": (2, 4)}, 1, "it was full")
    ladder.Ladder(5, (rung,)).write(first)
    make(sft.STAGE, config, given, first)
    context = make(sft.STAGE, sft.Config(**{**SFT, "max_steps": 7}), {**given, "extends": first}, tmp_path / "extended")
    assert context.effective["batch_size"]["in_effect"] == 1 and "resume" not in context.effective
    assert [row["step"] for row in read_rows(tmp_path / "extended" / "metrics.jsonl")] == list(range(1, 8))


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"max_steps": 5}, "max_steps is 5, and 5 steps are done"),
        ({"max_steps": 0}, "max_steps is 0"),
        ({"learning_rate": 0.02}, "learning_rate: 0.01 -> 0.02"),
    ],
)
def test_other_settings_are_named(changes: Row, fault: str, five: Path, given: dict[str, Path], tmp_path: Path) -> None:
    config = sft.Config(**{**SFT, "max_steps": 9, **changes})
    told, *_ = sft.STAGE.plan(PlanContext(config, {**given, "extends": five}, 7, tmp_path))
    assert told.level == "fault" and fault in told.text and "sft-five cannot be extended" in told.text
    with pytest.raises(ConfigError, match="cannot be extended"):
        sft.run(context_of(config, {**given, "extends": five}, tmp_path / "out"))


def test_other_inputs_seeds_marks_and_stages_are_named(five: Path, given: dict[str, Path], tmp_path: Path) -> None:
    import shutil

    config = sft.Config(**{**SFT, "max_steps": 9})
    plan = PlanContext(config, {**given, "extends": five}, 7, tmp_path)
    note, *_ = sft.STAGE.plan(plan)
    assert (note.level, note.text) == ("note", "goes on from sft-five: 5 steps are done, 4 more to come")
    scores = tmp_path / "others"
    shutil.copytree(given["scores"], scores)
    bare = tmp_path / "bare"
    shutil.copytree(five, bare, ignore=shutil.ignore_patterns("checkpoint-*"))
    for other, fault in (
        (replace(plan, seed=8), "the run's seed: 7 -> 8"),
        (replace(plan, inputs={**plan.inputs, "scores": scores}), "its input scores was another"),
        (replace(plan, marks={"scores": {"key": {"verdict": "accept"}}}), "other marks"),
        (replace(plan, inputs={**plan.inputs, "extends": bare}), "it kept no checkpoint"),
        (replace(plan, inputs={**plan.inputs, "extends": given["model"]}), "not a finished artifact"),
    ):
        told, *_ = sft.STAGE.plan(other)
        assert told.level == "fault" and fault in told.text
    told, *_ = grpo.STAGE.plan(
        PlanContext(grpo.Config(**GRPO), {"model": given["model"], "extends": five}, 7, tmp_path)
    )
    assert "it was made by sft, not by grpo" in told.text


def test_the_input_is_never_wired_by_itself() -> None:
    take = Take.read("extends", sft.STAGE.takes["extends"])
    assert take.named and take.optional and not take.many and take.kinds == ("adapter",)
