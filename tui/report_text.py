"""The sections of a report.json as text for a screen; what a section does not know is left out, never guessed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from textual.content import Content

from tui.report_curriculum import curriculum
from tui.report_exam import battery, calibration, tournament, written
from tui.report_run import costs, coverage, lineage, training
from tui.report_words import MUTED, NAMED, Report, Section, direction, interval, joined, share
from tui.text import figure, line, shown

OUTCOMES = {"met": "$success", "not met": "$error", "not measurable": "$warning", "not asked": "$foreground-muted"}


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
        parts.append(shown(str(criterion.get("why", "")).replace(" %", "\u00a0%")))
    if headline := report.get("headline"):
        parts.append(Content(""))
        parts += [
            line(f"{figure['name']:{NAMED + 3}} ", MUTED)
            + line(figure["value"], "bold")
            + line(f"  {figure['note']}", MUTED)
            for figure in headline
        ]
    if report.get("chat"):
        parts += [Content(""), Content("talk to it: 6, or  ") + line(report["chat"], "$accent")]
    return Content("\n").join(parts)


def dimensions(report: Report, _: bool) -> Content:
    """Baseline, tuned and their difference, with intervals; a sign says whether an interval lies above or below 0."""
    parts = [Content.styled(f"{'':{NAMED}} {'base':>5} {'tuned':>5}   difference, 95\u00a0% interval", "bold")]
    parts += [_gain(row) for row in report.get("table") or []]
    if last := report.get("last_table"):
        parts += [Content(""), Content.styled("the last contestant over the one before it", "bold")]
        parts += [_gain(row) for row in last]
    legend = "▲ higher, ▼ lower, = no difference that is sure: its interval holds 0"
    return Content("\n").join([*parts, Content(""), Content.styled(legend, MUTED)])


def _gain(row: Mapping[str, Any]) -> Content:
    before, after = ((row.get(side) or {}).get("mean") for side in ("baseline", "tuned"))
    difference = row.get("difference") or {}
    sign, style = direction(difference)
    return (
        line(f"{str(row.get('name', '')).replace('_', ' '):{NAMED}} ")
        + Content(f"{share(before):>5} {share(after):>5} ")
        + Content.styled(f"{sign} {interval(difference)}", style)
    )


def contestants(report: Report, _: bool) -> Content:
    """Every contestant with its reward, and every outcome of every answer."""
    evaluation = report.get("evaluation") or {}
    words = ("split", "prompts", "samples", "temperature", "max_tokens", "thinking", "confidence")
    parts = [line(" · ".join(f"{name} {evaluation[name]}" for name in words if name in evaluation), MUTED)]
    for entry in evaluation.get("contestants", []):
        outcomes = {**(entry.get("outcomes") or {}), "unscored": entry.get("unscored", 0)}
        some = ", ".join(f"{count} {name}" for name, count in outcomes.items() if count)
        none = ", ".join(name for name, count in outcomes.items() if not count)
        tokens = figure((entry.get("tokens") or {}).get("median"))
        head = line(str(entry.get("name", "")), "bold $primary")
        parts += [Content(""), head + Content(f"  reward {interval(entry.get('reward'))}")]
        parts.append(line(f"{entry.get('answers')} asked: {some}") + line(f"; none {none}" if none else "", MUTED))
        parts.append(line(f"{tokens} tokens in the median, {entry.get('thoughts', 0)} with a thought"))
    if not evaluation.get("contestants"):
        parts.append(Content.styled("No contestant is named.", MUTED))
    if evaluation.get("pairs"):
        parts += [Content(""), Content.styled("paired differences of reward", "bold")]
    parts += [line(f"  {pair.get('contestant')} over {pair.get('against')}: {interval(pair.get('reward'))}")
              for pair in evaluation.get("pairs", [])]  # fmt: skip
    return Content("\n").join(parts)


def answers(entry: Report, folded: bool) -> Content:
    """All answers to one prompt, one contestant after the other."""
    parts = _turns(entry)
    for answer in entry.get("answers", []):
        facts = f"  {answer.get('outcome', '')} · {answer.get('tokens')} tokens · reward {share(answer.get('reward'))}"
        parts += [Content(""), line(str(answer.get("contestant", "")), "bold $primary") + line(facts, MUTED)]
        parts += written(answer, folded)
    return joined(parts)


def trace(entry: Report, folded: bool) -> Content:
    """One trace that there was to learn from, with the judge's marks."""
    facts = line(f"{entry.get('category')} · {entry.get('type')} · reward {share(entry.get('reward'))}", MUTED)
    scores = [f"{key.replace('_', ' ')} {share(value)}" for key, value in (entry.get("scores") or {}).items()]
    return joined(
        [facts, *_turns(entry), Content(""), *written(entry, folded), Content(""), line(" · ".join(scores), MUTED)]
    )


