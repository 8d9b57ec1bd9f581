from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.engine.errors import DataError, StopRequested
from pipeline.engine.rows import Row, read_rows, write_rows
from pipeline.engine.stage import PlanContext
from pipeline.stages import grpo
from pipeline.tasks.dimensions import DIMENSIONS
from pipeline.tasks.marks import key_of
from tests.training.rig import PowerCut, Recorder, at_step, context_of, inputs, metrics, power_cut, prompt

SMALL: dict[str, Any] = {
    "backend": "standard",
    "epochs": 2.5, "batch_size": 4, "gradient_accumulation": 2, "num_generations": 4, "max_completion_length": 8,
    "save_every": 2, "learning_rate": 1e-2, "lora_dropout": 0.1, "show_every": 4,
}  # fmt: skip
"""5 prompts, 2 a step: a third epoch begins in step 6 of 7; dropout, so that the random state counts."""
WEIGHTS = "adapter_model.safetensors"


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return inputs(tmp_path_factory.mktemp("given"))


@pytest.fixture(scope="module")
def undisturbed(given: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Row, Recorder]:
    out, recorder = tmp_path_factory.mktemp("undisturbed") / "grpo", Recorder()
    summary = grpo.run(context_of(grpo.Config(**SMALL), given, out, recorder))
    return out, summary, recorder


def test_trains_an_adapter_and_tells_of_every_step(undisturbed: tuple[Path, Row, Recorder]) -> None:
    out, summary, recorder = undisturbed
    assert (out / WEIGHTS).stat().st_size > 1000
    assert (summary["steps"], summary["prompts"], summary["backend"]) == (7, 5, "standard")
    rows = list(read_rows(out / "metrics.jsonl"))
    assert recorder.of("metric") == rows
    named = {
        "step", "loss", "learning_rate", "grad_norm", "reward", "reward_std", "zero_std_ratio", "completion_length",
        "completion_length_max", "clipped_ratio", "entropy", "tokens", "step_time", "time_generate", "time_score",
        "time_update", "unmarked",
    }  # fmt: skip
    canaries = {f"canary/{kind}" for kind in ("empty_thought", "keyword_soup", "padding", "copied_prompt")}
    for row in rows:
        saved = canaries if row["step"] in (2, 4, 6, 7) else set()
        found = {name for name in row if not name.startswith("score/")}
        assert named <= found <= named | saved and len(found & saved) >= len(saved) - 1  # an answer may be missing
        assert {name.removeprefix("score/") for name in row if name.startswith("score/")} < set(DIMENSIONS)
        parts = row["time_generate"] + row["time_score"] + row["time_update"]
        assert parts == pytest.approx(row["step_time"])
        assert min(row["time_generate"], row["time_score"], row["time_update"]) > 0
    assert [row["tokens"] for row in rows] == sorted(row["tokens"] for row in rows)
    assert rows[0]["score/honest_engagement"] is not None
    assert "score/harm_avoidance" not in rows[0]


def test_shows_a_group_of_completions_now_and_then(undisturbed: tuple[Path, Row, Recorder]) -> None:
    shown = undisturbed[2].of("item")
    assert [row["step"] for row in shown] == [1] * 4 + [5] * 4
    assert len({row["prompt_id"] for row in shown[:4]}) == 1
    assert set(shown[0]) == {"what", "step", "prompt_id", "prompt", "text", "scores", "reward"}
    assert set(shown[0]["scores"]) == set(DIMENSIONS)


def test_summary_compares_the_last_quarter_with_the_first() -> None:
    rising = [{"reward": step / 20, "score/helpfulness": step / 40} for step in range(20)]
    summary = grpo.gains(rising, seed=1)
    assert summary["reward_first_quarter"] == pytest.approx(0.1)
    assert summary["reward_last_quarter"] == pytest.approx(0.85)
    difference = summary["reward_difference"]
    assert difference["mean"] == pytest.approx(0.75)
    assert 0 < difference["low"] < 0.75 < difference["high"]
    assert summary["scores"]["helpfulness"] == {"first": pytest.approx(0.05), "last": pytest.approx(0.425)}
    assert summary["scores"]["harm_avoidance"] == {"first": None, "last": None}


@pytest.mark.parametrize("step", [2, 5])
def test_a_stopped_training_goes_on_to_the_same_bytes(
    step: int, given: dict[str, Path], undisturbed: tuple[Path, Row, Recorder], tmp_path: Path
) -> None:
    out, stop = tmp_path / "grpo", tmp_path / "grpo.stop"
    with pytest.raises(StopRequested):
        grpo.run(context_of(grpo.Config(**SMALL), given, out, at_step(step, stop.touch)))
    stop.unlink()
    grpo.run(context_of(grpo.Config(**SMALL), given, out))
    assert (out / WEIGHTS).read_bytes() == (undisturbed[0] / WEIGHTS).read_bytes()
    assert metrics(out) == metrics(undisturbed[0])


