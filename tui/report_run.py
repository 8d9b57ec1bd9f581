"""Sections of a report on the run itself: training, lineage, coverage of every count, cost and time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from textual.content import Content

from tui.report_words import MUTED, Report, heading, joined, name
from tui.text import clock, figure, line, shown


def training(report: Report, _: bool) -> Content:
    """Of every figure the mean of its first and of its last quarter; the Run screen draws the curves."""
    parts: list[Content] = []
    for run in report["training"]:
        curves = run.get("curves") or {}
        parts.append(line(f"{run.get('name')}", "bold") + line(f"  {len(curves.get('step') or [])} points", MUTED))
        parts += [
            Content("  ") + name(key.replace("_", " ")) + line(f"{_mean(first)} -> {_mean(last)}")
            for key, values in curves.items()
            if key != "step"
            for first, last in [_quarters(values)]
        ]
    return joined([heading(f"{'':24} first quarter -> last"), *parts])


def _quarters(values: Sequence[Any]) -> tuple[list[float], list[float]]:
    found = [value for value in values if isinstance(value, int | float)]
    quarter = max(1, len(found) // 4)
    return found[:quarter], found[-quarter:]


def _mean(values: Sequence[float]) -> str:
    return figure(sum(values) / len(values)) if values else "–"


def coverage(report: Report, plain: bool) -> Content:
    """All that was asked, and what came of it: a sum in every line."""
    parts = []
    for row in report["coverage"]:
        sums = " + ".join(f"{count} {word}" for word, count in row["parts"].items())
        said = line(f"{row['what']}: ", "bold") + line(f"{row['asked']} asked = {sums}")
        if not row["whole"]:
            said += Content.styled(f"  {'x' if plain else '✗'} does not add up", "$error")
        parts.append(said)
    return joined(parts)


def costs(report: Report, _: bool) -> Content:
    """Time and money of every step, where it was made, and all together."""
    parts = [heading(f"{'':16} {'time':>8} {'calls':>7} {'dollars':>9}  made by")]
    for row in report["costs"]:
        calls, cost = row["calls"] or "–", "–" if row["cost"] is None else f"{row['cost']:.4f}"
        parts.append(
            name(row["step"], 16) + line(f"{clock(row['seconds']):>8} {calls:>7} {cost:>9}  {row['run'] or '–'}")
        )
        if row["lost"]:
            most = "an unknown price" if row["bound"] is None else f"at most {row['bound']:.4f} dollars"
            calls = f"{row['lost']} {'call' if row['lost'] == 1 else 'calls'}"
            parts.append(Content.styled(f"  {calls} possibly billed for nothing: {most}", "$warning"))
    seconds = sum(row["seconds"] or 0 for row in report["costs"])
    paid = [row["cost"] for row in report["costs"] if row["cost"] is not None]
    spent = f"{sum(paid):.4f}" if paid else "–"
    return joined([*parts, Content.styled(f"{'together':16} {clock(seconds):>8} {'':>7} {spent:>9}", "bold")])


def lineage(report: Report, _: bool) -> Content:
    """What was run: every step with its hash and inputs, and the settings that were not honoured as asked."""
    parts: list[Content] = []
    for judge in report.get("judges") or []:
        rubric = f" · rubric {judge['rubric']}" if judge.get("rubric") else ""
        parts.append(line(f"judge of {judge.get('step')}: {judge.get('kind')} {judge.get('model')}{rubric}"))
    parts += [Content("")] * bool(parts)
    wide = min(24, max((len(str(step.get("name"))) for step in report.get("steps", [])), default=0))
    for step in report.get("steps", []):
        content = f"  content {str(step['digest'])[:12]}" if step.get("digest") else ""
        parts.append(name(step.get("name"), wide, "bold") + line(f" {step.get('artifact')}") + line(content, MUTED))
        for used, references in (step.get("inputs") or {}).items():
            for reference, found in references.items():
                parts.append(line(f"  {used}: {reference} = {found.get('path')}", MUTED))
                if found.get("state", "as it was") != "as it was":
                    parts.append(line(f"    {found['state']}", "$warning"))
        for setting, entry in (step.get("effective") or {}).items():
            text = f"  {setting}: {entry.get('asked')} asked, {entry.get('in_effect')} in effect: {entry.get('why')}"
            parts.append(shown(text, "$warning"))
    return joined(parts)
