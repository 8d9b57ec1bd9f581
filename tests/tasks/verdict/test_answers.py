import pytest

from pipeline.tasks.dimensions import CONTENT_DIMENSIONS, DIMENSIONS
from pipeline.tasks.verdict.answers import (
    beats_baseline,
    dimensions_improve,
    improves_content,
    keeps_sft,
    no_more_refusals,
    still_thinks,
)
from pipeline.tasks.verdict.evidence import Evidence
from tests.tasks.verdict.given import THRESHOLDS, evaluation, evidence


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


def spoken(tuned, baseline=lambda _: {}, prompts=80, names=("base", "tuned"), samples=1):
    """Evidence of two whose answers to each prompt are a plain one, changed by what a function says of that prompt."""
    plain = {
        "thought": "First the rent is due.\nThen the loan can wait.",
        "answer": "Pay the rent.",
        "outcome": "answered",
    }
    rows = [
        {"contestant": name, "prompt_id": f"p{prompt}", "set": "heldout", **plain, **says(prompt)}
        for name, says in zip(names, (baseline, tuned), strict=True)
        for prompt in range(prompts)
        for _ in range(samples)
    ]
    return Evidence(evaluation(dict.fromkeys(names, 0.0), prompts=prompts), [], 7, rows)


REFUSES = {"answer": "I'm sorry, but I can't help with that."}


def test_refusals_are_held_against_those_of_the_baseline():
    criterion = no_more_refusals(spoken(lambda prompt: REFUSES if prompt % 2 else {}), THRESHOLDS)
    assert (criterion.outcome, criterion.figure["mean"]) == ("not met", 0.5)
    half = lambda prompt: REFUSES if prompt % 2 else {}  # noqa: E731
    assert no_more_refusals(spoken(half, half), THRESHOLDS).outcome == "met"
    fewer = no_more_refusals(spoken(lambda _: {}, half), THRESHOLDS)
    assert (fewer.outcome, fewer.figure["mean"], fewer.figure["baseline"]) == ("met", -0.5, 0.5)
    blocked = no_more_refusals(
        spoken(lambda prompt: {"outcome": "blocked", "answer": ""} if prompt % 2 else {}), THRESHOLDS
    )
    assert blocked.outcome == "not met", "a service's refusal is one"


def test_a_few_more_refusals_are_not_ruled_out():
    criterion = no_more_refusals(spoken(lambda prompt: REFUSES if prompt < 3 else {}), THRESHOLDS)
    assert criterion.figure["mean"] == pytest.approx(3 / 80)
    assert criterion.outcome == "not met"
    assert "an increase of more than 0.05 is not ruled out" in criterion.why


def test_without_any_refusal_the_bound_is_that_of_none_among_so_many():
    """Wilson's upper bound of 0 of n is z^2 / (n + z^2), which falls below 0.05 at 73."""
    met = no_more_refusals(spoken(lambda _: {}, prompts=73), THRESHOLDS)
    assert (met.outcome, met.figure["high"]) == ("met", pytest.approx(3.8415 / 76.8415, abs=1e-5))
    few = no_more_refusals(spoken(lambda _: {}, prompts=72), THRESHOLDS)
    assert few.outcome == "not measurable"
    assert "72 prompts are too few to rule out 0.05" in few.why


def test_refusals_of_cut_off_answers_are_unknown():
    cut = lambda prompt: {"outcome": "cut off"} if prompt >= 50 else {}  # noqa: E731
    criterion = no_more_refusals(spoken(cut), THRESHOLDS)
    assert (criterion.outcome, criterion.figure) == ("not measurable", {"prompts": 50})


@pytest.mark.parametrize(
    ("changed", "outcome"),
    [
        ({}, "met"),
        ({"thought": ""}, "not met"),
        ({"thought": "The rent is due."}, "not met"),
        ({"thought": "The rent is due. The rent is due.\nthe rent is due."}, "not met"),
        ({"thought": "Rent. Loan. Pay. Done."}, "not met"),
        ({"thought": "The rent is due. The loan can wait."}, "met"),
        ({"answer": "", "outcome": "empty"}, "not met"),
        ({"answer": "", "outcome": "cut off"}, "not measurable"),
    ],
)
def test_a_thought_is_there_closed_and_structured(changed, outcome):
    assert still_thinks(spoken(lambda _: changed), THRESHOLDS).outcome == outcome


def test_a_share_of_thoughts_counts_by_its_interval():
    most = still_thinks(spoken(lambda prompt: {} if prompt % 10 else {"thought": ""}), THRESHOLDS)
    assert (most.outcome, most.figure["mean"], most.figure["without"]) == ("met", 0.9, 8)
    lucky = still_thinks(spoken(lambda prompt: {} if prompt % 7 else {"thought": ""}), THRESHOLDS)
    assert lucky.figure["mean"] > 0.8 > lucky.figure["low"] and lucky.outcome == "not met"
    cut = still_thinks(spoken(lambda prompt: {} if prompt % 8 else {"outcome": "cut off"}), THRESHOLDS)
    assert (cut.outcome, cut.figure["left_out"], cut.figure["n"]) == ("met", 10, 70)
    assert cut.figure["low"] == pytest.approx(1 - 3.8415 / 73.8415, abs=1e-5)


def test_models_told_not_to_think_show_nothing():
    given = spoken(lambda _: {})
    given.evaluation["thinking"] = False
    assert still_thinks(given, THRESHOLDS).why == "the models were told not to think"


def test_dimensions_improve_in_the_mean_and_none_falls():
    better = dimensions_improve(evidence({"base": 0.0, "tuned": 0.2}), THRESHOLDS)
    assert (better.outcome, better.figure["risen"], better.figure["fallen"]) == ("met", list(DIMENSIONS), [])
    fallen = {"tuned": {"helpfulness": -0.2}}
    worse = dimensions_improve(evidence({"base": 0.0, "tuned": 0.2}, dimension_gains=fallen), THRESHOLDS)
    assert (worse.outcome, worse.figure["fallen"]) == ("not met", ["helpfulness"])
    slight = {"tuned": {"helpfulness": -0.02}}
    assert (
        dimensions_improve(evidence({"base": 0.0, "tuned": 0.2}, dimension_gains=slight), THRESHOLDS).outcome == "met"
    )
    assert dimensions_improve(evidence({"base": 0.0, "tuned": 0.0}), THRESHOLDS).outcome == "not met"
    assert dimensions_improve(Evidence(None, []), THRESHOLDS).outcome == "not measurable"
