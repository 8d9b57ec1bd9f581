"""Every figure by hand, and against scikit-learn."""

from __future__ import annotations

import random
from typing import Any

import pytest

from pipeline.tasks.calibration.figures import abstention, auroc, brier, calibrate, curve, ece

FOUR = [(0.9, True), (0.9, False), (0.3, False), (0.6, True)]


def test_by_hand() -> None:
    assert brier(FOUR) == pytest.approx((0.01 + 0.81 + 0.09 + 0.16) / 4)
    # Bins (0.2, 0.3], (0.5, 0.6], (0.8, 0.9]: |0.3 - 0|, |0.6 - 1|, |0.9 - 0.5| of 1, 1 and 2 answers.
    assert ece(FOUR) == pytest.approx((0.3 + 0.4 + 2 * 0.4) / 4)
    # Right: 0.9, 0.6; wrong: 0.9, 0.3. One tie, one lost, two won.
    assert auroc(FOUR) == pytest.approx((0.5 + 1 + 0 + 1) / 4)
    assert [(part["low"], part["accuracy"], part["n"]) for part in curve(FOUR)] == [
        (0.2, 0, 1),
        (0.5, 1, 1),
        (0.8, 0.5, 2),
    ]
    assert [part["low"] for part in curve([(0.0, True), (1.0, True)])] == [0.0, 0.9]


def test_nothing_has_no_figures() -> None:
    assert (ece([]), brier([]), auroc([]), curve([]), abstention([])) == (None, None, None, [], None)
    assert auroc([(0.5, True)]) is None


def test_abstention_by_hand() -> None:
    rows = [{"known": known, "abstained": abstained} for known, abstained in
            [(False, True), (False, True), (False, False), (True, True), (True, False), (True, False)]]  # fmt: skip
    two_thirds = pytest.approx(2 / 3, abs=1e-6)
    assert abstention(rows) == {"precision": two_thirds, "recall": two_thirds, "f1": two_thirds, "n": 6}
    never = [{"known": True, "abstained": False}]
    assert abstention(never) == {"precision": None, "recall": None, "f1": None, "n": 1}


def probe(contestant: str, **changes: Any) -> dict[str, Any]:
    return {"contestant": contestant, "outcome": "answered", "known": True, "stated": None, "abstained": False,
            "right": True} | changes  # fmt: skip


def test_what_cannot_be_measured_says_why() -> None:
    rows = [
        probe("mute"), probe("mute", right=False),
        probe("cut", outcome="cut off", right=None),
        probe("humble", known=False, abstained=True, right=None, stated=0.9),
        probe("perfect", stated=0.9), probe("perfect", stated=1.0),
        *(probe("whole", stated=stated, right=right) for stated, right in FOUR),
    ]  # fmt: skip
    names = ["mute", "cut", "humble", "perfect", "whole", "absent"]
    found = {entry["contestant"]: entry for entry in calibrate(rows, names)}
    assert list(found) == names
    assert "none of 2 finished answers states" in found["mute"]["why"] and found["mute"]["ece"] is None
    assert "none of 1 answers came to its end" in found["cut"]["why"] and found["cut"]["abstention"] is None
    assert "abstains" in found["humble"]["why"] and found["humble"]["abstention"]["recall"] == 1
    assert "no AUROC" in found["perfect"]["why"] and found["perfect"]["ece"] == pytest.approx(0.05)
    assert "no probe was asked" in found["absent"]["why"]
    whole = found["whole"]
    assert whole["why"] is None and (whole["asked"], whole["stated"], whole["n"]) == (4, 4, 4)


def test_equal_to_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    draw = random.Random(7)
    pairs = [(round(draw.random(), 2), draw.random() < 0.6) for _ in range(500)]
    stated, right = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    assert auroc(pairs) == pytest.approx(metrics.roc_auc_score(right, stated), abs=1e-4)
    assert brier(pairs) == pytest.approx(metrics.brier_score_loss(right, stated), abs=1e-4)
    rows = [{"known": draw.random() < 0.5, "abstained": draw.random() < 0.4} for _ in range(500)]
    due, said = [not row["known"] for row in rows], [row["abstained"] for row in rows]
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(due, said, average="binary")
    assert abstention(rows) == {
        "precision": pytest.approx(precision, abs=1e-4), "recall": pytest.approx(recall, abs=1e-4),
        "f1": pytest.approx(f1, abs=1e-4), "n": 500,
    }  # fmt: skip
