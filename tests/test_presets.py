"""The presets that come with it: who teaches and judges in each, and what `plan` says where a key is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.catalog import CATALOG
from pipeline.engine import planner
from pipeline.engine.artifacts import Workspace
from pipeline.engine.config import RunConfig, check
from pipeline.engine.presets import compose
from pipeline.engine.rows import Row
from pipeline.engine.stage import PlanContext
from pipeline.tasks.rubric import DIMENSIONS

CONFIGS = Path(__file__).parents[1] / "configs"
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
    assert config.step("evaluate").inputs["models"] == ("base", "sft_merged", "grpo_merged", "strategy_b")
    assert config.step("export").inputs["model"] == ("grpo_merged",)
