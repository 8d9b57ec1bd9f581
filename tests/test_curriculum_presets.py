"""The presets of the GPT track: the numbers of the seeds, and the chain from one to the next by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.catalog import CATALOG
from pipeline.engine.config import RunConfig, check
from pipeline.engine.errors import ConfigError
from pipeline.engine.fingerprints import path_hash
from pipeline.engine.presets import compose
from pipeline.tasks.questions import read_questions
from tui.form import fields_of

CONFIGS = Path(__file__).parents[1] / "configs"
PHASES = {
    "phase3a1-alpha": ("phase3a1_alpha", "base", 7e-5, 3500, 150, 4501),
    "phase3a1-beta": ("phase3a1_beta", "phase3a1_alpha", 5e-5, 2500, 100, 4502),
    "phase3a1-gamma": ("phase3a1_gamma", "phase3a1_beta", 5e-5, 2500, 100, 4503),
    "phase3a2": ("phase3a2", "phase3a1_gamma", 3e-5, 4000, 150, 4504),
}
"""Preset -> name, the model it starts from, learning rate, iterations, warm-up, epoch seed."""


def read(name: str, *overrides: str) -> RunConfig:
    return check(compose(name, [CONFIGS], overrides), CATALOG, lambda _: "model")


@pytest.mark.parametrize("name", PHASES)
def test_the_phases_have_the_seeds_numbers_and_start_from_one_another(name: str) -> None:
    label, start, rate, iterations, warmup, seed = PHASES[name]
    step = read(name).step("train")
    config: Any = step.settings
    assert (step.label, step.inputs["model"]) == (label, (start,))
    assert read(name).step("prepare").inputs["tokenizer"] == (start,)
    assert (config.learning_rate, config.max_iters, config.warmup_iters, config.epoch_seed) == (
        rate, iterations, warmup, seed,
    )  # fmt: skip
    assert (config.batch_size, config.block_size, config.dropout, config.weight_decay) == (16, 512, 0.05, 0.05)
    assert config.eval_interval == 100 and config.use_loss_mask and config.tie_weights


def test_the_chat_sft_of_the_second_seed() -> None:
    config: Any = read("chat-sft-750m").step("train").settings
    assert (config.learning_rate, config.max_iters, config.batch_size, config.dropout) == (5e-5, 5000, 10, 0.15)
    assert (config.epoch_seed, config.block_size, config.use_loss_mask) == (3301, 1024, True)
    assert config.band(5000)["expected_validation_high"] == 3 and config.band(0)["expected_loss_low"] == 8


@pytest.mark.parametrize("name", [*PHASES, "chat-sft-750m"])
def test_each_phase_has_evaluation_prompts_of_its_own(name: str) -> None:
    config: Any = read(name).step("train").settings
    assert read_questions(config.eval_prompts_file)


@pytest.mark.parametrize("name", [*PHASES, "chat-sft-750m"])
def test_what_the_form_shows_of_a_setting_is_read_as_the_same(name: str) -> None:
    """Tuples, paths and inputs too: every field written back as it stands changes nothing."""
    tree = compose(name, [CONFIGS], ())
    fields = [field for field in fields_of(tree, CATALOG) if field.written and "providers" not in field.step]
    assert {"train.eval_prompts_file", "train.learning_rate"} < {field.key for field in fields}
    again = read(name, *(f"{field.key}={field.written}" for field in fields))
    assert [step.settings for step in again.steps] == [step.settings for step in read(name).steps]
    assert [step.inputs for step in again.steps] == [step.inputs for step in read(name).steps]


def test_chat_sft_is_held_against_its_base() -> None:
    config = read("chat-sft-750m")
    sheets = {name: config.step(name) for name in ("answers_base", "answers_tuned")}
    assert {name: step.inputs["model"] for name, step in sheets.items()} == {
        "answers_base": ("tags",), "answers_tuned": ("train",),
    }  # fmt: skip
    assert config.step("evaluate").inputs["answers"] == (*sheets,), "the base first: it is the baseline"
    settings: Any = config.step("report").settings
    assert settings.criteria == "chat-sft"


def test_replay_is_a_share_of_the_output_but_for_3a_2_which_takes_its_files_whole() -> None:
    for name in ("phase3a1-beta", "phase3a1-gamma"):
        mixed: Any = read(name).step("mix").settings
        assert mixed.shares == (0.85, 0.15) and not mixed.whole and mixed.shuffle
    last: Any = read("phase3a2").step("mix")
    assert last.settings.whole and last.inputs["inputs"] == ("format_lock", "echo_beta")


def test_beta_on_echo_alone_is_a_setting() -> None:
    assert read("phase3a1-beta", "mix.enabled=false").step("prepare").inputs["rows"] == ("echo",)
    assert read("phase3a1-beta").step("prepare").inputs["rows"] == ("mix",)


def test_a_phase_whose_model_is_not_made_yet_says_so() -> None:
    with pytest.raises(ConfigError, match="no step, name or path `phase3a1_alpha`"):
        check(compose("phase3a1-beta", [CONFIGS], ()), CATALOG)


def test_what_a_preset_names_is_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = Path("configs/prompts/phase3a2.json")
    here = path_hash(named)
    monkeypatch.chdir(tmp_path)
    assert path_hash(named) == here and read_questions(named)
    (tmp_path / named).parent.mkdir(parents=True)
    (tmp_path / named).write_text("{}", encoding="utf-8")
    assert path_hash(named) != here  # one's own goes before


def test_the_tiny_curriculum_measures_on_what_it_never_trains_on() -> None:
    config = read("curriculum-tiny")
    steps: dict[str, Any] = {step.name: step.settings for step in config.steps}
    inputs = {step.name: step.inputs for step in config.steps}
    for name in ("beta_echo", "gamma_echo"):
        assert (steps[name].templates, steps[name].payloads) == ("train", "train")
    for name in ("unseen_words", "unseen_gibberish"):
        assert (steps[name].templates, steps[name].payloads) == ("heldout", "heldout")
    assert (steps["unseen_words"].gibberish, steps["unseen_gibberish"].gibberish) == ("exclude", "only")
    asked = {"beta_unseen": ("beta", "unseen_words", 0.95), "gamma_unseen": ("gamma", "unseen_gibberish", 0.9),
             "last_format": ("facts_learnt", "alpha_rows", 0.95),
             "last_facts": ("facts_learnt", "facts", 0.9)}  # fmt: skip
    for name, (model, rows, least) in asked.items():
        assert (inputs[name]["model"], inputs[name]["rows"], steps[name].least) == ((model,), (rows,), least)
        assert name in inputs["report"]["samples"]
    assert "rows" not in inputs["plain"], "the base reads plain text alone"
    assert steps["report"].criteria == "curriculum"
    chain = [inputs[name]["model"] for name in ("base", "alpha", "beta", "gamma", "facts_learnt", "export")]
    assert chain == [("pretrained",), ("base",), ("alpha",), ("beta",), ("gamma",), ("facts_learnt",)]
    prompts = {question.prompt: question.expected for question in read_questions(steps["last_prompts"].prompts_file)}
    for prompt, expected in (("Say hello.", "hello."), ("Say Hello.", "Hello."), ("Sag Hallo.", "Hallo."),
                             ("Repeat: Hello world", "Hello world"), ("Echo: Testing 123", "Testing 123")):  # fmt: skip
        assert prompts[prompt] == expected
