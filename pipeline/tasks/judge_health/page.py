"""The judge's report as a page: what was measured, the figure, its interval, what it means, and a light for each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from pipeline.engine.rows import Row
from pipeline.tasks.report.markdown import inline, table_lines
from pipeline.tasks.report.words import interval_text, mean_text
from pipeline.tasks.rubric import LEVELS

LIGHTS = ("red", "amber", "green", "not measured")


def render_page(report: Row) -> str:
    """Markdown of judge_report.json."""
    parts = [_head(report), _repeats(report["retest"]), _histogram(report["histogram"]), _people(report["people"])]
    for name, title in (("drift", "Drift by dimension: now less stored"), ("audit", "Audit: second judge less first")):
        parts.append(_compared(title, report[name]))
    parts += [_failures(report["failures"]), _how(report)]
    return "\n".join(line for part in parts for line in part) + "\n"


def _head(report: Row) -> list[str]:
    judge, findings = report["judge"], sorted(report["findings"], key=lambda row: LIGHTS.index(row["light"]))
    lights = Counter(row["light"] for row in findings)
    who = f"{inline(', '.join(judge['models']))} ({judge['kind']}), rubric {judge['rubric']}"
    rows = [
        [
            f"**{row['check']}**: {inline(row['text'])}",
            f"**{row['light']}**",
            mean_text(row["figure"]),
            interval_text(row["figure"]),
            "–" if row["figure"] is None else str(row["figure"]["n"]),
        ]
        for row in findings
    ]
    return [
        "# How far the judge can be trusted",
        "",
        f"{who}, on {report['rows']} traces of {report['prompts']} prompts.",
        "",
        f"**{', '.join(f'{lights[light]} {light}' for light in LIGHTS if lights[light])}**",
        "",
        *table_lines(("what was measured", "light", "figure", "95 % interval", "n"), rows),
    ]


def _repeats(retest: Row) -> list[str]:
    if "why" in retest:
        return []
    rows = [
        [_plain(name), mean_text(row["single"]), interval_text(row["single"]), mean_text(row["mean"]),
         _number(row["alpha"]), _share(row["equal"])]
        for name, row in {"reward": retest["reward"], **retest["dimensions"]}.items()
    ]  # fmt: skip
    heads = ("", "ICC of one", "95 % interval", f"ICC of {retest['samples']}", "alpha, ordinal", "all equal")
    about = f"{retest['items']} traces, each marked {retest['samples']} times; null agrees with null."
    return ["", "## Repeats", "", about, "", *table_lines(heads, rows)]


def _histogram(histogram: Mapping[str, Mapping[str, int]]) -> list[str]:
    keys = [*map(str, LEVELS), "null"]
    rows = [[_plain(name), *(str(counts[key]) for key in keys)] for name, counts in histogram.items()]
    about = "Single verdicts by level; null where the dimension does not apply. Scores between two levels are counted "
    return ["", "## Scores", "", f"{about}at the nearest.", "", *table_lines(("", *keys), rows)]


def _people(people: Row) -> list[str]:
    if not people["pairs"]:
        return []
    rows = [
        [_plain(name), str(row["pairs"]), _number(row["kappa"]), _number(row["difference"], signed=True)]
        for name, row in people["dimensions"].items()
        if row["pairs"]
    ]
    about = f"{people['traces']} traces with scores of a person."
    return ["", "## People", "", about, "", *table_lines(("", "pairs", "kappa", "judge - person"), rows)]


def _compared(title: str, compared: Row) -> list[str]:
    if "why" in compared:
        return []
    rows = [
        [_plain(name), mean_text(row["difference"], signed=True), interval_text(row["difference"], signed=True),
         mean_text(row["alpha"]), str(row["pairs"]), str(row["null"])]
        for name, row in {"reward": compared["reward"], **compared["dimensions"]}.items()
    ]  # fmt: skip
    heads = ("", "difference", "95 % interval", "alpha", "pairs", "null in one")
    return ["", f"## {title}", "", *table_lines(heads, rows)]


def _failures(failures: Row) -> list[str]:
    if not failures["reasons"]:
        return []
    rows = [[row["outcome"], str(row["count"]), inline(row["reason"])] for row in failures["reasons"]]
    return ["", "## Why there was no verdict", "", *table_lines(("outcome", "traces", "reason"), rows)]


def _how(report: Row) -> list[str]:
    lines = (
        "Red: the whole interval lies on the wrong side; for canaries, a single one that earns as much as the traces "
        "of its prompt. Green: none of it does. Amber: in between, more data would tell.",
        "Intervals are percentile bootstraps of whole traces (length: of whole groups; canaries: of prompts); those of "
        "shares are Wilson's.",
        "ICC: one-way, for samples of one judge have no order. Alpha: Krippendorff's. Kappa: quadratic weights, on the "
        "levels 0 to 4.",
        "With nine dimensions, one is called moved only where 0 lies outside its interval at 99.4 %.",
        f"Drift was asked as occasion {report['occasion']}; later, ask again with another number (`occasion`).",
    )
    return ["", "## How to read this", "", *(f"- {line}" for line in lines)]


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _number(value: float | None, signed: bool = False) -> str:
    return "–" if value is None else f"{value:{'+' if signed else ''}.3f}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"
