"""The sections of a report.json as text for a screen; what a section does not know is left out, never guessed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from textual.content import Content

from tui.text import clock, figure, line, shown
from tui.widgets.score_bars import bar

Report = Mapping[str, Any]
Section = Callable[[Report, bool], Content]
OUTCOMES = {"met": "$success", "not met": "$error", "not measurable": "$warning", "not asked": "$foreground-muted"}
NAMED = 24


def interval(entry: Any) -> str:
    """A mean with its interval: 0.312 [0.280, 0.345]."""
    if not isinstance(entry, Mapping) or entry.get("mean") is None:
        return "–"
    bounds = f" [{entry['low']:+.3f}, {entry['high']:+.3f}]" if entry.get("low") is not None else ""
    return f"{entry['mean']:+.3f}{bounds}"


def verdict(report: Report, plain: bool) -> Content:
    found = report.get("verdict") or {}
    parts = [
        line(f"verdict: {found.get('outcome', 'none')}", f"bold {OUTCOMES.get(found.get('outcome', ''), '')}".strip())
    ]
    if found.get("met") is None:
        parts.append(Content.styled("Nothing was asked: the preset names no criteria.", "$foreground-muted"))
    for criterion in found.get("criteria", []):
        outcome = str(criterion.get("outcome", ""))
        mark = {"met": "+" if plain else "✓", "not met": "x" if plain else "✗"}.get(outcome, "?")
        said = Content.styled(f"{mark} {outcome}  ", OUTCOMES.get(outcome, ""))
        parts += [Content(""), said + line(criterion.get("question", ""), "bold")]
        parts.append(shown(f"  {criterion.get('why', '')}"))
    if report.get("chat"):
        parts += [Content(""), Content("talk to it: 6, or  ") + line(report["chat"], "$accent")]
    return Content("\n").join(parts)


def dimensions(report: Report, plain: bool) -> Content:
    """Baseline, tuned and their difference, with intervals; a sign says whether an interval lies above or below 0."""
    parts = [Content.styled(f"{'':{NAMED}} baseline  tuned              difference", "bold")]
    for row in report.get("table", []):
        means = [(row.get(side) or {}).get("mean") for side in ("baseline", "tuned")]
        difference = row.get("difference") or {}
        low, high = difference.get("low"), difference.get("high")
        sign, style = (
            ("+", "$success")
            if low is not None and low > 0
            else ("-", "$error")
            if high is not None and high < 0
            else ("=", "")
        )
        parts.append(
            line(f"{str(row.get('name', '')).replace('_', ' '):{NAMED}} ")
            + Content(f"{figure(means[0]):>8.8}  ")
            + Content.styled(
                bar(means[1] or 0.0, 10, plain), "$primary" if means[1] is not None else "$foreground-muted"
            )
            + Content(f" {figure(means[1]):<8.8}")
            + Content.styled(f"{sign} {interval(difference)}", style)
        )
    return Content("\n").join(parts)


def contestants(report: Report, _: bool) -> Content:
    """Every contestant with its reward, and every outcome of every answer."""
    evaluation = report.get("evaluation") or {}
    words = ("split", "prompts", "samples", "temperature", "max_tokens", "thinking", "confidence")
    parts = [
        line(" · ".join(f"{name} {evaluation[name]}" for name in words if name in evaluation), "$foreground-muted"),
        Content(""),
    ]
    for entry in evaluation.get("contestants", []):
        outcomes = " · ".join(f"{count} {name}" for name, count in (entry.get("outcomes") or {}).items())
        tokens = figure((entry.get("tokens") or {}).get("median"))
        parts.append(line(str(entry.get("name", "")), "bold") + Content(f"  reward {interval(entry.get('reward'))}"))
        parts.append(line(f"  {entry.get('answers')} answers: {outcomes} · {entry.get('unscored', 0)} unscored"))
        parts.append(line(f"  {tokens} tokens median · {entry.get('thoughts', 0)} with a thought"))
    if evaluation.get("pairs"):
        parts += [Content(""), Content.styled("paired differences of reward", "bold")]
    parts += [line(f"  {pair.get('contestant')} over {pair.get('against')}: {interval(pair.get('reward'))}")
              for pair in evaluation.get("pairs", [])]  # fmt: skip
    return Content("\n").join(parts)


def lineage(report: Report, _: bool) -> Content:
    """What was run: every step with its inputs, and the settings that were not honoured as asked."""
    parts: list[Content] = []
    for step in report.get("steps", []):
        parts.append(
            line(f"{step.get('name')}  {step.get('artifact')}", "bold") + Content(f"  {clock(step.get('seconds'))}")
        )
        for name, references in (step.get("inputs") or {}).items():
            for reference, found in references.items():
                parts.append(line(f"  {name}: {reference} = {found.get('path')}", "$foreground-muted"))
        for setting, entry in (step.get("effective") or {}).items():
            text = f"  {setting}: {entry.get('asked')} asked, {entry.get('in_effect')} in effect: {entry.get('why')}"
            parts.append(shown(text, "$warning"))
    return Content("\n").join(parts)


def answers(entry: Mapping[str, Any]) -> Content:
    """All answers to one prompt, one contestant after the other."""
    turns: Sequence[Any] = entry.get("messages") or []
    parts = [line(f"{turn.get('role', '')}: ", "bold") + shown(turn.get("content", "")) for turn in turns]
    for answer in entry.get("answers", []):
        reward = figure(round(answer["reward"], 3)) if isinstance(answer.get("reward"), int | float) else "–"
        facts = f"  {answer.get('outcome', '')} · {answer.get('tokens')} tokens · reward {reward}"
        parts += [
            Content(""),
            line(str(answer.get("contestant", "")), "bold $primary") + line(facts, "$foreground-muted"),
        ]
        if answer.get("thought"):
            parts.append(shown(answer["thought"], "$foreground-muted"))
        parts.append(shown(answer.get("answer", "")))
    return Content("\n").join(parts)


SECTIONS: dict[str, Section] = {
    "verdict": verdict,
    "dimensions": dimensions,
    "contestants": contestants,
    "lineage": lineage,
}
"""Name -> how it is shown; a section whose part of the report is absent is not listed. See `present`."""
PARTS = {"verdict": "verdict", "dimensions": "table", "contestants": "evaluation", "lineage": "steps"}


def present(report: Report) -> list[str]:
    return [name for name in SECTIONS if report.get(PARTS[name])]
