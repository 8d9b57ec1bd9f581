"""Lights follow intervals, never points; and the page says what the report holds and nothing that is markup."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.engine.rows import Row
from pipeline.tasks.dimensions import DIMENSIONS
from pipeline.tasks.judge_health.canaries import KINDS
from pipeline.tasks.judge_health.compare import people
from pipeline.tasks.judge_health.figures import failures, histogram, length_slope, retest
from pipeline.tasks.judge_health.findings import above, below, judge_findings, within
from pipeline.tasks.judge_health.page import render_page
from tests.tasks.judged import digests, earned, scored, scores


def figure(mean: float | None, low: float | None = None, high: float | None = None, n: int = 50) -> Row:
    return {"mean": mean, "low": low, "high": high, "n": n}


@pytest.mark.parametrize(
    ("estimate", "light"),
    [
        (figure(0.9, 0.8, 0.95), "green"),
        (figure(0.9, 0.4, 0.95), "amber"),
        (figure(0.6, 0.55, 0.7), "amber"),
        (figure(0.3, 0.1, 0.55), "amber"),
        (figure(0.3, 0.1, 0.45), "red"),
        (figure(0.9), "amber"),
        (figure(0.1), "amber"),
        (figure(None), "not measured"),
    ],
)
def test_more_is_better(estimate: Row, light: str) -> None:
    assert above(estimate, 0.5, 0.75) == light


def test_less_is_better() -> None:
    assert below(figure(0.0, 0.0, 0.01), 0.05, 0.02) == "green"
    assert below(figure(0.0, 0.0, 0.2), 0.05, 0.02) == "amber"
    assert below(figure(0.1, 0.06, 0.2), 0.05, 0.02) == "red"


def test_should_be_nothing() -> None:
    assert within(figure(0.01, -0.02, 0.04), 0.05) == "green"
    assert within(figure(0.04, -0.02, 0.1), 0.05) == "amber"
    assert within(figure(0.1, 0.06, 0.2), 0.05) == within(figure(-0.1, -0.2, -0.06), 0.05) == "red"
    assert within(figure(0.0), 0.05) == "amber" and within(figure(None), 0.05) == "not measured"


def compared(mean: float, changed: bool = False, **dimensions: float) -> Row:
    def row(value: float) -> Row:
        spread = figure(value, value - 0.01, value + 0.01)
        return {"difference": spread, "alpha": figure(0.9, 0.85, 0.95), "changed": changed, "pairs": 50, "null": 0}

    moved = dict.fromkeys(DIMENSIONS, 0.0) | dimensions
    return {
        "items": 50,
        "reward": row(mean),
        "dimensions": {name: row(value) | {"changed": name in dimensions} for name, value in moved.items()},
        "models": ["offline-1"],
        "same_family": False,
        "exact": False,
        "occasion": 0,
    }


def bird(**changed: Any) -> Row:
    return {"scored": 5, "reward": 0.1, "reference": 0.5, "difference": figure(-0.4, -0.5, -0.3, 5), "at_or_above": 0,
            "prompts": []} | changed  # fmt: skip


def report(**changed: Any) -> Row:
    rows = digests(*(scored(f"p{n}/0", scores(n % 5 / 4), [scores(n % 5 / 4)] * 3) for n in range(60)))
    return {
        "judge": {"kind": "openai", "models": ["offline-1"], "rubric": "0" * 12, "own_writing": False},
        "rows": 60,
        "prompts": 60,
        "occasion": 0,
        "retest": retest(rows, earned, seed=1),
        "histogram": histogram(rows),
        "failures": failures(rows, []),
        "people": people(rows, {}, seed=1),
        "length": length_slope(rows, seed=1),
        "canaries": {"kinds": {kind: bird() for kind in KINDS}, "standard": "adequate"},
        "drift": compared(0.0),
        "audit": compared(0.0),
    } | changed


def lights(**changed: Any) -> dict[str, str]:
    return {row["check"]: row["light"] for row in judge_findings(report(**changed))}


def test_a_judge_in_good_health() -> None:
    found = lights()
    measured = {check: light for check, light in found.items() if light != "not measured"}
    assert set(measured.values()) == {"green"} | ({"amber"} if measured["refusals"] == "amber" else set())
    assert {check for check in found if found[check] == "not measured"} == {
        "people's scores", "people's verdicts", "length",
    }  # fmt: skip
    assert {f"canary: {kind}" for kind in KINDS} <= measured.keys()


def test_one_canary_is_enough() -> None:
    kinds = {kind: bird() for kind in KINDS} | {"colon": bird(at_or_above=1), "padding": bird(scored=0)}
    found = lights(canaries={"kinds": kinds, "standard": "adequate"})
    assert found["canary: colon"] == "red"
    assert found["canary: padding"] == "not measured"
    assert found["canary: keyword soup"] == "green"


def test_drift() -> None:
    assert lights(drift=compared(0.1))["drift"] == "red"
    assert lights(drift=compared(0.0, helpfulness=0.05))["drift"] == "amber"
    assert lights(drift=compared(0.0, helpfulness=-0.2))["drift"] == "red"
    assert lights(drift=compared(0.0) | {"models": ["offline-2"]})["judge's version"] == "amber"
    assert "judge's version" not in lights()


def test_the_embedded_judge_must_not_drift_at_all() -> None:
    exact = compared(0.0) | {"exact": True}
    text = {row["check"]: row for row in judge_findings(report(drift=exact))}["drift"]
    assert text["light"] == "green" and "0 exactly" in text["text"]
    assert lights(drift=compared(0.0001) | {"exact": True})["drift"] == "red"
    null = compared(0.0) | {"exact": True}
    null["dimensions"]["helpfulness"]["null"] = 1
    assert lights(drift=null)["drift"] == "red"


def test_the_second_judge() -> None:
    apart = compared(0.0)
    apart["reward"]["alpha"] = figure(0.3, 0.1, 0.5)
    assert lights(audit=apart)["audit"] == "red"
    found = lights(audit=compared(0.0) | {"same_family": True})
    assert found["audit"] == "green" and found["audit's family"] == "amber"
    assert lights(audit={"why": "No second judge was named as audit.", "same_family": False})["audit"] == "not measured"
    judge = report()["judge"] | {"own_writing": True}
    assert lights(judge=judge)["self-preference"] == "amber"


def test_a_judge_that_piles_up_fails_and_follows_length() -> None:
    piled = digests(*(scored(f"p{n}/0", scores(n % 5 / 4, honest_engagement=0.75)) for n in range(60)))
    assert lights(histogram=histogram(piled))["use of the scale"] == "amber"
    lost = [{"id": str(n), "outcome": "blocked", "reason": "it refused", "text": ""} for n in range(20)]
    assert lights(failures=failures(piled, lost))["refusals"] == "red"
    samples = digests(
        *(scored(f"p{n}/0", scores(), [scores()] * 2, judge={"model": "m", "unusable": 1}) for n in range(60))
    )
    assert lights(failures=failures(samples, []))["samples lost"] == "red"
    long = {"within_type": figure(0.2, 0.1, 0.3), "within_prompt": figure(0.3, 0.2, 0.4), "words": {}}
    assert lights(length=long)["length"] == "amber", "an association alone proves nothing"


def test_the_page_shows_all_of_it_and_no_markup_of_others() -> None:
    wild = [{"id": "x", "outcome": "invalid", "reason": "</td>|<b>`no`</b>\n# Title \x1b[2J", "text": ""}]
    whole = report(failures=failures(digests(scored("p/0", scores())), wild))
    whole["judge"]["models"] = ["a|b <script>"]
    whole["findings"] = judge_findings(whole)
    page = render_page(whole)
    for finding in whole["findings"]:
        assert f"**{finding['check']}**" in page
    for title in ("## Repeats", "## Scores", "## Drift", "## Audit", "## Why there was no verdict"):
        assert title in page
    assert "\x1b" not in page and "<script>" not in page and "\n# Title" not in page
    first = next(line for line in page.splitlines() if line.startswith("| ") and "light" in line)
    for line in page[page.index(first) :].split("\n\n")[0].splitlines():
        assert line.replace("\\|", "").count("|") == first.count("|")


def test_a_page_of_next_to_nothing() -> None:
    nothing = {"why": "drift_items is 0.", "same_family": False, "exact": False, "occasion": 0}
    whole = report(retest={"why": "Each trace was marked once."}, canaries=nothing, drift=nothing, audit=nothing)
    whole["findings"] = judge_findings(whole)
    page = render_page(whole)
    assert "## Repeats" not in page and "## Drift" not in page
    assert "**canaries**: drift\\_items is 0." in page or "**canaries**: drift_items is 0." in page
