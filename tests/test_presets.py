"""The presets that come with it: who teaches and judges in each, and what `plan` says where a key is missing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.catalog import CATALOG
from pipeline.engine import planner
from pipeline.engine.artifacts import Workspace
from pipeline.engine.config import RunConfig, check
from pipeline.engine.presets import compose
from pipeline.engine.rows import Row, read_json, write_json
from pipeline.engine.stage import PlanContext
from pipeline.stages.answers import LIMITS
from pipeline.tasks.dimensions import DIMENSIONS
from pipeline.tasks.estimate.shape import read_shape
from pipeline.tasks.verdict.battery import fewest
from tests.tasks.estimate.tiny import QWEN3_8B

CONFIGS = Path(__file__).parents[1] / "configs"
NO_DOLPHIN = "answers_dolphin.enabled=false"
OFFLINE = ["providers.teacher.kind=offline", "providers.judge.kind=offline"]


def read(name: str, *overrides: str) -> RunConfig:
    return check(compose(name, [CONFIGS], overrides), CATALOG)


def askers(config: RunConfig) -> dict[str, str]:
    """Kind of provider of every step that asks one."""
    steps: dict[str, Any] = {step.name: step.settings for step in config.steps}
    return {
        "traces": steps["traces"].provider.kind,
        "judge": steps["judge"].judge.kind,
        "grpo": "offline" if "judge" not in steps["grpo"].asked else steps["grpo"].judge.kind,
    }


def planned(config: RunConfig, root: Path) -> list[Row]:
    """The plan up to the traces, which needs no network."""
    steps = tuple(step for step in config.steps if step.name in ("prompts", "traces"))
    short = RunConfig(config.preset, config.seed, steps)
    entries = planner.plan(short, Workspace(root))
    planner.inspect(entries, short, Workspace(root))
    return [finding for entry in entries for finding in entry.to_row()["findings"]]


@pytest.mark.parametrize("name", ["smoke", "quickstart", "nano", "strategy-b"])
def test_these_need_neither_key_nor_network(tmp_path: Path, name: str) -> None:
    config = read(name)
    assert askers(config) == {"traces": "offline", "judge": "offline", "grpo": "offline"}
    assert {finding["level"] for finding in planned(config, tmp_path)} == {"note"}


def test_entropy_joy_has_gemini_teach_and_judge(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config = read("entropy-joy")
    assert askers(config) == {"traces": "gemini", "judge": "gemini", "grpo": "gemini"}
    monkeypatch.delenv("GOOGLE_API_KEY", raising=False)
    monkeypatch.delenv("GEMINI_API_KEY", raising=False)
    told = planned(config, tmp_path)
    (fault,) = [finding for finding in told if finding["level"] == "fault"]
    assert "GEMINI_API_KEY" in fault["text"]
    (cost,) = [finding["data"] for finding in told if "cost" in finding["data"]]
    assert (cost["calls"], cost["cost"] > 0) == (3000, True)
    monkeypatch.setenv("GEMINI_API_KEY", "not-a-real-key")
    assert {finding["level"] for finding in planned(config, tmp_path)} == {"note"}


def test_two_overrides_take_it_offline(tmp_path: Path) -> None:
    config = read("entropy-joy", *OFFLINE)
    assert askers(config) == {"traces": "offline", "judge": "offline", "grpo": "offline"}
    assert {finding["level"] for finding in planned(config, tmp_path)} == {"note", "warning"}


def test_expanded_prompts_are_not_for_the_embedded_teacher(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "not-a-real-key")
    writer = "prompts.provider={kind='gemini',model='gemini-3-pro-preview'}"
    config = read("quickstart", "prompts.expand=0.5", writer)
    (fault,) = [finding for finding in planned(config, tmp_path) if finding["level"] == "fault"]
    assert "250 of the 500 prompts will not be for the embedded teacher" in fault["text"]


@pytest.mark.parametrize("name", ["quickstart", "nano", "strategy-b", "entropy-joy"])
def test_all_contestants_are_asked_the_same(name: str) -> None:
    """After SFT as well as after GRPO, the baseline first and the tuned one last."""
    config = read(name)
    names = config.step("evaluate").inputs["answers"]
    steps: list[Any] = [config.step(step) for step in names]
    assert names[0] == "answers_base" and {"answers_sft", "answers_grpo"} <= set(names)
    assert len({tuple(getattr(step.settings, limit) for limit in LIMITS) for step in steps}) == 1
    assert all(step.settings.battery and step.settings.heldout and step.settings.calibration for step in steps)


def test_other_limits_of_one_contestant_are_found_before_anything_runs(tmp_path: Path) -> None:
    config = read("quickstart", "answers_sft.max_tokens=64")
    entries = planner.plan(config, Workspace(tmp_path))
    planner.inspect(entries, config, Workspace(tmp_path))
    faults = {entry.step.name: f.text for entry in entries for f in entry.findings if f.level == "fault"}
    assert list(faults) == ["evaluate", "tournament"]
    assert all("answers_sft 64, answers_grpo 160)" in text for text in faults.values())


def test_the_verdict_of_the_plan_can_be_met_with_the_answers_that_are_asked() -> None:
    config = read("entropy-joy")
    assert config.step("report").settings.criteria == "entropy-joy"
    least = fewest(config.step("report").settings.thresholds.passes)
    asked = [step.settings for step in config.steps if step.stage.name == "answers"]
    assert all(settings.battery >= 2 * least for settings in asked), "one in eight may fail or be cut off"
    assert all(settings.thinking for settings in asked)


def test_a_workspaces_own_battery_is_asked_and_scored_anew(tmp_path: Path) -> None:
    """Another prompt makes other answers; another way of scoring makes another evaluation of the same ones."""

    def prints() -> list[str]:
        entries = {entry.step.name: entry for entry in planner.plan(read("quickstart"), Workspace(tmp_path))}
        return [entries[name].fingerprint for name in ("answers_base", "evaluate", "traces")]

    ours, own = prints(), tmp_path / "configs" / "battery.toml"
    own.parent.mkdir()
    text = (CONFIGS / "battery.toml").read_text("utf-8")
    own.write_text(text.replace("at_least = 7", "at_least = 6"), encoding="utf-8")
    scored = prints()
    own.write_text(text.replace("Twelve balls look alike", "Twelve coins look alike"), encoding="utf-8")
    asked = prints()
    assert [a == b for a, b in zip(ours, scored, strict=True)] == [True, False, True]
    assert [a == b for a, b in zip(ours, asked, strict=True)] == [False, False, True]


def test_dolphin_is_asked_first_and_one_override_leaves_it_out() -> None:
    config = read("entropy-joy")
    assert [step.name for step in config.steps][:2] == ["prompts", "answers_dolphin"], "while the GPU is free"
    named = ("answers_base", "answers_dolphin", "answers_sft", "answers_grpo")
    assert config.step("evaluate").inputs["answers"] == named
    without = read("entropy-joy", NO_DOLPHIN)
    assert without.step("evaluate").inputs["answers"] == ("answers_base", "answers_sft", "answers_grpo")


def test_a_reference_that_is_not_up_is_a_fault_that_says_how_to_go_without(tmp_path: Path) -> None:
    config = read("entropy-joy", "providers.lmstudio.base_url=http://127.0.0.1:9/v1")
    step = config.step("answers_dolphin")
    (fault,) = [f for f in step.stage.plan(PlanContext(step.settings, {}, 7, tmp_path)) if f.level == "fault"]
    assert "127.0.0.1:9" in fault.text and NO_DOLPHIN.removeprefix("answers_dolphin") in fault.mend


@pytest.mark.parametrize("name", ["smoke", "quickstart", "nano", "entropy-joy"])
def test_a_merge_takes_the_one_adapter_trained_before_it(name: str) -> None:
    steps = read(name).steps
    merges = [step for step in steps if step.stage.name == "merge"]
    assert merges
    for step in merges:
        before = [other.name for other in steps[: steps.index(step)] if other.stage.makes == "adapter"]
        assert step.inputs["adapter"] == (before[-1],)


def test_a_merge_takes_several_adapters_where_they_are_named() -> None:
    from pipeline.engine.errors import ConfigError

    steps = read("quickstart").steps
    adapters = [step.name for step in steps if step.stage.makes == "adapter"]
    last = [step.name for step in steps if step.stage.name == "merge"][-1]
    named = read("quickstart", f"steps.{last}.from.adapter={adapters!r}")
    assert len(adapters) > 1 and named.step(last).inputs["adapter"] == tuple(adapters)
    with pytest.raises(ConfigError, match="at least one adapter is needed"):
        read("quickstart", f"steps.{last}.from.adapter=[]")


def test_entropy_joy_foresees_what_grpo_asks_of_the_judge(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "not-a-real-key")
    config = read("entropy-joy").step("grpo").settings
    findings = CATALOG.stages["grpo"].plan(
        PlanContext(config, {}, 3407, tmp_path, {}, {"prompts": {"prompts": 500}, "model": {}})
    )
    (cost,) = [found.data for found in findings if "cost" in found.data]
    assert cost["calls"] == 250 * 8 + 5 * (3 * 8 + 2), "250 steps of 8 completions, canaries at every 50th"
    assert cost["cost"] > 0


def test_strategy_b_compares_both_strategies_on_the_same_prompts() -> None:
    config = read("strategy-b")
    joint, entropy, uncertainty = (config.step(name) for name in ("grpo", "entropy", "uncertainty"))
    alone = {"entropy_reduction": entropy, "calibrated_uncertainty": uncertainty}
    for dimension, step in alone.items():
        weights = step.settings.weights
        assert {name for name in DIMENSIONS if weights.of(name)} == {dimension}
        assert step.settings.only_applicable and step.inputs["model"] == joint.inputs["model"] == ("sft_merged",)
        shared = {key: value for key, value in joint.settings.model_dump().items() if key != "weights"}
        assert {key: value for key, value in step.settings.model_dump().items() if key != "weights"} == shared
    merged = config.step("strategy_b")
    assert merged.inputs["adapter"] == ("entropy", "uncertainty") and merged.settings.method == "ties"
    answers = ("answers_base", "answers_sft", "answers_grpo", "answers_strategy_b")
    assert config.step("evaluate").inputs["answers"] == answers
    assert config.step("answers_strategy_b").inputs["model"] == ("strategy_b",)
    assert config.step("export").inputs["model"] == ("grpo_merged",)


def known_model(folder: Path) -> Path:
    """Qwen3-8B without its weights: config.json and a tokenizer."""
    from pipeline.training.tokenizer import train_tokenizer
    from tests.training.tiny_qwen import TEXTS

    train_tokenizer(TEXTS * 4, 320, 40960).save_pretrained(folder)
    write_json(folder / "config.json", {**QWEN3_8B, "architectures": ["Qwen3ForCausalLM"], "dtype": "bfloat16"})
    return folder


def test_entropy_joys_adapter_on_qwen3_8b_has_the_parameters_of_the_formula() -> None:
    torch = pytest.importorskip("torch")
    peft = pytest.importorskip("peft")
    from transformers import Qwen3Config, Qwen3ForCausalLM

    described = {key: value for key, value in QWEN3_8B.items() if key != "model_type"}
    settings: Any = read("entropy-joy").step("sft").settings
    with torch.device("meta"):
        model = Qwen3ForCausalLM(Qwen3Config(**described))
        laid = peft.LoraConfig(
            r=settings.lora_r, lora_alpha=settings.lora_alpha, target_modules=list(settings.lora_modules)
        )
        tuned = peft.get_peft_model(model, laid)
    trainable, everything = tuned.get_nb_trainable_parameters()
    shape = read_shape(QWEN3_8B)
    assert settings.lora_r == 16
    assert trainable == shape.adapter(16, settings.lora_modules) == 43_646_976
    assert everything - trainable == shape.linear() + shape.rest() == 8_190_735_360


def test_entropy_joy_without_the_weights_says_so_first_and_plans_the_rest(tmp_path: Path) -> None:
    source = known_model(tmp_path / "qwen3-8b")
    config = read("entropy-joy", *OFFLINE, NO_DOLPHIN, f"base.source={source}")
    planned = planner.plan(config, Workspace(tmp_path))
    planner.inspect(planned, config, Workspace(tmp_path), gpu=16 * 2**30)
    found = [(entry.step.name, finding) for entry in planned for finding in entry.findings]
    step, first = next((step, finding) for step, finding in found if finding.level == "fault")
    assert (step, "lacks model.safetensors" in first.text) == ("base", True)
    data = {entry.step.name: {k: v for f in entry.findings for k, v in f.data.items()} for entry in planned}
    for name in ("sft", "grpo"):
        assert data[name]["trainable"] == 43_646_976
        assert data[name]["fits"], "the plan is one for a GPU of 16 GB"
    assert data["sft_merged"]["disk"]["stays"] > 2 * 8_190_735_360
    assert data["export"]["disk"]["most"] > data["export"]["disk"]["stays"] > 8_190_735_360 * 6 / 8


@pytest.mark.slow
def test_entropy_joy_runs_in_full_on_a_tiny_base(tmp_path: Path) -> None:
    """Every stage with the plan's own settings, but few steps, and short answers in the examination."""
    small = [
        "base.source=tiny", "base.steps=60", "sft.max_steps=6", "grpo.max_steps=2", NO_DOLPHIN,
    ]  # fmt: skip
    small += [
        f"answers_{who}.{setting}"
        for who in ("base", "sft", "grpo")
        for setting in ("limit=10", "max_tokens=64", "battery=1")
    ]
    words = [word for override in [*OFFLINE, *small] for word in ("--set", override)]
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "run", "entropy-joy", "--root", str(tmp_path), "--json", *words],
        capture_output=True, text=True, check=False, encoding="utf-8",
    )  # fmt: skip
    assert done.returncode == 4, done.stdout + done.stderr
    steps = {step["name"]: step for step in json.loads(done.stdout)["steps"]}
    assert [step["state"] for step in steps.values()] == ["done"] * 15
    criteria = {entry["name"]: entry["outcome"] for entry in steps["report"]["summary"]["verdict"]["criteria"]}
    assert list(criteria) == ["keeps_reasoning", "redirects", "still_thinks", "no_more_refusals", "dimensions_improve"]
    assert criteria["dimensions_improve"] == "not measurable", "ten prompts show nothing"
    coverage = steps["tournament"]["summary"]["coverage"]
    assert coverage.pop("asked") == 30 == sum(coverage.values())
    made = {name: read_json(Path(step["artifact"]) / "made.json") for name, step in steps.items()}
    assert made["sft"]["effective"]["max_seq_length"]["in_effect"] == 1024
    assert made["grpo"]["effective"]["max_completion_length"]["in_effect"] == 512
    assert (made["sft"]["summary"]["steps"], made["grpo"]["summary"]["steps"]) == (6, 2)
    summary = made["sft"]["summary"]
    assert summary["rows"] + summary["validation"]["rows"] == 800 and not made["sft"]["summary"]["left_out"].get(
        "too_long"
    )
    assert set(steps["export"]["summary"]["files"]) == {"model-Q8_0.gguf"}, "its rows are too narrow for Q6_K"
    assert list(steps["evaluate"]["summary"]["contestants"]) == ["answers_base", "answers_sft", "answers_grpo"]
