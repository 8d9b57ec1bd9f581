import pytest
from pydantic import ValidationError

from pipeline.tasks.rubric import CONTENT_DIMENSIONS, DESCRIPTIONS, DIMENSIONS, Weights, reward, rubric_hash

ALL_APPLY = {dimension: 0.1 * number for number, dimension in enumerate(DIMENSIONS, 1)}


def test_the_nine_dimensions_of_the_seed_in_its_order() -> None:
    assert DIMENSIONS == (
        "entropy_reduction",
        "calibrated_uncertainty",
        "conflict_resolution",
        "context_faithfulness",
        "process_transparency",
        "honest_engagement",
        "helpfulness",
        "harm_avoidance",
        "instruction_following",
    )
    assert set(CONTENT_DIMENSIONS) < set(DIMENSIONS)
    assert set(Weights.model_fields) == set(DIMENSIONS)


def test_equal_weights_are_the_mean_when_all_apply() -> None:
    assert reward(ALL_APPLY, Weights()) == pytest.approx(0.5)
    assert reward(ALL_APPLY, Weights(), renormalise=False) == pytest.approx(0.5)


def test_renormalised_over_what_applies_and_the_bare_sum_on_request() -> None:
    scores = dict.fromkeys(DIMENSIONS, None) | {"helpfulness": 0.9, "harm_avoidance": 0.3}
    assert reward(scores, Weights()) == pytest.approx(0.6)
    assert reward(scores, Weights(), renormalise=False) == pytest.approx(1.2 / 9)


def test_weights_count() -> None:
    weights = Weights(helpfulness=3.0, harm_avoidance=1.0, process_transparency=0.0)
    scores = {"helpfulness": 0.5, "harm_avoidance": 1.0, "process_transparency": 1.0}
    assert reward(scores, weights) == pytest.approx(2.5 / 4)
    assert reward(scores, weights, renormalise=False) == pytest.approx(2.5)


def test_nothing_with_a_weight_applies() -> None:
    only = Weights(**(dict.fromkeys(DIMENSIONS, 0.0) | {"conflict_resolution": 1.0}))
    assert reward({"conflict_resolution": None, "helpfulness": 1.0}, only) == 0.0
    assert reward({}, Weights()) == 0.0


@pytest.mark.parametrize(
    "weights", [dict.fromkeys(DIMENSIONS, 0.0), {"helpfulness": -0.1}, {"helpfulness": float("nan")}, {"humour": 1.0}]
)
def test_weights_that_make_no_sense_are_refused(weights: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Weights(**weights)


def test_the_hash_names_the_wording(monkeypatch: pytest.MonkeyPatch) -> None:
    before = rubric_hash()
    assert before == rubric_hash() and len(before) == 12
    monkeypatch.setitem(DESCRIPTIONS, "helpfulness", "Is it kind?")
    assert rubric_hash() != before
