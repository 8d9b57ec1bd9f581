from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.engine.errors import DataError, StopRequested
from pipeline.engine.rows import Row, read_rows, write_rows
from pipeline.engine.stage import PlanContext
from pipeline.stages import sft
from pipeline.tasks.marks import key_of
from tests.training.rig import PowerCut, Recorder, at_step, context_of, inputs, metrics, power_cut, trace

SMALL: dict[str, Any] = {
    "backend": "standard",
    "epochs": 2.0, "batch_size": 2, "gradient_accumulation": 2, "save_every": 2, "learning_rate": 1e-2,
    "warmup_steps": 2, "lora_dropout": 0.1, "validation_share": 0,
}  # fmt: skip
"""14 rows, 4 a step: 4 steps an epoch, 8 in all; dropout, so that the random state counts."""
WEIGHTS = "adapter_model.safetensors"


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return inputs(tmp_path_factory.mktemp("given"))


@pytest.fixture(scope="module")
def undisturbed(given: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Row, Recorder]:
    out, recorder = tmp_path_factory.mktemp("undisturbed") / "sft", Recorder()
    summary = sft.run(context_of(sft.Config(**SMALL), given, out, recorder))
    return out, summary, recorder


def test_trains_an_adapter_and_tells_of_every_step(undisturbed: tuple[Path, Row, Recorder]) -> None:
    out, summary, recorder = undisturbed
    assert summary["backend"] == "standard"
    assert summary["steps"] == 8
    assert summary["rows"] == 14
    assert summary["no_think"] == 1
    assert summary["left_out"] == {"beyond_per_prompt": 7}
    assert summary["loss_last_quarter"] < summary["loss_first_quarter"]
    rows = list(read_rows(out / "metrics.jsonl"))
    assert [row["step"] for row in rows] == list(range(1, 9))
    names = {"step", "loss", "learning_rate", "grad_norm", "epoch", "tokens", "tokens_per_second", "step_time"}
    assert set(rows[0]) == names | {"entropy", "token_accuracy"}
    assert recorder.of("metric") == rows
    assert recorder.of("progress")[-1] == {"done": 8, "total": 8, "unit": "steps"}
    assert rows[-1]["tokens"] == summary["tokens"] == 2 * rows[3]["tokens"]
    files = {path.name for path in out.iterdir()}
    assert files == {
        "adapter_config.json", WEIGHTS, "chat_template.jinja", "checkpoints", "metrics.jsonl", "tokenizer.json",
        "tokenizer_config.json",
    }  # fmt: skip
    previews = [row["text"] for row in recorder.of("log")]
    assert len(previews) == 2
    assert previews[0].endswith("<|im_end|>⟧") and "⟦<think>\n" in previews[0]
    assert "<think>\n\n</think>\n\n⟦the" in previews[1]


def test_settings_that_cannot_be_honoured_are_told(undisturbed: tuple[Path, Row, Recorder]) -> None:
    notes = " ".join(row["text"] for row in undisturbed[2].of("alert"))
    for setting in ("load_in_4bit", "optimizer", "max_seq_length"):
        assert f"{setting}: " in notes


@pytest.mark.parametrize("step", [3, 4])
def test_a_stopped_training_goes_on_to_the_same_bytes(
    step: int, given: dict[str, Path], undisturbed: tuple[Path, Row, Recorder], tmp_path: Path
) -> None:
    out, stop = tmp_path / "sft", tmp_path / "sft.stop"
    with pytest.raises(StopRequested):
        sft.run(context_of(sft.Config(**SMALL), given, out, at_step(step, stop.touch)))
    assert step <= len(metrics(out)) <= step + 2
    stop.unlink()
    sft.run(context_of(sft.Config(**SMALL), given, out))
    assert (out / WEIGHTS).read_bytes() == (undisturbed[0] / WEIGHTS).read_bytes()
    assert (out / "adapter_config.json").read_bytes() == (undisturbed[0] / "adapter_config.json").read_bytes()
    assert metrics(out) == metrics(undisturbed[0])


