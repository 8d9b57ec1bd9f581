import pytest

from pipeline.tasks.verdict.evidence import Evidence, Training
from pipeline.tasks.verdict.training import reward_rises
from pipeline.tasks.verdict.verdict import decide
from tests.tasks.verdict.given import THRESHOLDS, climbing, grpo


def test_reward_rises():
    risen = reward_rises(grpo(climbing(60, 0.3)), THRESHOLDS)
    assert risen.outcome == "met"
    assert risen.figure["steps"] == 60
    assert risen.figure["n"] == 15
    assert risen.figure["last_quarter"] - risen.figure["first_quarter"] == pytest.approx(risen.figure["mean"], abs=1e-5)
    assert reward_rises(grpo(climbing(60, 0.0)), THRESHOLDS).outcome == "not met"
    assert reward_rises(grpo(climbing(60, -0.3)), THRESHOLDS).outcome == "not met"


def test_reward_rises_by_hand():
    criterion = reward_rises(grpo([0.0] * 15 + [0.5] * 30 + [1.0] * 15), THRESHOLDS)
    assert (criterion.outcome, criterion.figure["mean"], criterion.figure["low"]) == ("met", 1.0, 1.0)


def test_reward_rises_is_not_measurable_on_too_few_steps_or_none():
    short = reward_rises(grpo(climbing(59, 0.5)), THRESHOLDS)
    assert (short.outcome, short.figure) == ("not measurable", {"steps": 59})
    assert reward_rises(Evidence(None, []), THRESHOLDS).outcome == "not measurable"
    assert reward_rises(grpo([None] * 80), THRESHOLDS).outcome == "not measurable"


def test_a_step_that_was_logged_twice_counts_once():
    rewards = climbing(59, 0.5)
    training = grpo(rewards).trainings[0]
    again = Training("grpo", "grpo", {}, [*training.metrics, *training.metrics[30:]])
    assert reward_rises(Evidence(None, [again]), THRESHOLDS).figure == {"steps": 59}


def trained(stage, steps=10, *, asked=10, effective=None, metrics=()):
    made = {
        "settings": {"max_steps": asked},
        "effective": effective or {},
        "summary": {"backend": "standard", "steps": steps},
    }
    return Training(stage, stage, made, list(metrics))


def smoke(*trainings):
    verdict = decide("smoke", Evidence(None, trainings), THRESHOLDS)
    return verdict["met"], {criterion["name"]: criterion["outcome"] for criterion in verdict["criteria"]}


def fallback(why):
    return {"backend": {"asked": "auto", "in_effect": "standard", "why": why}}


def test_smoke_is_met_by_two_trainings_that_ran_as_they_were_set():
    assert smoke(trained("sft"), trained("grpo"))[0] is True
    assert smoke(trained("sft", effective=fallback("Unsloth is not installed")), trained("grpo"))[0] is True


def test_smoke_sees_a_backend_that_crashed():
    crashed = trained("sft", effective=fallback("Unsloth failed before its first step was done: TritonError: x"))
    met, outcomes = smoke(crashed, trained("grpo"))
    assert not met
    assert outcomes == {"no_out_of_memory": "met", "no_backend_crash": "not met", "steps_completed": "met"}


def test_smoke_sees_settings_that_were_reduced_for_want_of_memory():
    reduced = {"batch_size": {"asked": 8, "in_effect": 4, "why": "out of GPU memory at step 3"}}
    met, outcomes = smoke(trained("sft"), trained("grpo", effective=reduced))
    assert not met
    assert outcomes["no_out_of_memory"] == "not met"


def test_smoke_shows_the_peak_of_memory():
    verdict = decide(
        "smoke",
        Evidence(
            None,
            [trained("sft", metrics=[{"step": 1, "memory_gpu": 5}, {"step": 2, "memory_gpu": 9}]), trained("grpo")],
        ),
        THRESHOLDS,
    )
    assert verdict["criteria"][0]["figure"]["peak_gpu_bytes"] == {"sft": 9, "grpo": None}


def test_smoke_counts_steps():
    assert smoke(trained("sft", steps=7), trained("grpo"))[1]["steps_completed"] == "not met"
    assert smoke(trained("sft", asked=0), trained("grpo"))[1]["steps_completed"] == "not measurable"
    met, outcomes = smoke(trained("sft"))
    assert not met
    assert set(outcomes.values()) == {"not measurable"}


def test_the_reason_that_is_no_crash_is_worded_as_the_backend_words_it(tmp_path, monkeypatch):
    from types import SimpleNamespace

    from pipeline.engine.events import Emitter
    from pipeline.engine.stage import Context
    from pipeline.training import backend

    monkeypatch.setattr(backend, "unsloth_installed", lambda: False)
    context = Context(SimpleNamespace(backend="auto"), {}, tmp_path, 7, Emitter(lambda *_: None))
    assert backend.choose(context) == "standard"
    assert smoke(trained("sft", effective=context.effective), trained("grpo"))[0] is True