def _turns(entry: Report) -> list[Content]:
    turns: Sequence[Any] = entry.get("messages") or []
    return [line(f"{turn.get('role', '')}: ", "bold") + shown(turn.get("content", "")) for turn in turns]


def other(value: Any) -> Content:
    """A part of the report that this screen has no words for, as it stands: a name and a value a line."""
    return Content("\n").join(shown(f"{name}  {figure(entry)}") for name, entry in _flat(value, ""))


def _flat(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    entries = value.items() if isinstance(value, Mapping) else enumerate(value, 1) if isinstance(value, list) else ()
    for key, entry in entries:
        yield from _flat(entry, f"{name} · {key}" if name else str(key))
    if not isinstance(value, Mapping | list):
        yield name, value


SECTIONS: dict[str, tuple[tuple[str, ...], Section]] = {
    "verdict": (("verdict",), verdict),
    "curriculum": (("curriculum",), curriculum),
    "dimensions": (("table",), dimensions),
    "contestants": (("evaluation",), contestants),
    "battery": (("evaluation", "battery"), battery),
    "tournament": (("tournament",), tournament),
    "calibration": (("evaluation", "calibration"), calibration),
    "training": (("training",), training),
    "coverage": (("coverage",), coverage),
    "costs": (("costs",), costs),
    "lineage": (("steps",), lineage),
}
"""Name -> where it stands in the report, and how it is shown. Parts of the report that nothing here knows have sections
of their own."""
KNOWN = {"format", "headline", "battery_answers", "answers", "traces", "judges", "gguf", "chat", "last_table"} | {
    place[0] for place, _ in SECTIONS.values()
}


def sections(report: Report) -> list[str]:
    """All sections, those that this report lacks too; but no curriculum where the run was of the other track."""
    beyond = [key for key, part in report.items() if key not in KNOWN and isinstance(part, Mapping | list) and part]
    known = [name for name in SECTIONS if name != "curriculum" or present(name, report)]
    return [*known, *beyond] if report else []


def present(name: str, report: Report) -> bool:
    """Whether the report has the section."""
    return bool(_part(report, SECTIONS[name][0] if name in SECTIONS else (name,)))


def _part(report: Any, place: tuple[str, ...]) -> Any:
    for key in place:
        report = report.get(key) if isinstance(report, Mapping) else None
    return report


def section(name: str, report: Report, plain: bool) -> Content:
    """One section; of a report that is not as docs/formats.md has it, what stands there."""
    place, show = SECTIONS.get(name, ((name,), None))
    if not present(name, report):
        since = " Reports of format 1 had none." if report.get("format") == 1 else ""
        return Content.styled(f"This report has no {name}.{since}", MUTED)
    return as_expected(lambda: show(report, plain) if show else other(_part(report, place)), _part(report, place))


def as_expected(show: Callable[[], Content], part: Any) -> Content:
    """What `show` makes of a part; where the part is not as it should be, the part as it stands."""
    try:
        return show()
    except (AttributeError, KeyError, TypeError, ValueError, IndexError, OverflowError):
        return Content.styled("This part of the report is not as expected:\n", "$warning") + other(part)
