"""Agreement, each figure against a table worked by hand, and against scipy where it has the same."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pipeline.tasks.agreement import (
    alpha,
    alpha_of,
    alpha_sums,
    auroc,
    bootstrap,
    bootstrap_sums,
    icc,
    icc_of,
    icc_sums,
    of_mean,
    table_of,
    weighted_kappa,
)
from pipeline.tasks.statistics import mean_interval

# Six targets, four readings: table 2 of Shrout and Fleiss (1979).
TARGETS = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
# Twelve units, four readers, some of it missing: section C of Krippendorff (2011), a row for each reader.
READERS = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
    [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
]
UNITS = table_of(list(zip(*READERS, strict=True)))


def test_icc_by_hand() -> None:
    # Row means 6, 3, 6.5, 4, 7.5, 4.75, grand mean 127/24 = 5.2917. Between: 4 x (0.5017 + 5.2517 + 1.4601 + 1.6684
    # + 4.8767 + 0.2934) / 5 = 11.2417. Within: the squares about the row means, 30 + 14 + 11 + 26 + 17 + 14.75 = 112.75
    # over 18 = 6.2639. Single: (11.2417 - 6.2639) / (11.2417 + 3 x 6.2639) = 0.1657. Mean of four: 4.9778 / 11.2417.
    single = icc(table_of(TARGETS))
    assert single == pytest.approx(0.1657, abs=1e-4)
    assert of_mean(single, 4) == pytest.approx(0.4428, abs=1e-4)


def test_icc_is_the_one_way_f_test_in_other_words() -> None:
    f = stats.f_oneway(*TARGETS).statistic
    assert icc(table_of(TARGETS)) == pytest.approx((f - 1) / (f + 3))


def test_icc_with_missing_readings_by_hand() -> None:
    # Items (1, 3), (5, 5, 5), (9) and one unread: the last two cannot be compared with themselves. Means 2 and 5 of 2
    # and 3 readings, grand mean 19/5. Between: 2 x 3.24 + 3 x 1.44 = 10.8 over 1. Within: 2 over 3. Mean size:
    # (5 - 13/5) / 1 = 2.4. (10.8 - 0.6667) / (10.8 + 1.4 x 0.6667) = 0.8636.
    table = table_of([[1, 3], [5, 5, 5], [9], [None, None, None]])
    assert icc(table) == pytest.approx(0.8636, abs=1e-4)


def test_icc_where_there_is_nothing_to_say() -> None:
    assert icc(table_of([[1, 1], [1, 1]])) is None
    assert icc(table_of([[1, 2]])) is None
    assert icc(table_of([])) is None
    assert icc(table_of([[0, 0], [1, 1]])) == pytest.approx(1.0)
    # Readings that contradict each other within items of the same mean: -1 / (k - 1), and no figure for their mean.
    assert icc(table_of([[0, 1], [1, 0]])) == pytest.approx(-1.0)
    assert of_mean(-1.0, 2) is None and of_mean(None, 3) is None


def test_alpha_nominal_by_hand() -> None:
    # 40 values can be paired: 9 ones, 13 twos, 10 threes, 5 fours, 3 fives (unit 12 has one reading, so no pair).
    # Pairs that differ, both ways, over readings - 1: unit 2 (2,2,3,2) 6/3, unit 6 (1,2,3,4) 12/3, unit 8 (1,1,2,1)
    # 6/3: 8. Expected: (40 x 40 - 81 - 169 - 100 - 25 - 9) / 39 = 31.179. 1 - 8 / 31.179 = 0.7434.
    assert alpha(UNITS, "nominal") == pytest.approx(0.7434, abs=1e-4)


def test_alpha_interval_by_hand() -> None:
    # Squared differences: unit 2 6/3 = 2, unit 8 2, unit 6 2 x (3 x 1 + 2 x 4 + 9) / 3 = 13.333: 17.333. Sum of the 40
    # values 100, of their squares 306: expected 2 x (40 x 306 - 100 x 100) / 39 = 114.872. 1 - 0.15089 = 0.8491.
    assert alpha(UNITS, "interval") == pytest.approx(0.8491, abs=1e-4)


def test_alpha_from_sums_is_alpha() -> None:
    assert alpha_of(alpha_sums(UNITS).sum(axis=0)) == pytest.approx(alpha(UNITS, "interval"))
    table = np.random.default_rng(1).random((40, 3))
    table[table < 0.2] = np.nan
    assert alpha_of(alpha_sums(table).sum(axis=0)) == pytest.approx(alpha(table, "interval"))
    assert alpha_of(alpha_sums(table_of([[0.3, 0.3], [0.3, 0.3]])).sum(axis=0)) is None
    assert alpha_of(alpha_sums(table_of([])).sum(axis=0)) is None


def test_alpha_ordinal_by_hand() -> None:
    # Middle ranks: 4.5, 15.5, 27, 34.5, 38.5. Squared distances: 1-2 121, 2-3 132.25, 3-4 56.25, 1-3 506.25, 2-4 361,
    # 1-4 900, 1-5 1156, 2-5 529, 3-5 132.25, 4-5 16. Observed: unit 2 2 x 3 x 132.25 / 3 = 264.5, unit 8 2 x 121 = 242,
    # unit 6 2 x (121 + 132.25 + 56.25 + 506.25 + 361 + 900) / 3 = 1384.5: 1891. Expected: 2 x (117 x 121 + 130 x 132.25
    # + 50 x 56.25 + 90 x 506.25 + 65 x 361 + 45 x 900 + 27 x 1156 + 39 x 529 + 30 x 132.25 + 15 x 16) / 39
    # = 399480 / 39 = 10243.1. 1 - 0.18461 = 0.8154.
    assert alpha(UNITS, "ordinal") == pytest.approx(0.8154, abs=1e-4)


def test_alpha_at_its_ends() -> None:
    assert alpha(table_of([[1, 1], [2, 2], [3, 3]])) == pytest.approx(1.0)
    assert alpha(table_of([[1, 1], [1, 1]])) is None
    assert alpha(table_of([[1, None], [2, None]])) is None
    assert alpha(table_of([])) is None
    # Two readers who always differ: observed 2 x 2 = 4 of 4, expected (16 - 8) / 3: 1 - 4 / 2.667 = -0.5.
    assert alpha(table_of([[0, 1], [1, 0]]), "nominal") == pytest.approx(-0.5)


def test_weighted_kappa_by_hand() -> None:
    # (1,1) (1,2) (2,2) (2,3) (3,3) (3,3): two pairs one apart, 2/6. Cross pairs: of each 1 (0 + 2 + 12) / 6, of each 2
    # (1 + 0 + 3) / 6, of each 3 (4 + 2 + 0) / 6, a third each: 4/3. 1 - (1/3) / (4/3) = 0.75. What is missing is left
    # out.
    pairs = table_of([[1, 1], [1, 2], [2, 2], [2, 3], [3, 3], [3, 3], [4, None]])
    assert weighted_kappa(pairs) == pytest.approx(0.75)


def test_kappa_of_two_levels_is_cohens_own() -> None:
    # 20 yes and yes, 5 yes and no, 10 no and yes, 15 no and no: agreement 0.7, by chance 0.5 x 0.6 + 0.5 x 0.4 = 0.5.
    pairs = [[1, 1]] * 20 + [[1, 0]] * 5 + [[0, 1]] * 10 + [[0, 0]] * 15
    assert weighted_kappa(table_of(pairs)) == pytest.approx(0.4)
    assert weighted_kappa(table_of([[1, 1], [1, 1]])) is None
    assert weighted_kappa(table_of([[1, None]])) is None


def test_auroc_by_hand_and_by_scipy() -> None:
    # 3 and 2 over 1 and 2: three wins and a tie of four.
    assert auroc([3, 2], [1, 2]) == pytest.approx(3.5 / 4)
    assert auroc([], [1]) is None and auroc([1], []) is None
    random = np.random.default_rng(1)
    better, worse = random.integers(0, 9, 40), random.integers(0, 7, 25)
    assert auroc(better, worse) == pytest.approx(stats.mannwhitneyu(better, worse).statistic / 1000)


def test_the_bootstrap_of_a_mean_is_that_of_the_statistics() -> None:
    values = np.random.default_rng(2).normal(0.5, 0.2, 80)
    ours = bootstrap(lambda times: float(times @ values / 80), 80, seed=1, rounds=4000)
    theirs = mean_interval(values.tolist(), seed=1, rounds=4000)
    assert ours.mean == pytest.approx(theirs.mean)
    assert (ours.low, ours.high) == (pytest.approx(theirs.low, abs=0.004), pytest.approx(theirs.high, abs=0.004))


def test_the_interval_of_an_icc_covers_the_truth() -> None:
    # Items with variance 3, readings with variance 1 about them: the ICC is 0.75.
    random = np.random.default_rng(5)
    hits = 0
    for trial in range(60):
        table = random.normal(0, 3**0.5, (60, 1)) + random.normal(0, 1, (60, 3))
        found = bootstrap_sums(icc_sums(table), icc_of, seed=trial)
        hits += found.low < 0.75 < found.high
    assert 0.85 <= hits / 60 <= 1.0


def test_no_interval_from_next_to_nothing() -> None:
    assert bootstrap(lambda _: 0.5, 2, seed=1).to_row() == {"mean": 0.5, "low": None, "high": None, "n": 2}
    assert bootstrap(lambda _: 0.5, 0, seed=1).mean is None
    assert bootstrap(lambda times: 0.5 if times.min() else None, 9, seed=1, rounds=50).low is None