def test_a_killed_training_goes_on_from_its_newest_whole_checkpoint(
    given: dict[str, Path], undisturbed: tuple[Path, Row, Recorder], tmp_path: Path
) -> None:
    out = tmp_path / "sft"
    with pytest.raises(PowerCut):
        sft.run(context_of(sft.Config(**SMALL), given, out, at_step(7, power_cut)))
    checkpoints = out / "checkpoints"
    assert sorted(path.name for path in checkpoints.glob("checkpoint-*")) == ["checkpoint-4", "checkpoint-6"]
    torn = checkpoints / "checkpoint-6" / "optimizer.pt"
    torn.write_bytes(torn.read_bytes()[:100])
    recorder = Recorder()
    sft.run(context_of(sft.Config(**SMALL), given, out, recorder))
    assert recorder.of("metric")[0]["step"] == 5
    assert (out / WEIGHTS).read_bytes() == (undisturbed[0] / WEIGHTS).read_bytes()
    assert metrics(out) == metrics(undisturbed[0])


def test_another_seed_trains_another_adapter(
    given: dict[str, Path], undisturbed: tuple[Path, Row, Recorder], tmp_path: Path
) -> None:
    sft.run(context_of(sft.Config(**SMALL, seed=1), given, tmp_path / "sft"))
    assert (tmp_path / "sft" / WEIGHTS).read_bytes() != (undisturbed[0] / WEIGHTS).read_bytes()


