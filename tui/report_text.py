"""The sections of a report.json as text for a screen; what a section does not know is left out, never guessed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from textual.content import Content

from tui.text import clock, figure, line, shown

Report = Mapping[str, Any]
Section = Callable[[Report, bool], Content]
OUTCOMES = {"met": "$success", "not met": "$error", "not measurable": "$warning", "not asked": "$foreground-muted"}
NAMED = 22


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


def dimensions(report: Report, _: bool) -> Content:
    """Baseline, tuned and their difference, with intervals; a sign says whether an interval lies above or below 0."""
    parts = [Content.styled(f"{'':{NAMED}} {'base':>5} tuned  difference", "bold")]
    parts += [_gain(row) for row in report.get("table") or []]
    if last := report.get("last_table"):
        parts += [Content(""), Content.styled("the last contestant over the one before it", "bold")]
        parts += [_gain(row) for row in last]
    return Content("\n").join(parts)


def _gain(row: Mapping[str, Any]) -> Content:
    before, after = ((row.get(side) or {}).get("mean") for side in ("baseline", "tuned"))
    difference = row.get("difference") or {}
    sign, style = direction(difference)
    return (
        line(f"{str(row.get('name', '')).replace('_', ' '):{NAMED}} ")
        + Content(f"{share(before):>5} {share(after):>5} ")
        + Content.styled(f"{sign} {interval(difference)}", style)
    )


def direction(difference: Mapping[str, Any]) -> tuple[str, str]:
    """A sign and a colour: the whole interval above 0, below it, or neither."""
    low, high = difference.get("low"), difference.get("high")
    if low is not None and low > 0:
        return "+", "$success"
    return ("-", "$error") if high is not None and high < 0 else ("=", "")


def share(value: Any) -> str:
    """A score to three decimals, a dash for none."""
    return f"{value:.3f}" if isinstance(value, int | float) else "–"


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


def other(value: Any) -> Content:
    """A part of the report that this screen has no words for, as it stands: a name and a value a line."""
    return Content("\n").join(shown(f"{name}  {figure(entry)}") for name, entry in _flat(value, ""))


def _flat(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    entries = value.items() if isinstance(value, Mapping) else enumerate(value, 1) if isinstance(value, list) else ()
    for key, entry in entries:
        yield from _flat(entry, f"{name} · {key}" if name else str(key))
    if not isinstance(value, Mapping | list):
        yield name, value


SECTIONS: dict[str, tuple[str, Section]] = {
    "verdict": ("verdict", verdict),
    "dimensions": ("table", dimensions),
    "contestants": ("evaluation", contestants),
    "lineage": ("steps", lineage),
}
"""Name -> the part of the report that it shows, and how. Further parts of the report have sections of their own."""
KNOWN = {"format", "headline", "battery_answers", "traces", "answers", "training", "gguf", "chat", "last_table"} | {
    part for part, _ in SECTIONS.values()
}


def present(report: Report) -> list[str]:
    """The sections that this report has."""
    return [name for name, (part, _) in SECTIONS.items() if report.get(part)] + [
        name for name, part in report.items() if name not in KNOWN and isinstance(part, Mapping | list) and part
    ]


def section(name: str, report: Report, plain: bool) -> Content:
    """One section; of a report that is not as docs/formats.md has it, what stands there."""
    part, show = SECTIONS.get(name, (name, None))
    try:
        return show(report, plain) if show else other(report[part])
    except (AttributeError, KeyError, TypeError, ValueError):
        return Content.styled("This part of the report is not as expected:\n", "$warning") + other(report.get(part))
