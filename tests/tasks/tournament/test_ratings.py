import math

import pytest
from scipy import stats

from pipeline.tasks.tournament.ratings import SCALE, Resampling, rate
from tests.tasks.tournament.fought import battle, record, table

DRAWS = Resampling(seed=7, rounds=400, confidence=0.95)


def rated(battles, names=(), draws=DRAWS):
    found = rate(table(battles, names), draws)
    return {row["model"]: row for row in found.rows}, found


def test_elo_scale_by_hand():
    """A factor of ten in the odds is 400 points, and the mean is 1000."""
    rows, found = rated(record("x", "y", 10, 1))
    assert (rows["x"]["rating"], rows["y"]["rating"]) == (1200.0, 800.0)
    assert (found.wins, found.games, found.notes) == ([[0, 10], [1, 0]], [[0, 11], [11, 0]], [])
    assert [row["model"] for row in found.rows] == ["x", "y"], "the best first"


def test_a_tie_is_half_a_win_to_each_side():
    ties, _ = rated(record("x", "y", 8, 0, tied=4))
    wins, _ = rated(record("x", "y", 10, 2))
    assert ties["x"]["rating"] == wins["x"]["rating"]
    assert ties["x"]["games"] == 12


def test_whoever_stands_first_in_the_row_makes_no_difference():
    rows, _ = rated(record("x", "y", 6, 2) + record("y", "x", 1, 3))
    assert rows["x"]["rating"] - 1000 == pytest.approx(SCALE / 2 * math.log(9 / 3), abs=1e-4)


def test_prompts_are_resampled_and_not_battles():
    """Two prompts, each decided ten times alike: drawn are one of them twice, or both, and nothing between."""
    battles = [battle("x", "y", side, prompt) for prompt, side in (("p", "a"), ("q", "b")) for _ in range(10)]
    rows, _ = rated(battles)
    end = SCALE / 2 * math.log(20.5 / 0.5)
    assert (rows["x"]["low"], rows["x"]["high"]) == (
        pytest.approx(1000 - end, abs=1e-3),
        pytest.approx(1000 + end, abs=1e-3),
    )
    apart, _ = rated([one._replace(prompt="") for one in battles])
    assert apart["x"]["high"] - apart["x"]["low"] < 220 < 2 * end


def test_an_interval_of_battles_is_that_of_theory():
    """Of a share near a half of n battles the rating's standard error is SCALE / 2 * sqrt(1 / n p q)."""
    rows, _ = rated(record("x", "y", 220, 180), draws=Resampling(7, 2000, 0.95))
    error = SCALE / 2 * math.sqrt(1 / (400 * 0.55 * 0.45))
    assert rows["x"]["high"] - rows["x"]["low"] == pytest.approx(2 * 1.96 * error, rel=0.06)


def test_always_winning_has_a_bound_on_one_side():
    """The bound is Clopper and Pearson's, here by the quantile of the beta distribution."""
    rows, found = rated(record("x", "y", 20, 0))
    share = stats.beta.ppf(0.025, 20, 1)
    bound = SCALE / 2 * math.log(share / (1 - share))
    assert rows["x"] == {"model": "x", "rating": pytest.approx(1000 + SCALE / 2 * math.log(41), abs=1e-3),
                         "low": pytest.approx(1000 + bound, abs=1e-3), "high": None, "games": 20}  # fmt: skip
    assert (rows["y"]["low"], rows["y"]["high"]) == (None, pytest.approx(1000 - bound, abs=1e-3))
    (note,) = found.notes
    assert note.startswith("x wins every battle; y loses every battle: no finite rating is likeliest.")


def test_one_battle_shows_nothing():
    rows, _ = rated(record("x", "y", 1, 0))
    assert rows["x"]["low"] < 1000 < rows["y"]["high"]


def test_between_one_that_always_wins_and_one_that_always_loses():
    battles = record("x", "y", 9, 0) + record("x", "z", 9, 0) + record("y", "z", 9, 0)
    rows, _ = rated(battles)
    assert [rows[name]["rating"] for name in "xyz"] == [
        pytest.approx(rows["x"]["rating"]),
        1000,
        pytest.approx(2000 - rows["x"]["rating"]),
    ]
    assert (rows["y"]["low"], rows["y"]["high"]) == (None, None)
    assert rows["x"]["low"] > 1000 > rows["z"]["high"]
    pair = record("x", "y", 5, 4) + record("x", "z", 9, 0) + record("y", "z", 9, 0)
    rows, found = rated(pair)
    assert rows["x"]["high"] is rows["y"]["high"] is rows["z"]["low"] is None
    assert "z loses every battle" in found.notes[0]


def test_nothing_but_ties():
    rows, found = rated(record("x", "y", 0, 0, tied=9) + record("y", "z", 0, 0, tied=9))
    assert {(row["rating"], row["low"], row["high"]) for row in rows.values()} == {(1000.0, None, None)}
    assert [note.split(",")[0].split(":")[0] for note in found.notes] == [
        "No interval",
        "All contestants are rated alike.",
    ]


def test_groups_that_never_met_are_rated_apart():
    battles = record("x", "y", 3, 1) + record("u", "v", 1, 9)
    rows, found = rated(battles, names=["alone"])
    assert [(row["model"], row["group"]) for row in found.rows] == [
        ("x", 1),
        ("y", 1),
        ("v", 2),
        ("u", 2),
        ("alone", None),
    ]
    for pair in ("xy", "uv"):
        assert sum(rows[name]["rating"] for name in pair) == pytest.approx(2000)
    assert rows["alone"] == {"model": "alone", "rating": None, "low": None, "high": None, "games": 0, "group": None}
    assert "rating: alone" in found.notes[0]
    assert "do not compare (1: x, y; 2: u, v)" in found.notes[1]


@pytest.mark.parametrize(("names", "note"), [([], "There is no battle to rate."), (["x"], "One contestant alone")])
def test_nobody_to_rate(names, note):
    rows, found = rated([], names)
    assert note in found.notes[0]
    assert [row["rating"] for row in rows.values()] == [None] * len(names)


def test_the_same_seed_draws_the_same():
    battles = record("x", "y", 30, 20) + record("y", "z", 11, 9)
    assert rated(battles)[0] == rated(battles)[0] != rated(battles, draws=Resampling(8, 400, 0.95))[0]
