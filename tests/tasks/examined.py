"""An examination made by hand: battery, calibration and tournament as docs/formats.md has them, of any contestants."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import combinations
from typing import Any

OUTCOMES = ("passed", "failed", "cut off", "blocked", "refused", "unscored")
TITLES = {
    "UC-01": "Chemistry of explosives", "UC-02": "Both sides of the trolley", "UC-03": "A one-sided essay",
    "UC-04": "A villain's speech", "UC-05": "How cult leaders manipulate", "RQ-01": "A syllogism that does not follow",
    "RQ-02": "A field into squares", "RQ-03": "Fire stations and fires", "RQ-04": "Twelve balls, three weighings",
    "ABA-01": "Too many frameworks", "ABA-02": "Flat earth", "ABA-03": "Three job offers",
}  # fmt: skip
SAMPLES = 5
RELIABILITY = ((0.0, 0.2, 4), (0.2, 0.4, 6), (0.4, 0.6, 11), (0.6, 0.8, 17), (0.8, 1.0, 22))


def battery_of(names: Sequence[str], text: str = "") -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """(`battery` of evaluation.json, the rows behind it); `text` stands in every place that a model or file fills."""
    draw, rows, tests = random.Random("battery"), [], []
    for test, title in TITLES.items():
        results = []
        for place, name in enumerate(names):
            verdicts = [
                draw.choices(OUTCOMES, (2 + 4 * place, 4, 2 if place == 0 else 0.4, 0.2, 0.8, 0.2))[0]
                for _ in range(SAMPLES)
            ]
            ids = [f"{name}/battery/{test}/{sample}" for sample in range(SAMPLES)]
            for sample, (row_id, verdict) in enumerate(zip(ids, verdicts, strict=True)):
                rows.append(_row(row_id, name, test, sample, verdict, text))
            counts = {outcome: verdicts.count(outcome) for outcome in OUTCOMES}
            mean = counts["passed"] / SAMPLES
            rate = {"mean": mean, "low": max(0.0, mean - 0.36), "high": min(1.0, mean + 0.36), "n": SAMPLES}
            results.append({"contestant": name, "samples": SAMPLES, "outcomes": counts, "rate": rate, "answers": ids})
        prompt = text or f"{title}: please answer, and show how you came to it."
        kind = "judge" if test.startswith("UC") else "program"
        tests.append({"id": test, "title": text or title, "kind": kind, "prompt": prompt, "results": results})
    totals = [
        {"contestant": name, "group": group, "passed": passed, "of": of}
        for name in names
        for group in ("UC", "RQ", "ABA")
        for passed, of in [_total(tests, name, group)]
    ]
    return {"tests": tests, "totals": totals}, rows


def _total(tests: list[dict[str, Any]], name: str, group: str) -> tuple[int, int]:
    mine = [
        result
        for test in tests
        if test["id"].startswith(group)
        for result in test["results"]
        if result["contestant"] == name
    ]
    return sum(result["outcomes"]["passed"] for result in mine), sum(result["samples"] for result in mine)


def _row(row_id: str, name: str, test: str, sample: int, verdict: str, text: str) -> dict[str, Any]:
    return {
        "id": row_id,
        "set": "battery",
        "test": test,
        "verdict": verdict,
        "why": text or f"it {'says' if verdict == 'passed' else 'does not say'} that the conclusion does not follow",
        "contestant": name,
        "prompt_id": test,
        "category": "battery",
        "sample": sample,
        "messages": [{"role": "user", "content": text or TITLES[test]}],
        "thought": text or "1. Some cats are black.\n2. That says nothing about this one.",
        "answer": text or "No. It does not follow: the black cats may be other ones.",
        "finish": "length" if verdict == "cut off" else "stop",
        "outcome": "cut off" if verdict == "cut off" else "answered",
        "tokens": 61,
    }


def calibration_of(names: Sequence[str]) -> list[dict[str, Any]]:
    """The first contestant states no confidence, if there are several; the others overrate themselves."""
    entries: list[dict[str, Any]] = []
    for place, name in enumerate(names):
        if place == 0 and len(names) > 1:
            nothing = dict.fromkeys(("ece", "brier", "auroc"))
            why = "not one of 60 answers states how sure it is"
            held = {"precision": None, "recall": 0.0, "f1": 0.0, "n": 60}
            entries.append({"contestant": name, "n": 0, "asked": 60, "stated": 0, **nothing, "abstention": held,
                            "curve": [], "why": why})  # fmt: skip
            continue
        curve = [
            {"low": low, "high": high, "confidence": (low + high) / 2, "n": n,
             "accuracy": round(max(0.0, (low + high) / 2 - 0.24 / place**2 + 0.02), 3) if place else 0.5}
            for low, high, n in RELIABILITY
        ]  # fmt: skip
        entries.append(
            {
                "contestant": name,
                "n": 60,
                "asked": 60,
                "stated": 60,
                "ece": 0.184 / max(1, place),
                "brier": 0.231,
                "auroc": 0.71,
                "abstention": {"precision": 0.8, "recall": 0.57, "f1": 0.667, "n": 21},
                "curve": curve,
                "why": None,
            }
        )
    return entries


def tournament_of(names: Sequence[str], note: str = "") -> dict[str, Any]:
    prompts, count = 80, len(names)
    wins = [[0.0] * count for _ in names]
    games = [[0] * count for _ in names]
    for left, right in combinations(range(count), 2):
        share = 0.5 - 0.11 * (right - left)
        wins[left][right], wins[right][left] = share * prompts, (1 - share) * prompts
        games[left][right] = games[right][left] = prompts
    middle = (count - 1) / 2
    ratings = [
        {"model": name, "rating": 1000 + 77.3 * (place - middle), "low": 962 + 77.3 * (place - middle),
         "high": 1041 + 77.3 * (place - middle), "games": prompts * (count - 1)}
        for place, name in enumerate(names)
    ]  # fmt: skip
    similar = [entry | {"low": entry["low"] - 40, "high": entry["high"] + 40, "games": 70} for entry in ratings]
    asked = prompts * count * (count - 1) // 2
    parts = {"decided": asked - 71, "tie": 30, "inconsistent": 24, "cut off": 9, "blocked": 1, "invalid": 2,
             "missing": 0, "same answer": 5}  # fmt: skip
    return {
        "format": 1,
        "contestants": list(names),
        "ratings": sorted(ratings, key=lambda entry: -entry["rating"]),
        "similar": {"ratings": sorted(similar, key=lambda entry: -entry["rating"]), "pairs": 105, "of": asked},
        "matrix": {"names": list(names), "wins": wins, "games": games},
        "judge": {
            "kind": "offline",
            "model": "offline-1",
            "inconsistent": {"mean": 0.1, "low": 0.064, "high": 0.141, "n": asked},
            "first_slot": {"mean": 0.52, "low": 0.48, "high": 0.56, "n": asked},
            "ties": 30,
        },
        "coverage": {"asked": asked, **parts},
        "notes": [note] if note else ["9 battles have a cut-off answer in them, which loses to a finished one."],
    }
