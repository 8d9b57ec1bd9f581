import random

import pytest

from pipeline.tasks.comparison import Bootstrap, compare
from pipeline.tasks.dimensions import CONTENT_DIMENSIONS, DIMENSIONS
from pipeline.tasks.verdict import (
    CRITERIA,
    Evidence,
    Thresholds,
    Training,
    beats_baseline,
    decide,
    improves_content,
    keeps_sft,
    reward_rises,
)

THRESHOLDS = Thresholds()


def evaluation(gains, *, prompts=80, spread=0.1, dimension_gains=None, applies=None, **circumstances):
    """An evaluation whose contestants gain so much over the first; every prompt differs by a seeded spread."""
    draw = random.Random("verdict")
    rows = []
    for name, gain in gains.items():
        for number in range(prompts):
            scores = {
                dimension: 0.4 + (dimension_gains or {}).get(name, {}).get(dimension, gain) + draw.gauss(0, spread)
                if number < (applies or {}).get(dimension, prompts)
                else None
                for dimension in DIMENSIONS
            }
            rows.append(
                {
                    "contestant": name,
                    "prompt_id": f"p{number}",
                    "category": "conflict",
                    "thought": "",
                    "outcome": "answered",
                    "tokens": 9,
                    "scores": scores,
                    "reward": 0.4 + gain + draw.gauss(0, spread),
                }
            )
    compared = compare(rows, list(gains), Bootstrap(7, 1000, circumstances.get("confidence", 0.95)))
    return {"split": "heldout", "confidence": 0.95, **compared, **circumstances}


def evidence(gains, **options):
    return Evidence(evaluation(gains, **options), [])


def grpo(rewards):
    rows = [{"step": step, "loss": 0.0, "reward": reward} for step, reward in enumerate(rewards, 1)]
    return Evidence(None, [Training("grpo", "grpo", {}, rows)], seed=7)


def climbing(steps, slope, noise=0.05):
    draw = random.Random("climb")
    return [0.4 + slope * step / steps + draw.gauss(0, noise) for step in range(steps)]


def test_beats_baseline_is_met_by_an_interval_above_zero_alone():
    assert beats_baseline(evidence({"base": 0.0, "tuned": 0.2}), THRESHOLDS).outcome == "met"
    lucky = beats_baseline(evidence({"base": 0.0, "tuned": 0.03}, spread=0.2), THRESHOLDS)
    assert lucky.outcome == "not met"
    assert lucky.figure["mean"] > 0 > lucky.figure["low"], "a point estimate above zero is not enough"
    assert beats_baseline(evidence({"base": 0.0, "tuned": -0.2}), THRESHOLDS).outcome == "not met"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"prompts": 59}, "59 prompts were scored for both, fewer than 60"),
        ({"split": "train"}, "not held out"),
        ({"confidence": 0.8}, "at 80%, not 95%"),
    ],
)
def test_beats_baseline_is_not_measurable_on_weak_evidence(options, why):
    criterion = beats_baseline(evidence({"base": 0.0, "tuned": 0.3}, **options), THRESHOLDS)
    assert criterion.outcome == "not measurable"
    assert why in criterion.why


def test_beats_baseline_needs_an_evaluation_of_two():
    assert beats_baseline(evidence({"base": 0.0}), THRESHOLDS).outcome == "not measurable"
    assert "no evaluation" in beats_baseline(Evidence(None, []), THRESHOLDS).why


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


def test_keeps_sft_asks_that_a_loss_beyond_the_margin_is_ruled_out():
    assert keeps_sft(evidence({"base": 0.0, "sft": 0.3, "grpo": 0.3}, spread=0.02), THRESHOLDS).outcome == "met"
    small_loss = keeps_sft(evidence({"base": 0.0, "sft": 0.3, "grpo": 0.295}, spread=0.01), THRESHOLDS)
    assert small_loss.outcome == "met"
    assert small_loss.figure["mean"] < 0, "a loss within the margin is no undoing"
    assert keeps_sft(evidence({"base": 0.0, "sft": 0.3, "grpo": 0.2}, spread=0.02), THRESHOLDS).outcome == "not met"
    unsure = keeps_sft(evidence({"base": 0.0, "sft": 0.3, "grpo": 0.3}, spread=0.3), THRESHOLDS)
    assert unsure.outcome == "not met"
    assert "not ruled out" in unsure.why


