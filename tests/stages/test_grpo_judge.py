"""GRPO against a judge behind a wire, through account and ledger; and what looks on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.engine.errors import ProviderError, StageFailed
from pipeline.engine.rows import Row, read_rows, write_rows
from pipeline.engine.stage import Context, PlanContext
from pipeline.scoring import reward as rewards
from pipeline.stages import grpo
from pipeline.tasks.dimensions import DIMENSIONS
from tests.scoring.marking import scorer
from tests.servers.loopback import fingerprint
from tests.servers.openai import KEY, MODEL, OpenAIServer
from tests.servers.script import Rule, Script
from tests.stages.judge_desk import verdict
from tests.training.rig import TRUTH, PowerCut, Recorder, at_step, context_of, inputs, metrics, power_cut, prompt

SMALL: dict[str, Any] = {
    "backend": "standard", "load_in_4bit": False, "epochs": 1.2, "batch_size": 8, "gradient_accumulation": 1,
    "max_completion_length": 6, "save_every": 1, "learning_rate": 1e-2, "show_every": 2, "canaries": 0,
    "scorers": {"judge": 1.0},
}  # fmt: skip
"""5 prompts, 2 a step: 3 steps of 8 completions."""
WEIGHTS = "adapter_model.safetensors"


def level(body: Any) -> tuple[str, str]:
    """A verdict that follows from the question alone."""
    return verdict(int(fingerprint(body["messages"]), 16) % 5), ""


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return inputs(tmp_path_factory.mktemp("given"))


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(answer=level) as server:
        yield server


def config_of(server: OpenAIServer, **settings: Any) -> grpo.Config:
    judge = {"kind": "openai", "model": MODEL, "base_url": server.base_url, "workers": 4, "timeout": 20}
    return grpo.Config.model_validate({"judge": judge, **SMALL, **settings})


def at(context: Context, root: Path) -> Context:
    """The context in a workspace of its own, whose ledger it shares with others there."""
    return replace(context, root=root, run="run", step="grpo")


def asked(server: OpenAIServer) -> Counter[str]:
    """Questions that came, and how often each."""
    return Counter(fingerprint(body["messages"]) for body in server.bodies)


def steps_of(recorder: Recorder) -> list[Row]:
    """The metrics of the trainer, without those of the account."""
    return [row for row in recorder.of("metric") if "loss" in row]


def test_every_completion_is_marked_by_the_judge_and_equal_ones_at_once(
    given: dict[str, Path], server: OpenAIServer, tmp_path: Path
) -> None:
    recorder = Recorder()
    summary = grpo.run(at(context_of(config_of(server), given, tmp_path / "grpo", recorder), tmp_path))
    assert (summary["steps"], summary["completions"], summary["unmarked"], summary["lost"]) == (3, 24, 0, {})
    assert set(asked(server).values()) == {1}
    assert summary["spend"]["calls"] == len(asked(server)) <= 24
    shown = recorder.of("item")
    assert len(shown) == 8 and {round(row["reward"], 6) for row in shown} <= {0.0, 0.25, 0.5, 0.75, 1.0}
    assert {row["step"] for row in recorder.of("metric") if "spend" in row} <= {1, 2, 3}
    for row in steps_of(recorder):
        assert row["score/helpfulness"] == pytest.approx(row["reward"]) and row["unmarked"] == 0


def test_equal_completions_share_a_mark(given: dict[str, Path], server: OpenAIServer, tmp_path: Path) -> None:
    config = config_of(server, temperature=1e-4, max_steps=1)
    summary = grpo.run(at(context_of(config, given, tmp_path / "grpo"), tmp_path))
    assert summary["completions"] == 8 and sum(asked(server).values()) == 2, "one a prompt"


def test_a_killed_training_asks_nothing_twice(given: dict[str, Path], server: OpenAIServer, tmp_path: Path) -> None:
    whole, parted = tmp_path / "whole" / "grpo", tmp_path / "parted" / "grpo"
    grpo.run(at(context_of(config_of(server), given, whole), whole.parent))
    before = asked(server)
    with pytest.raises(PowerCut):
        grpo.run(at(context_of(config_of(server), given, parted, at_step(3, power_cut)), parted.parent))
    grpo.run(at(context_of(config_of(server), given, parted), parted.parent))
    assert asked(server) == before + before, "once for each of the two trainings, and not for what was done again"
    assert (parted / WEIGHTS).read_bytes() == (whole / WEIGHTS).read_bytes()
    assert metrics(parted) == metrics(whole)


def test_what_the_judge_cannot_mark_has_no_reward_and_is_counted(given: dict[str, Path], tmp_path: Path) -> None:
    """Of prompt 2 everything is blocked, of prompt 3 cut off, of prompt 4 no verdict; the others get marks."""
    script = Script([
        Rule("safety", match="Name 2 rivers"), Rule("cut", match="Name 3 rivers"),
        Rule("text nothing of use", match="Name 4 rivers"),
    ])  # fmt: skip
    recorder = Recorder()
    with OpenAIServer(answer=level, script=script) as server:
        config = config_of(server, temperature=5.0, scorers={"judge": 1.0, "offline": 0.0}, show_every=1, max_steps=0)
        summary = grpo.run(at(context_of(config, given, tmp_path / "grpo", recorder), tmp_path))
    rows = list(read_rows(tmp_path / "grpo" / "metrics.jsonl"))
    unmarked = sum(row["unmarked"] for row in rows)
    assert summary["unmarked"] == unmarked >= 12 and summary["completions"] == 24
    assert summary["lost"].keys() == {"blocked", "cut off", "invalid"} and sum(summary["lost"].values()) <= unmarked
    for row in rows:
        assert (row["reward"] is None) == (row["unmarked"] == 8)
    shown = {row["prompt_id"]: row["reward"] for row in recorder.of("item")}
    assert all((reward is None) == (name in ("p2", "p3", "p4")) for name, reward in shown.items())


def test_a_mixture_goes_on_with_who_gave_a_mark(given: dict[str, Path], tmp_path: Path) -> None:
    with OpenAIServer(answer=level, script=Script([Rule("safety", match="Name")])) as server:
        both = config_of(server, scorers={"judge": 9.0, "offline": 1.0}, max_steps=1)
        grpo.run(at(context_of(both, given, tmp_path / "both"), tmp_path))
    grpo.run(context_of(config_of(server, scorers={"offline": 1.0}, max_steps=1), given, tmp_path / "alone"))
    assert metrics(tmp_path / "both") == metrics(tmp_path / "alone")


def test_a_key_that_is_refused_ends_the_step(given: dict[str, Path], tmp_path: Path) -> None:
    with OpenAIServer(answer=level, key=KEY) as server, pytest.raises(ProviderError, match="key"):
        grpo.run(at(context_of(config_of(server), given, tmp_path / "grpo"), tmp_path))


def test_canaries_are_asked_about_at_every_save_and_paid_for_once(
    given: dict[str, Path], server: OpenAIServer, tmp_path: Path
) -> None:
    config = config_of(server, canaries=2, num_generations=8)
    summary = grpo.run(at(context_of(config, given, tmp_path / "grpo"), tmp_path))
    assert (summary["steps"], summary["prompts"]) == (6, 5)
    for row in read_rows(tmp_path / "grpo" / "metrics.jsonl"):
        assert {"canary/keyword_soup", "canary/padding", "canary/copied_prompt"} <= row.keys()
    assert set(asked(server).values()) == {1}
    planned = sum(grpo.calls(config, 5).values())
    assert planned == 6 * 8 + 6 * (3 * 2 + 1) and sum(asked(server).values()) < planned


def test_the_training_stops_when_the_reward_is_gamed(
    given: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reward grows with every step; the judge that looks on gives a level less at every check."""
    calls = Counter[str]()
    monkeypatch.setattr(rewards, "offline", scorer(lambda *_: calls.update(["mark"]) or calls["mark"] / 1000))

    def falling(_: Any) -> tuple[str, str]:
        step = calls["mark"] // 8
        return verdict(4 - step // 2), ""

    with OpenAIServer(answer=falling) as server:
        config = config_of(
            server,
            scorers={"offline": 1.0},
            heldout_scorer="judge",
            check_every=2,
            epochs=8,
            temperature=50.0,
            max_completion_length=24,  # so that no two are equal
        )
        recorder = Recorder()
        with pytest.raises(StageFailed, match="The reward is being gamed: 3 times in a row") as error:
            grpo.run(at(context_of(config, given, tmp_path / "grpo", recorder), tmp_path))
    rows = list(read_rows(tmp_path / "grpo" / "metrics.jsonl"))
    assert rows == steps_of(recorder) and rows[-1]["step"] == 7, "checks at 1, 3, 5 and 7"
    looked = [row["heldout_reward"] for row in rows if "heldout_reward" in row]
    assert len(looked) == 4 and looked == sorted(set(looked), reverse=True)
    assert "step 1: reward [" in error.value.what and "; step 7: reward [" in error.value.what
    assert "checkpoint" in error.value.why and "scorers" in error.value.mend
    assert not (tmp_path / "grpo" / WEIGHTS).exists()


def test_prompts_on_which_nothing_can_be_earned_are_left_out(given: dict[str, Path]) -> None:
    unknown = TRUTH | {"unknown": [{"name": "source", "terms": ["source"]}]}
    rows = [prompt(0), prompt(1, truth=unknown), prompt(2, truth=None)]
    alone = dict.fromkeys(DIMENSIONS, 0.0) | {"calibrated_uncertainty": 1.0}

    def chosen(**settings: Any) -> tuple[list[str], Row]:
        config = grpo.Config.model_validate({"max_completion_length": 100, "max_seq_length": 512, **settings})
        found, left_out, _ = grpo.select(rows, given["model"], config, {})
        return [row["id"] for row in found], left_out

    assert chosen() == (["p0", "p1"], {"no_truth": 1})
    assert chosen(weights=alone) == (["p1"], {"not_applicable": 1, "no_truth": 1})
    assert chosen(weights=alone, only_applicable=False) == (["p0", "p1"], {"no_truth": 1})
    remote = {"kind": "openai", "model": MODEL, "base_url": "http://127.0.0.1:9"}
    against = {"scorers": {"judge": 1.0}, "judge": remote}
    assert chosen(weights=alone, **against) == (["p1", "p2"], {"not_applicable": 1}), "of p2 nothing is known"


def test_plan_foresees_the_calls_of_the_whole_training(given: dict[str, Path], tmp_path: Path) -> None:
    remote = {"kind": "gemini", "model": "gemini-3-pro-preview"}
    config = grpo.Config.model_validate(
        {**SMALL, "canaries": 4, "judge": remote, "max_completion_length": 100, "max_seq_length": 512}
    )
    findings = grpo.plan(PlanContext(config, given, 7, tmp_path))
    (cost,) = [found.data for found in findings if "cost" in found.data]
    assert cost["calls"] == 3 * 8 + 3 * (3 * 4 + 2) and cost["cost"] > 0
    twice = config.model_copy(update={"num_iterations": 2, "heldout_scorer": "judge", "scorers": {"offline": 1.0}})
    assert grpo.calls(twice, 5) == {"held-out check": 1 * 8}, "6 steps on 3 draws, checked every 10"


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"judge": {"kind": "offline"}}, "`judge` has no effect: no scorer"),
        ({"rubric": "mine.toml"}, "`rubric` has no effect"),
        ({"check_every": 5}, "`check_every` has no effect"),
        ({"scorers": {"judge": 1}, "judge": {"kind": "offline", "max_tokens": 5}}, "`judge.max_tokens` has no effect"),
        ({"scorers": {"judge": 1}, "judge": {"kind": "gemini", "model": "g", "batch": True}}, "`judge.batch` has no"),
        (
            {"heldout_scorer": "judge", "judge": {"kind": "gemini", "model": "g"}, "num_generations": 8},
            "can stop nothing: with one prompt a step",
        ),
    ],
)
def test_what_has_no_effect_is_said_before_the_run(tmp_path: Path, settings: Row, text: str) -> None:
    findings = grpo.plan(PlanContext(grpo.Config.model_validate(settings), {}, 7, tmp_path))
    assert [found.level for found in findings if text in found.text] == ["warning"]


def test_marks_of_another_judge_or_rubric_are_others() -> None:
    remote = {"kind": "openai", "model": MODEL, "base_url": "http://127.0.0.1:9"}
    pins = [
        grpo.STAGE.pins(grpo.Config.model_validate(settings))
        for settings in ({}, {"judge": remote}, {"judge": remote, "scorers": {"judge": 1.0}})
    ]
    assert pins[0] == pins[1] != pins[2] and pins[2].keys() == {"remote_rubric"}
    both = grpo.Config.model_validate({"judge": remote, "scorers": {"judge": 1.0}, "heldout_scorer": "offline"})
    assert grpo.STAGE.pins(both) == pins[0] | pins[2]


def test_one_prompt_at_least_is_left(given: dict[str, Path], tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.jsonl", [prompt(0)])
    alone = dict.fromkeys(DIMENSIONS, 0.0) | {"harm_avoidance": 1.0}
    config = grpo.Config.model_validate({"weights": alone, "max_completion_length": 50, "max_seq_length": 512})
    findings = grpo.plan(PlanContext(config, {**given, "prompts": tmp_path}, 7, tmp_path))
    assert any(found.level == "fault" and "'not_applicable': 1" in found.text for found in findings)
