"""How far stated confidence can be believed: expected calibration error, Brier score, AUROC, and abstention.

Sources: Guo et al., On Calibration of Modern Neural Networks (2017), for the error over ten equal bins; Brier,
Verification of Forecasts Expressed in Terms of Probability (1950); Fawcett, An Introduction to ROC Analysis (2006).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from pipeline.engine.rows import Row

BINS = 10


def calibrate(rows: Iterable[Row], contestants: Sequence[str]) -> list[Row]:
    """One entry a contestant, as docs/formats.md has it. `rows`: probes' answers with `contestant`, `outcome`, `known`
    (whether the prompt tells the answer), and `stated`, `abstained`, `right` where the answer came to its end."""
    of: dict[str, list[Row]] = {name: [] for name in contestants}
    for row in rows:
        of[row["contestant"]].append(row)
    return [{"contestant": name, **_entry(of[name])} for name in contestants]


def _entry(rows: list[Row]) -> Row:
    finished = [row for row in rows if row["outcome"] == "answered"]
    # An abstention claims nothing that could be right or wrong; how sure it is of not knowing is another matter.
    pairs = [
        (row["stated"], row["right"]) for row in finished if row["stated"] is not None and row["right"] is not None
    ]
    hits = [right for _, right in pairs]
    return {
        "asked": len(rows),
        "stated": sum(row["stated"] is not None for row in finished),
        "n": len(pairs),
        "ece": _rounded(ece(pairs)),
        "brier": _rounded(brier(pairs)),
        "auroc": _rounded(auroc(pairs)),
        "abstention": abstention(finished),
        "curve": curve(pairs),
        "why": _why(rows, finished, len(pairs), len(set(hits))),
    }


def _why(rows: list[Row], finished: list[Row], measured: int, kinds: int) -> str | None:
    """What keeps a figure from being measured; None where all are."""
    if not rows:
        return "no probe was asked: no calibration prompt is held out, or `calibration` of the answers is 0"
    if not finished:
        return f"none of {len(rows)} answers came to its end"
    if not any(row["stated"] is not None for row in finished):
        return f"none of {len(finished)} finished answers states how sure it is"
    if not measured:
        return "every answer that states how sure it is abstains"
    return "all answers are right, or all wrong, so none can be ranked: no AUROC" if kinds == 1 else None


Pairs = Sequence[tuple[float, bool]]
"""(stated confidence 0..1, whether the answer was right)"""


def curve(pairs: Pairs) -> list[Row]:
    """Ten equal bins of stated confidence, those with answers alone: {"low", "high", "confidence", "accuracy", "n"},
    both means. A bin holds its upper bound, the first its lower one too."""

    def bin_of(stated: float) -> int:
        return next(place for place in range(BINS) if stated <= (place + 1) / BINS)

    found = []
    for place, group in groupby(sorted(pairs, key=lambda pair: pair[0]), key=lambda pair: bin_of(pair[0])):
        some = list(group)
        found.append(
            {
                "low": place / BINS,
                "high": (place + 1) / BINS,
                "confidence": round(sum(stated for stated, _ in some) / len(some), 6),
                "accuracy": round(sum(right for _, right in some) / len(some), 6),
                "n": len(some),
            }
        )
    return found


def ece(pairs: Pairs) -> float | None:
    """Mean distance between confidence and accuracy of the bins, each weighted by its answers; None of nothing."""
    bins = curve(pairs)
    return sum(b["n"] * abs(b["confidence"] - b["accuracy"]) for b in bins) / len(pairs) if pairs else None


def brier(pairs: Pairs) -> float | None:
    """Mean squared distance between confidence and what came of it: 0 is best, 0.25 is always saying 50 %."""
    return sum((stated - right) ** 2 for stated, right in pairs) / len(pairs) if pairs else None


def auroc(pairs: Pairs) -> float | None:
    """The share of pairs of a right and a wrong answer in which the right one is stated more surely, ties as half."""
    right = [stated for stated, hit in pairs if hit]
    wrong = [stated for stated, hit in pairs if not hit]
    if not right or not wrong:
        return None
    won = sum((r > w) + 0.5 * (r == w) for r in right for w in wrong)
    return won / (len(right) * len(wrong))


def abstention(rows: Sequence[Row]) -> Row | None:
    """{"precision": of the abstentions those where nobody can know, "recall": of those where nobody can know the
    abstentions, "f1", "n": answers}; None of no answers, a figure None where it divides by nothing."""
    if not rows:
        return None
    said = sum(row["abstained"] for row in rows)
    due = sum(not row["known"] for row in rows)
    good = sum(row["abstained"] and not row["known"] for row in rows)
    precision, recall = good / said if said else None, good / due if due else None
    f1 = 2 * good / (said + due) if said + due else None
    return {"precision": _rounded(precision), "recall": _rounded(recall), "f1": _rounded(f1), "n": len(rows)}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
