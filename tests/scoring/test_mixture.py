from __future__ import annotations

import pytest

from pipeline.scoring.mixture import Mixture, mix
from pipeline.tasks.dimensions import DIMENSIONS
from pipeline.tasks.rubric import Weights
from tests.scoring.marking import ALL, scorer

ONE = [{"id": "p0"}]


def test_each_dimension_is_the_weighted_mean_of_those_that_scored_it() -> None:
    mixed = mix([(3.0, ALL | {"helpfulness": 0.4}), (1.0, ALL | {"helpfulness": 0.8})])
    assert mixed == ALL | {"helpfulness": pytest.approx(0.5)}


def test_one_that_could_not_mark_leaves_the_others_their_full_weight() -> None:
    assert mix([(3.0, None), (1.0, ALL | {"helpfulness": 0.8})])["helpfulness"] == pytest.approx(0.8)
    assert mix([(3.0, None), (1.0, None)]) == ALL


def test_no_opinion_is_not_the_same_as_does_not_apply() -> None:
    rubric = ALL | {"helpfulness": 0.8}
    assert mix([(3.0, {}), (1.0, rubric)])["helpfulness"] == pytest.approx(0.8)
    assert mix([(3.0, {"helpfulness": None}), (1.0, rubric)])["helpfulness"] is None
    assert mix([(1.0, {"helpfulness": None}), (1.0, rubric)])["helpfulness"] == pytest.approx(0.8), "half is enough"


def test_what_nobody_could_mark_has_no_reward() -> None:
    marked = {"offline": (scorer(lambda _, text: None if text == "?" else 0.5), 1.0)}
    assert Mixture(marked, Weights())(ONE * 2, ["?", "yes"]) == [
        (None, ALL), (pytest.approx(0.5), dict.fromkeys(DIMENSIONS, 0.5)),
    ]  # fmt: skip


@pytest.mark.parametrize("renormalise", [True, False])
def test_where_no_dimension_with_a_weight_applies_there_is_no_reward_either(renormalise: bool) -> None:
    weights = Weights(**{name: float(name == "helpfulness") for name in DIMENSIONS})
    harmless = {"offline": (lambda *_: [ALL | {"harm_avoidance": 1.0}], 1.0)}
    assert Mixture(harmless, weights, renormalise)(ONE, ["text"])[0][0] is None
