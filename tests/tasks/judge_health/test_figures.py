"""Figures of a judge from its scores alone, on rows small enough to count by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pipeline.engine.rows import Row
from pipeline.tasks.judge_health.figures import digest, failures, histogram, length_slope, level, retest
from pipeline.tasks.marks import key_of
from tests.tasks.judged import digests, earned, scored, scores


def test_a_digest_holds_no_text() -> None:
    row = scored("a/0", scores(0.5, helpfulness=None), words=7)
    found = digest(row, earned)
    assert found["key"] == key_of(row) and found["words"] == 7 and found["reward"] == pytest.approx(0.5)
    assert not {"messages", "thought", "answer", "reasons"} & found.keys()
    own = {name: value for name, value in row.items() if name not in ("prompt_id", "type", "model")}
    assert digest(own, earned)["prompt_id"] == digest(own | {"id": "b"}, earned)["prompt_id"] != ""


def test_levels_round_halves_up() -> None:
    assert [level(score) for score in (0.0, 0.12, 0.125, 0.5, 0.62, 0.625, 1.0)] == [0, 0, 1, 2, 2, 3, 4]


def test_repeats_by_hand() -> None:
    # Honest engagement of four traces, three samples each; the other dimensions agree wholly, and so have no spread.
    given = [(0.0, 0.0, 0.0), (0.5, 0.5, 0.75), (1.0, 0.75, 1.0), (None, None, 0.5)]
    rows = [
        scored(f"p/{number}", scores(), [scores(honest_engagement=value) for value in item])
        for number, item in enumerate(given)
    ]
    found = retest(digests(*rows, scored("p/9", scores())), earned, seed=1)
    assert found is not None
    assert (found["items"], found["samples"]) == (4, 3)
    own = found["dimensions"]["honest_engagement"]
    # Means 0, 7/12, 11/12, grand mean 0.5; between 3 x (0.25 + 1/144 + 25/144) / 2 = 0.64583; within (0.041667 +
    # 0.041667) / 6 = 0.013889; (0.64583 - 0.01389) / (0.64583 + 2 x 0.01389) = 0.9381, of three 0.63194 / 0.64583.
    assert own["single"]["mean"] == pytest.approx(0.9381, abs=1e-4)
    assert own["mean"]["mean"] == pytest.approx(0.9785, abs=1e-4)
    assert own["equal"] == 0.25
    assert found["dimensions"]["helpfulness"]["single"]["mean"] is None
    assert found["dimensions"]["helpfulness"]["equal"] == 1.0
    # The fourth earns 0.5 with and without the dimension.
    assert found["reward"]["single"]["n"] == 4 and found["reward"]["equal"] == 0.5


def test_noise_alone_has_an_icc_about_zero_and_a_steady_judge_one() -> None:
    random = np.random.default_rng(3)
    noisy = [scored(f"p/{n}", scores(), [scores(float(v) / 4) for v in random.integers(0, 5, 3)]) for n in range(200)]
    found = retest(digests(*noisy), earned, seed=1)
    assert found is not None and found["reward"]["single"]["low"] < 0 < found["reward"]["single"]["high"]
    steady = [scored(f"p/{n}", scores(), [scores(float(n % 5) / 4)] * 3) for n in range(20)]
    found = retest(digests(*steady), earned, seed=1)
    assert found is not None and found["reward"]["mean"] == {"mean": 1.0, "low": 1.0, "high": 1.0, "n": 20}
    assert found["dimensions"]["helpfulness"]["alpha"] == pytest.approx(1.0)


def test_marked_once_there_is_nothing_to_repeat() -> None:
    assert retest(digests(scored("p/0", scores()), scored("p/1", scores(), [scores()])), earned, seed=1) is None


def test_the_histogram_counts_single_verdicts() -> None:
    rows = digests(scored("p/0", scores(0.6), [scores(0.5), scores(0.75), scores(None)]), scored("p/1", scores(1.0)))
    assert histogram(rows)["helpfulness"] == {"0": 0, "1": 0, "2": 1, "3": 1, "4": 1, "null": 1}


def test_failures_add_up() -> None:
    lost: list[Row] = [{"id": str(n), "outcome": "invalid", "reason": "eight dimensions", "text": ""} for n in range(3)]
    lost += [{"id": "x", "outcome": "blocked", "reason": "it refused", "text": ""}]
    rows = digests(*(scored(f"p/{n}", scores(), [scores()] * 2) for n in range(16)))
    rows[0]["unusable"] = 2
    found = failures(rows, lost)
    assert (found["asked"], found["answered"]) == (20, 16)
    assert {name: entry["count"] for name, entry in found["outcomes"].items()} == {
        "cut off": 0, "blocked": 1, "invalid": 3,
    }  # fmt: skip
    assert found["outcomes"]["invalid"]["share"]["mean"] == 0.15
    assert found["reasons"][0] == {"outcome": "invalid", "reason": "eight dimensions", "count": 3}
    assert (found["samples"]["asked"], found["samples"]["count"]) == (34, 2)


def test_the_length_slope_is_what_a_doubling_brings() -> None:
    # Reward is 0.1 a doubling within each group, whatever the level of the prompt and of the type.
    rows = [
        scored(
            f"p{prompt}/{kind}{words}", scores(0.01 * prompt + gain + 0.1 * math.log2(words)), kind=kind, words=words
        )
        for prompt in range(6)
        for kind, gain in (("chosen", 0.2), ("rejected", 0.0))
        for words in ((8, 16) if kind == "chosen" else (2, 4))
    ]
    found = length_slope(digests(*rows), seed=1)
    assert found["within_type"]["mean"] == pytest.approx(0.1)
    assert found["within_type"]["low"] == pytest.approx(0.1) and found["within_type"]["n"] == 12
    # Without the types, the longer ones are the better ones: x = -1.5 -0.5 0.5 1.5 about the mean of 1, 2, 3, 4 (less a
    # half), y = 0.1 x + 0.2 for the upper half: Sxx 5, Sxy 0.1 x 5 + 0.2 x (0.5 + 1.5) = 0.9.
    assert found["within_prompt"]["mean"] == pytest.approx(0.9 / 5)
    assert found["words"] == {"median": 6.0, "p95": 16.0}


def test_a_prompt_s_level_is_no_length_slope() -> None:
    rows = [scored(f"p{n}/{k}", scores(0.1 * n), words=2**n) for n in range(5) for k in range(2)]
    found = length_slope(digests(*rows), seed=1)
    assert found["within_type"] == {"mean": None, "low": None, "high": None, "n": 0}
