import json

import pytest

from pipeline.tasks.comparison import OUTCOMES, Bootstrap, compare, outcome_of
from pipeline.tasks.dimensions import DIMENSIONS

BOOTSTRAP = Bootstrap(seed=7, rounds=1000, confidence=0.95)


def row(contestant, prompt, sample, reward, category="conflict", finish="stop", answer="Yes.", **scores):
    return {
        "id": f"{contestant}/{prompt}/{sample}",
        "contestant": contestant,
        "prompt_id": prompt,
        "category": category,
        "sample": sample,
        "thought": "Hm.",
        "answer": answer,
        "finish": finish,
        "outcome": outcome_of(finish, answer),
        "tokens": 10 * (sample + 1),
        "scores": {dimension: scores.get(dimension) for dimension in DIMENSIONS},
        "reward": reward,
    }


@pytest.mark.parametrize(
    ("finish", "answer", "outcome"),
    [
        ("stop", "Yes.", "answered"),
        ("stop", " \n", "empty"),
        ("length", "Yes and", "cut off"),
        ("length", "", "cut off"),
        ("blocked", "", "blocked"),
        ("invalid", "?", "invalid"),
    ],
)
def test_every_answer_is_one_outcome(finish, answer, outcome):
    assert outcome_of(finish, answer) == outcome
    assert outcome in OUTCOMES


def test_means_are_of_prompts_and_a_dimension_counts_where_it_applies():
    rows = [
        row("base", "p1", 0, 0.2, helpfulness=0.1),
        row("base", "p1", 1, 0.4, helpfulness=0.3),
        row("base", "p2", 0, 0.9),
        row("base", "p2", 1, None),
    ]
    (base,) = compare(rows, ["base"], BOOTSTRAP)["contestants"]
    assert base["reward"]["mean"] == pytest.approx((0.3 + 0.9) / 2)
    assert base["reward"]["n"] == 2
    assert base["dimensions"]["helpfulness"] == {"mean": pytest.approx(0.2), "low": None, "high": None, "n": 1}
    assert base["dimensions"]["harm_avoidance"] == {"mean": None, "low": None, "high": None, "n": 0}
    assert (base["prompts"], base["answers"], base["unscored"]) == (2, 4, 1)
    assert base["tokens"] == {"mean": 15, "median": 15, "p95": 20}


def test_outcomes_add_up_to_the_answers():
    rows = [
        row("base", "p1", 0, 0.2, finish="length", answer=""),
        row("base", "p1", 1, 0.2, answer=""),
        row("base", "p2", 0, None, finish="blocked", answer=""),
        row("base", "p2", 1, 0.5),
    ]
    (base,) = compare(rows, ["base"], BOOTSTRAP)["contestants"]
    assert base["outcomes"] == {"answered": 1, "cut off": 1, "empty": 1, "blocked": 1, "invalid": 0}
    assert sum(base["outcomes"].values()) == base["answers"]


def test_pairs_are_with_the_first_and_with_the_one_before():
    rows = [
        row(name, f"p{number}", 0, 0.1 * number + gain, category, helpfulness=0.5 + gain)
        for name, gain in (("base", 0.0), ("sft", 0.2), ("grpo", 0.25))
        for number, category in ((1, "safety"), (2, "safety"), (3, "conflict"), (4, "conflict"))
    ]
    result = compare(rows, ["base", "sft", "grpo"], BOOTSTRAP)
    assert [(pair["contestant"], pair["against"]) for pair in result["pairs"]] == [
        ("sft", "base"),
        ("grpo", "base"),
        ("grpo", "sft"),
    ]
    sft, grpo, last = result["pairs"]
    assert sft["reward"]["mean"] == pytest.approx(0.2)
    assert sft["reward"]["low"] == pytest.approx(0.2)  # every prompt gained the same
    assert grpo["dimensions"]["helpfulness"]["mean"] == pytest.approx(0.25)
    assert last["reward"]["mean"] == pytest.approx(0.05)
    assert list(sft["categories"]) == ["safety", "conflict"]
    assert sft["categories"]["safety"]["reward"]["n"] == 2
    assert sft["categories"]["conflict"]["dimensions"]["helpfulness"]["mean"] == pytest.approx(0.2)


def test_a_pair_compares_only_prompts_that_both_answered():
    rows = [
        row("base", "p1", 0, 0.1),
        row("base", "p2", 0, 0.2),
        row("tuned", "p2", 0, 0.5),
        row("tuned", "p3", 0, 1.0),
    ]
    (pair,) = compare(rows, ["base", "tuned"], BOOTSTRAP)["pairs"]
    assert pair["reward"] == {"mean": pytest.approx(0.3), "low": None, "high": None, "n": 1}


def test_one_contestant_has_no_pairs_and_all_is_json():
    result = compare([row("base", "p1", 0, 0.1)], ["base"], BOOTSTRAP)
    assert result["pairs"] == []
    assert json.loads(json.dumps(result, allow_nan=False)) == result