def test_keeps_sft_measures_a_loss_by_what_sft_gained():
    loss = evidence({"base": 0.0, "sft": 0.5, "grpo": 0.46}, spread=0.01)
    assert keeps_sft(loss, THRESHOLDS).outcome == "met"
    assert keeps_sft(loss, THRESHOLDS).figure["margin"] == pytest.approx(0.05, abs=0.001)
    assert keeps_sft(evidence({"base": 0.0, "sft": 0.1, "grpo": 0.06}, spread=0.01), THRESHOLDS).outcome == "not met"
    nothing = keeps_sft(evidence({"base": 0.0, "sft": 0.0, "grpo": 0.3}, spread=0.1), THRESHOLDS)
    assert nothing.outcome == "not measurable"
    assert "taught nothing" in nothing.why


def test_keeps_sft_sees_a_dimension_that_was_traded_away():
    gains = {"base": 0.0, "sft": 0.3, "grpo": 0.32}
    traded = {"grpo": {"helpfulness": 0.1}}
    criterion = keeps_sft(evidence(gains, spread=0.02, dimension_gains=traded), THRESHOLDS)
    assert criterion.outcome == "not met"
    assert criterion.figure["undone"] == ["helpfulness"]
    rare = keeps_sft(evidence(gains, spread=0.02, dimension_gains=traded, applies={"helpfulness": 5}), THRESHOLDS)
    assert rare.outcome == "met", "five prompts show nothing of a dimension"


def test_keeps_sft_needs_the_model_between():
    criterion = keeps_sft(evidence({"base": 0.0, "grpo": 0.3}), THRESHOLDS)
    assert criterion.outcome == "not measurable"
    assert keeps_sft(Evidence(None, []), THRESHOLDS).outcome == "not measurable"


def test_improves_content_needs_one_of_the_three_and_reports_all():
    form_alone = {"tuned": dict.fromkeys(CONTENT_DIMENSIONS, 0.0)}
    criterion = improves_content(evidence({"base": 0.0, "tuned": 0.3}, dimension_gains=form_alone), THRESHOLDS)
    assert criterion.outcome == "not met"
    one = {"tuned": {**form_alone["tuned"], "conflict_resolution": 0.2}}
    criterion = improves_content(evidence({"base": 0.0, "tuned": 0.3}, dimension_gains=one), THRESHOLDS)
    assert criterion.outcome == "met"
    assert set(criterion.figure) == set(CONTENT_DIMENSIONS)
    assert all(name.replace("_", " ") in criterion.why for name in CONTENT_DIMENSIONS)


def test_improves_content_is_not_measurable_where_none_applies_often_enough():
    rare = dict.fromkeys(CONTENT_DIMENSIONS, 9)
    criterion = improves_content(evidence({"base": 0.0, "tuned": 0.3}, applies=rare), THRESHOLDS)
    assert criterion.outcome == "not measurable"
    rare["helpfulness"] = 10
    criterion = improves_content(evidence({"base": 0.0, "tuned": 0.3}, applies=rare), THRESHOLDS)
    assert criterion.outcome == "met"
    assert criterion.why.count("not measurable") == 2
    assert improves_content(Evidence(None, []), THRESHOLDS).outcome == "not measurable"


def test_a_verdict_is_met_only_if_every_criterion_is():
    good = evaluation({"base": 0.0, "sft": 0.3, "grpo": 0.33}, spread=0.02)
    training = grpo(climbing(60, 0.4)).trainings
    verdict = decide("quickstart", Evidence(good, training), THRESHOLDS)
    assert (verdict["outcome"], verdict["met"]) == ("met", True)
    assert len(verdict["criteria"]) == 4
    without = decide("quickstart", Evidence(good, []), THRESHOLDS)
    assert (without["outcome"], without["met"]) == ("not measurable", False)
    bad = evaluation({"base": 0.0, "sft": 0.3, "grpo": -0.1}, spread=0.02)
    failed = decide("quickstart", Evidence(bad, []), THRESHOLDS)
    assert (failed["outcome"], failed["met"]) == ("not met", False)
    assert "not measurable" in [criterion["outcome"] for criterion in failed["criteria"]]


def test_nothing_asked_is_no_verdict():
    assert decide("none", Evidence(None, []), THRESHOLDS) == {
        "asked": "none",
        "outcome": "not asked",
        "met": None,
        "criteria": [],
    }


@pytest.mark.parametrize("asked", list(CRITERIA))
def test_without_evidence_nothing_is_met(asked):
    verdict = decide(asked, Evidence(None, []), THRESHOLDS)
    assert all(criterion["outcome"] == "not measurable" for criterion in verdict["criteria"])
    assert not verdict["met"]


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
