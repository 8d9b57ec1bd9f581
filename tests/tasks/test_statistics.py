import numpy as np
import pytest
from scipy import stats

from pipeline.tasks import statistics
from pipeline.tasks.statistics import (
    cohens_d,
    difference_of_means,
    mean,
    mean_interval,
    paired_difference,
    pearson,
    quantile,
    spearman,
    wilson,
)

SCORES = [0.31, 0.42, 0.55, 0.12, 0.91, 0.47, 0.68, 0.33, 0.59, 0.75, 0.24, 0.5]
OTHERS = [0.2, 0.45, 0.4, 0.15, 0.7, 0.5, 0.5, 0.3, 0.55, 0.6, 0.2, 0.41]


def test_the_mean_of_three_by_hand():
    estimate = mean_interval([1.0, 2.0, 6.0], seed=1)
    assert estimate.mean == pytest.approx(3.0)
    assert estimate.n == 3
    # 1/27 of the resamples are (1, 1, 1) and 1/27 are (6, 6, 6): more than 2.5 % each, so they are the bounds.
    assert (estimate.low, estimate.high) == (1.0, 6.0)


def test_two_values_have_a_known_bootstrap_distribution():
    # Means 0, 0.5, 1 with 1/4, 1/2, 1/4: the middle half of it is 0.5 at most shares, and 0.4 confidence lies inside.
    estimate = mean_interval([0.0, 1.0], seed=3, rounds=4000, confidence=0.4)
    assert (estimate.mean, estimate.low, estimate.high) == (0.5, 0.5, 0.5)


def test_equal_to_scipy_on_the_mean():
    ours = mean_interval(SCORES, seed=11, rounds=2000)
    theirs = stats.bootstrap(
        (SCORES,), np.mean, n_resamples=2000, method="percentile", vectorized=True, rng=np.random.default_rng(11)
    ).confidence_interval
    assert ours.low == pytest.approx(theirs.low, abs=1e-4)
    assert ours.high == pytest.approx(theirs.high, abs=1e-4)


def test_equal_to_scipy_on_a_paired_difference():
    new, old = dict(zip("abcdefghijkl", SCORES, strict=True)), dict(zip("abcdefghijkl", OTHERS, strict=True))
    ours = paired_difference(new, old, seed=5)
    theirs = stats.bootstrap(
        (SCORES, OTHERS),
        lambda x, y, axis: np.mean(x - y, axis=axis),
        paired=True,
        n_resamples=2000,
        method="percentile",
        vectorized=True,
        rng=np.random.default_rng(5),
    ).confidence_interval
    assert ours.low == pytest.approx(theirs.low, abs=1e-4)
    assert ours.high == pytest.approx(theirs.high, abs=1e-4)


def test_near_scipy_on_two_samples():
    ours = difference_of_means(SCORES, OTHERS[:7], seed=5, rounds=20000)
    theirs = stats.bootstrap(
        (SCORES, OTHERS[:7]),
        lambda x, y, axis: np.mean(x, axis=axis) - np.mean(y, axis=axis),
        n_resamples=20000,
        method="percentile",
        vectorized=True,
        rng=np.random.default_rng(8),
    ).confidence_interval
    assert ours.mean == pytest.approx(np.mean(SCORES) - np.mean(OTHERS[:7]))
    assert ours.low == pytest.approx(theirs.low, abs=0.01)
    assert ours.high == pytest.approx(theirs.high, abs=0.01)
    assert ours.n == 7


def test_pairing_uses_shared_keys_alone_and_narrows_the_interval():
    new = {"a": 0.9, "b": 0.5, "c": 0.2, "only new": 1.0}
    old = {"a": 0.8, "b": 0.4, "c": 0.1, "only old": 0.0}
    estimate = paired_difference(new, old, seed=1)
    assert estimate.n == 3
    assert estimate.mean == pytest.approx(0.1)
    assert estimate.low == pytest.approx(0.1)  # every pair differs by the same: nothing left to be uncertain of


def test_one_value_has_no_interval_and_none_has_no_mean():
    assert mean_interval([0.7], seed=1).to_row() == {"mean": 0.7, "low": None, "high": None, "n": 1}
    assert mean_interval([], seed=1).to_row() == {"mean": None, "low": None, "high": None, "n": 0}
    assert difference_of_means([0.5], [0.25], seed=1).to_row() == {"mean": 0.25, "low": None, "high": None, "n": 1}
    assert difference_of_means([0.5], [], seed=1).n == 0


def test_the_same_seed_gives_the_same_interval_in_chunks_too(monkeypatch):
    whole = mean_interval(SCORES, seed=2)
    assert mean_interval(SCORES, seed=2) == whole
    assert mean_interval(SCORES, seed=3) != whole
    monkeypatch.setattr(statistics, "CELLS", 100)
    assert mean_interval(SCORES, seed=2) == whole


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    random = np.random.default_rng(4)
    hits = 0
    for trial in range(300):
        estimate = mean_interval(random.normal(0.5, 0.2, 60).tolist(), seed=trial, rounds=500)
        hits += estimate.low < 0.5 < estimate.high
    assert 0.90 <= hits / 300 <= 0.98


def test_cohens_d_by_hand():
    # Means 3 and 1, variances 1 and 1: d = 2.
    assert cohens_d([2.0, 3.0, 4.0], [0.0, 1.0, 2.0]) == pytest.approx(2.0)
    assert cohens_d([1.0, 1.0], [0.0, 0.0]) is None
    assert cohens_d([1.0], [0.0, 0.5]) is None


def test_quantile_and_mean_by_hand():
    assert quantile([1.0, 2.0, 3.0, 4.0], 0.5) == 2.5
    assert quantile([4.0, 1.0], 0.25) == 1.75
    assert quantile([], 0.5) is None
    assert mean([1.0, 2.0]) == 1.5
    assert mean([]) is None


def test_correlations_are_those_of_scipy():
    left, right = [0.1, 0.5, 0.5, 0.9, 0.2, 0.7], [1, 2, 4, 30, 2, 2]
    assert pearson(left, right) == pytest.approx(stats.pearsonr(left, right).statistic)
    assert spearman(left, right) == pytest.approx(stats.spearmanr(left, right).statistic)
    assert spearman(left, right) != pytest.approx(pearson(left, right), abs=0.05)


@pytest.mark.parametrize("correlation", [pearson, spearman])
def test_no_correlation_is_claimed_of_too_little(correlation):
    assert correlation([1.0, 2.0], [1.0, 2.0]) is None
    assert correlation([1.0, 2.0, 3.0], [1.0, 1.0, 1.0]) is None
    assert correlation([1.0, 1.0, 1.0], [1.0, 2.0, 3.0]) is None


@pytest.mark.parametrize(("hits", "n"), [(0, 4), (4, 4), (1, 3), (17, 60)])
def test_wilson_is_scipys(hits, n):
    for confidence in (0.9, 0.95):
        theirs = stats.binomtest(hits, n).proportion_ci(confidence, method="wilson")
        ours = wilson(hits, n, confidence)
        assert (ours.low, ours.high) == (pytest.approx(theirs.low, abs=1e-9), pytest.approx(theirs.high, abs=1e-9))
        assert (ours.mean, ours.n) == (hits / n, n)
    assert wilson(0, 0).mean is None