def test_a_template_that_does_not_fit_stops_before_the_model_loads(given: dict[str, Path], tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json", "config.json"):
        (model / name).write_bytes((given["model"] / name).read_bytes())
    template = (given["model"] / "chat_template.jinja").read_text(encoding="utf-8")
    (model / "chat_template.jinja").write_text(template.replace("<think>\\n", "<thought>\\n"), encoding="utf-8")
    with pytest.raises(DataError, match="does not fit"):  # there are no weights to load
        sft.run(context_of(sft.Config(**SMALL), {**given, "model": model}, tmp_path / "sft"))
    with pytest.raises(DataError, match="does not fit"):
        sft.plan(PlanContext(sft.Config(), {"model": model}, 7, tmp_path))


def test_the_best_traces_of_each_training_prompt_are_chosen_as_people_marked_them(
    given: dict[str, Path], tmp_path: Path
) -> None:
    rows = [
        trace(1, 0, reward=0.5), trace(1, 1, reward=0.7), trace(1, 2, reward=0.5), trace(1, 3, reward=0.1),
        trace(2, 0, split="heldout"), trace(3, 0, finish="length"), trace(3, 1, reward=0.2),
    ]  # fmt: skip
    write_rows(tmp_path / "rows.jsonl", rows)
    config = sft.Config(per_prompt=2, min_reward=0.3)
    prepared = sft.prepare(tmp_path, given["model"], config, {})
    assert [example.id for example in prepared.examples] == ["p1/0", "p1/1"]
    assert prepared.left_out == {"heldout": 1, "unfinished": 1, "low_reward": 2, "beyond_per_prompt": 1}
    marks = {key_of(rows[1]): {"verdict": "reject"}, key_of(rows[3]): {"verdict": "edit", "text": "these two rivers"}}
    prepared = sft.prepare(tmp_path, given["model"], config, {"scores": marks})
    assert [example.id for example in prepared.examples] == ["p1/0", "p1/3"]
    learnt = prepared.template.decode([label for label in prepared.examples[1].labels if label >= 0])
    assert "these two rivers" in learnt and "It is 1 of the rivers." in learnt
    assert prepared.counts()["marks"] == {"reject": 1, "edit": 1}
    assert prepared.left_out["rejected"] == 1


def test_traces_without_a_reward_are_all_taken_and_that_is_said(given: dict[str, Path], tmp_path: Path) -> None:
    rows = [trace(number, sample, type="chosen") for number in range(4) for sample in range(3)]
    rows[0]["type"] = "rejected"
    for row in rows:
        del row["reward"]
    write_rows(tmp_path / "traces" / "rows.jsonl", rows)
    inputs = {**given, "scores": tmp_path / "traces"}
    plan = PlanContext(sft.Config(), inputs, 7, tmp_path)
    told, worse, *_ = sft.plan(plan)
    assert told.level == "note" and "12 traces have no reward" in told.text and told.text.endswith("per_prompt.")
    assert worse.level == "warning" and "{'rejected': 1}" in worse.text
    marks = {"scores": {key_of(rows[1]): {"scores": {"helpfulness": 1.0}}}}
    told, *_ = sft.plan(replace(plan, config=sft.Config(min_reward=0.5), marks=marks))
    assert told.level == "warning" and told.text.endswith("per_prompt, min_reward, the scores set by hand.")
    context = context_of(sft.Config(**{**SMALL, "max_steps": 1, "min_reward": 0.5}), inputs, tmp_path / "sft")
    summary = sft.run(context)
    assert (summary["rows"], summary["unscored"], summary["left_out"]) == (12, 12, {})
    assert {"per_prompt", "min_reward"} <= set(context.effective)


def test_red_on_the_data_board_stops_unless_somebody_answers_for_it(given: dict[str, Path], tmp_path: Path) -> None:
    refusal = "I'm sorry, but I can't help with that."
    rows = [
        trace(number, 0, answer=f"{refusal} {number}" if number < 3 else f"the rivers {number}") for number in range(12)
    ]
    write_rows(tmp_path / "scores" / "rows.jsonl", rows)
    inputs, small = {**given, "scores": tmp_path / "scores"}, {**SMALL, "max_steps": 1}
    fault, *_ = sft.plan(PlanContext(sft.Config(), inputs, 7, tmp_path))
    assert fault.level == "fault" and "red on refusals: 3 of 12" in fault.text and "accept_red" in fault.mend
    with pytest.raises(DataError, match="not fit to be learnt"):
        sft.run(context_of(sft.Config(**small), inputs, tmp_path / "stopped"))
    accepted = sft.Config(**small, accept_red=("refusals", "cut_off"))
    findings = sft.plan(PlanContext(accepted, inputs, 7, tmp_path))
    assert [finding.level for finding in findings[:2]] == ["warning", "note"]
    assert findings[1].text == "accept_red: cut_off is not red."
    recorder = Recorder()
    summary = sft.run(context_of(accepted, inputs, tmp_path / "sft", recorder))
    assert summary["accepted_red"] == {"refusals": {"value": 0.25, "hits": 3, "of": 12}}
    assert any("red on refusals" in row["text"] for row in recorder.of("alert"))
    marks = {"scores": {key_of(row): {"verdict": "reject"} for row in rows[:3]}}
    findings = sft.plan(PlanContext(sft.Config(), inputs, 7, tmp_path, marks))
    assert {finding.level for finding in findings} == {"note"}, "rejecting them is another way out"


def test_a_gate_that_is_none_cannot_be_accepted() -> None:
    with pytest.raises(ValidationError, match="`refusal` is no gate that stops SFT; did you mean `refusals`"):
        sft.Config(accept_red=("refusal",))
    with pytest.raises(ValidationError, match="no gate"):
        sft.Config(accept_red=("short_answers",))


def test_nothing_to_learn_is_an_error(given: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No trace is left"):
        sft.run(context_of(sft.Config(min_reward=2), given, tmp_path / "sft"))


def test_plan_shows_two_examples_with_their_mask(given: dict[str, Path], tmp_path: Path) -> None:
    findings = sft.plan(PlanContext(sft.Config(no_think_share=0.5, validation_share=0), given, 7, tmp_path))
    assert {finding.level for finding in findings} == {"note"}
    assert findings[0].data["rows"] == 14
    assert findings[0].data["no_think"] == 7
    shown = [finding.text for finding in findings if "⟦" in finding.text]
    assert len(shown) == 2 and all(text.endswith("<|im_end|>⟧") for text in shown)
    data = {key: value for finding in findings for key, value in finding.data.items()}
    assert data["total"] > 0 and data["disk"]["most"] > 0


def test_the_defaults_are_those_of_the_plan_of_phase_03e() -> None:
    config = json.loads(sft.Config().model_dump_json())
    assert config["learning_rate"] == 2e-4
    assert config["epochs"] == 3
    assert config["max_seq_length"] == 2048
    assert config["load_in_4bit"] and config["gradient_checkpointing"]
    assert (config["lora_r"], config["lora_alpha"], config["lora_dropout"]) == (16, 16, 0)
    assert len(config["lora_modules"]) == 7
    assert (config["batch_size"], config["gradient_accumulation"]) == (1, 8)
    assert (config["scheduler"], config["warmup_steps"], config["weight_decay"]) == ("linear", 5, 0.01)
    assert (config["optimizer"], config["seed"], config["no_think_share"]) == ("adamw_8bit", 3407, 0.1)


def test_broken_rows_are_named(given: dict[str, Path], tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.jsonl", [trace(0, 0)])
    with (tmp_path / "rows.jsonl").open("a", encoding="utf-8") as file:
        file.write("{]\n")
    with pytest.raises(DataError, match=r"rows\.jsonl, line 2"):
        sft.run(context_of(sft.Config(), {**given, "scores": tmp_path}, tmp_path / "sft"))