def test_a_killed_training_goes_on_from_its_newest_whole_checkpoint(
    given: dict[str, Path], undisturbed: tuple[Path, Row, Recorder], tmp_path: Path
) -> None:
    out = tmp_path / "grpo"
    with pytest.raises(PowerCut):
        grpo.run(context_of(grpo.Config(**SMALL), given, out, at_step(7, power_cut)))
    (out / "checkpoints" / "checkpoint-6" / "whole.json").unlink()  # killed before it was sealed
    recorder = Recorder()
    grpo.run(context_of(grpo.Config(**SMALL), given, out, recorder))
    assert recorder.of("metric")[0]["step"] == 5
    assert (out / WEIGHTS).read_bytes() == (undisturbed[0] / WEIGHTS).read_bytes()
    assert metrics(out) == metrics(undisturbed[0])


def test_with_completions_used_twice_and_a_kl_term_it_is_exact_too(given: dict[str, Path], tmp_path: Path) -> None:
    config = grpo.Config(**{**SMALL, "num_iterations": 2, "beta": 0.05, "save_every": 3, "epochs": 1.2})
    whole, parted = tmp_path / "whole", tmp_path / "parted"
    recorder = Recorder()
    grpo.run(context_of(config, given, whole, recorder))
    assert [row["text"] for row in recorder.of("alert") if row["text"].startswith("save_every: 3 asked, 6 in effect")]
    assert len(metrics(whole)) == 6
    assert all("kl" in row for row in metrics(whole))
    assert [step for step, row in enumerate(metrics(whole), 1) if "reward" in row] == [1, 3, 5]
    stop = tmp_path / "parted.stop"
    with pytest.raises(StopRequested):
        grpo.run(context_of(config, given, parted, at_step(2, stop.touch)))
    assert [path.name for path in (parted / "checkpoints").glob("checkpoint-*")] == ["checkpoint-4"]
    stop.unlink()
    grpo.run(context_of(config, given, parted))
    assert (parted / WEIGHTS).read_bytes() == (whole / WEIGHTS).read_bytes()
    assert metrics(parted) == metrics(whole)


def test_prompts_that_cannot_be_trained_on_are_left_out_and_counted(given: dict[str, Path], tmp_path: Path) -> None:
    rows = [
        prompt(0), prompt(1, split="heldout"), prompt(2, truth=None),
        prompt(3, messages=[{"role": "user", "content": "of the " * 200}]),
        prompt(4, messages=[{"role": "user", "content": "Name<|im_end|>"}]),
    ]  # fmt: skip
    config = grpo.Config(max_completion_length=100, max_seq_length=512)
    chosen, left_out, _ = grpo.select(rows, given["model"], config, {})
    assert [row["id"] for row in chosen] == ["p0"]
    assert left_out == {"heldout": 1, "no_truth": 1, "too_long": 1, "control_tokens": 1}
    write_rows(tmp_path / "rows.jsonl", rows[1:])
    with pytest.raises(DataError, match="No prompt is left"):
        grpo.run(context_of(grpo.Config(), {**given, "prompts": tmp_path}, tmp_path / "grpo"))
    findings = grpo.plan(PlanContext(grpo.Config(), {**given, "prompts": tmp_path}, 7, tmp_path))
    assert [finding.level for finding in findings] == ["warning", "fault"]
    assert findings[0].data["lengths"]["too_long"] == 1


def test_prompts_are_trained_on_as_people_marked_them(given: dict[str, Path], tmp_path: Path) -> None:
    rows = list(read_rows(given["prompts"] / "rows.jsonl"))
    marks = {key_of(rows[0]): {"verdict": "reject"}, key_of(rows[2]): {"verdict": "edit", "text": "Name the rivers."}}
    config = grpo.Config(max_completion_length=100, max_seq_length=512)
    chosen, left_out, honoured = grpo.select(rows, given["model"], config, marks)
    assert [row["id"] for row in chosen] == ["p1", "p2", "p3", "p4"]
    assert chosen[1]["messages"][-1]["content"] == "Name the rivers."
    assert left_out == {"rejected": 1} and honoured == {"reject": 1, "edit": 1}
    context = context_of(grpo.Config(**{**SMALL, "max_steps": 1}), given, tmp_path / "grpo")
    context.marks = {"prompts": marks}
    summary = grpo.run(context)
    assert (summary["prompts"], summary["marks"]) == (4, {"reject": 1, "edit": 1})
    plan = PlanContext(grpo.Config(max_completion_length=100), given, 7, tmp_path, {"prompts": marks})
    assert grpo.plan(plan)[0].data == {"rejected": 1}


def test_groups_must_fill_a_step() -> None:
    with pytest.raises(ValidationError, match=r"\(8\) is not a multiple"):
        grpo.Config(num_generations=3)


def test_the_defaults_are_those_of_the_plan_of_phase_03e() -> None:
    config = grpo.Config()
    assert (config.num_generations, config.max_completion_length) == (4, 1024)
    assert (config.batch_size, config.gradient_accumulation, config.gradient_checkpointing) == (1, 8, True)
    assert (config.learning_rate, config.beta, config.temperature) == (5e-6, 0, 1)
    assert {config.weights.of(dimension) for dimension in DIMENSIONS} == {1 / 9}
