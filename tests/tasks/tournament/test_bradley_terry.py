import math
import random

import choix
import numpy as np
import pytest

from pipeline.tasks.tournament.bradley_terry import components, is_strong, levels, maximise, strengths


def tournament(seed, names=8, battles=400, spread=1.0, pairs=None):
    """Wins of a random tournament with ties, and its battles as choix wants them: each counts two, a tie one each."""
    draw = random.Random(seed)
    theta = [draw.gauss(0, spread) for _ in range(names)]
    wins, games = np.zeros((names, names)), []
    for _ in range(battles):
        one, other = draw.choice(pairs) if pairs else draw.sample(range(names), 2)
        if draw.random() < 0.2:
            wins[one, other] += 0.5
            wins[other, one] += 0.5
            games += [(one, other), (other, one)]
            continue
        if draw.random() > 1 / (1 + math.exp(theta[other] - theta[one])):
            one, other = other, one
        wins[one, other] += 1
        games += [(one, other)] * 2
    return wins, games


def test_two_contestants_by_hand():
    theta, prior = strengths(np.array([[0.0, 3.0], [1.0, 0.0]]), np.ones((2, 2)) > 0)
    assert not prior
    assert theta == pytest.approx([math.log(3) / 2, -math.log(3) / 2], abs=1e-9)


def test_three_in_a_chain_by_hand():
    """Who never met is compared over the one between: the gaps 2:1 and 4:1 add up."""
    wins = np.array([[0.0, 2.0, 0.0], [1.0, 0.0, 4.0], [0.0, 1.0, 0.0]])
    theta = maximise(wins)
    assert theta[0] - theta[1] == pytest.approx(math.log(2), abs=1e-8)
    assert theta[1] - theta[2] == pytest.approx(math.log(4), abs=1e-8)
    assert theta.mean() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("seed", range(6))
def test_as_a_second_library_has_it(seed):
    chain = [(place, place + 1) for place in range(7)] if seed % 2 else None
    wins, games = tournament(seed, spread=1 + seed / 3, pairs=chain)
    theta, prior = strengths(wins, wins + wins.T > 0)
    assert not prior
    assert theta == pytest.approx(choix.opt_pairwise(8, games), abs=1e-4)
    assert theta == pytest.approx(choix.ilsr_pairwise_dense(wins), abs=1e-4)


def test_a_start_far_away_comes_to_the_same_place():
    wins, _ = tournament(3, spread=2)
    far = np.array([30.0, -30, 5, 0, 0, 12, -7, 1])
    assert maximise(wins, far) == pytest.approx(maximise(wins), abs=1e-7)
    lopsided = np.array([[0, 1e6, 3], [1, 0, 1e6], [1, 1, 0]])
    gradient = lopsided.sum(axis=1)
    theta = maximise(lopsided)
    chance = 1 / (1 + np.exp(theta[None, :] - theta[:, None]))
    assert ((lopsided + lopsided.T) * chance).sum(axis=1) == pytest.approx(gradient, rel=1e-6), "the gradient is zero"


def test_a_contestant_that_always_wins_is_held_by_one_tie_a_pair():
    wins = np.array([[0.0, 5.0], [0.0, 0.0]])
    theta, prior = strengths(wins, wins + wins.T > 0)
    assert prior
    assert theta[0] - theta[1] == pytest.approx(math.log(5.5 / 0.5), abs=1e-8)
    unmet = np.array([[0.0, 4, 0], [0, 0, 4], [0, 0, 0]])
    theta, prior = strengths(unmet, unmet + unmet.T > 0)
    assert prior
    assert theta[0] - theta[2] == pytest.approx(2 * math.log(9), abs=1e-7), "those who never met get no tie"


def test_what_leads_where():
    beat = np.zeros((6, 6), dtype=bool)
    beat[0, 1] = beat[1, 0] = beat[1, 2] = beat[2, 3] = beat[3, 2] = True
    assert components(beat) == [[0, 1, 2, 3], [4], [5]]
    assert levels(beat) == [[0, 1], [2, 3], [4], [5]]
    assert not is_strong(beat)
    assert not is_strong(beat[:3, :3])
    assert is_strong(beat[:2, :2])
