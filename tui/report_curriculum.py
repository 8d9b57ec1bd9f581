"""The section of a report on the GPT track: samples, phases, and answers that were wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textual.content import Content

from tui.report_words import MUTED, Report, aligned, heading, joined, name
from tui.text import figure, line, shown

OUTCOMES = {"met": ("✓", "+", "$success"), "not met": ("✗", "x", "$error")}


def curriculum(report: Report, plain: bool) -> Content:
    found = report["curriculum"]
    parts: list[Content] = []
    if found["samples"]:
        parts.append(heading("answers to the letter, with the 95\u00a0% interval"))
        signs = [f"{letter if plain else sign} {word}" for word, (sign, letter, _) in OUTCOMES.items()]
        parts.append(line(" · ".join([*signs, "? not measurable"]), MUTED))
    for sample in found["samples"]:
        outcome = sample.get("outcome")
        sign, letter, style = OUTCOMES.get(outcome, ("?", "?", "$warning") if outcome else (" ", " ", ""))
        said = Content.styled(f"{letter if plain else sign} ", style)
        count = f"{_count(sample['exact'], sample['expected']):>14}  "
        parts.append(said + name(sample["step"], 18) + line(count) + aligned(sample["share"]))
        topics = sample.get("topics") or {}
        for topic, counts in topics.items() if len(topics) > 1 else ():
            count = f"{_count(counts['exact'], counts['of']):>14}"
            parts.append(Content("    ") + name(topic, 16) + line(count, MUTED))
    for phase in found["phases"]:
        parts += [Content(""), *_phase(phase)]
    for sample in found["samples"]:
        if sample["wrong"]:
            parts += [Content(""), heading("wrong in ") + line(sample["step"], "bold")]
        for row in sample["wrong"]:
            parts.append(shown(f"  {row['prompt']}"))
            parts.append(line("    expected ", MUTED) + line(row["expected"]) + line("  given ", MUTED)
                         + line(row["given"], "$error"))  # fmt: skip
    return joined(parts)


def _phase(phase: Mapping[str, Any]) -> list[Content]:
    asked, validation = phase.get("evaluation") or {}, phase.get("validation") or {}
    facts = [f"begun as {phase.get('base') or 'nothing'}", f"{figure(phase.get('steps'))} steps",
             f"each row seen {figure(phase.get('exposures'))} times"]  # fmt: skip
    losses = [f"loss {figure(phase.get('loss_first_quarter'))} to {figure(phase.get('loss_last_quarter'))}"]
    if validation:
        losses.append(f"validation {figure(validation.get('first'))} to {figure(validation.get('last'))}")
    if asked.get("prompts_exact") is not None:
        losses.append(f"{asked['prompts_exact']:.0%} of {asked.get('prompts')} prompts exact")
    lines = phase.get("red_lines") or {}
    return [
        line(phase["step"], "bold $primary"),
        line(" · ".join(facts), MUTED),
        line(" · ".join(losses)),
        shown(str(lines.get("text", "")), "" if lines.get("verdict") == "go on" else "$warning"),
    ]


def _count(exact: Any, of: Any) -> str:
    return "–" if exact is None else f"{figure(exact)} of {figure(of)}"
