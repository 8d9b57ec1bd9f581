"""Sections of a report on the examination: the battery and each of its tests, the tournament, calibration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textual.content import Content

from tui.report_words import MUTED, Report, aligned, heading, joined, name, percent, rating, share
from tui.text import line, shown

SIGNS = {"passed": "✓", "failed": "✗", "cut off": "~", "blocked": "⊘", "refused": "–", "unscored": "?"}
PLAIN = {"passed": "+", "failed": "x", "cut off": "~", "blocked": "#", "refused": "-", "unscored": "?"}
COLOURS = {"passed": "$success", "failed": "$error", "refused": "$error"}
BARS = 20


def signs(result: Mapping[str, Any], plain: bool) -> Content:
    """A sign for every sample."""
    letters = PLAIN if plain else SIGNS
    return Content("").join(
        Content.styled(letters.get(outcome, "?") * min(int(count), 60), COLOURS.get(outcome, "$warning"))
        for outcome, count in result["outcomes"].items()
    )


def battery(report: Report, plain: bool) -> Content:
    """Samples passed by group, then every test with a sign for each sample."""
    found = report["evaluation"]["battery"]
    letters = PLAIN if plain else SIGNS
    parts = [line(" · ".join(f"{sign} {outcome}" for outcome, sign in letters.items()), MUTED), Content("")]
    groups = list(dict.fromkeys(str(total["group"]) for total in found["totals"]))
    parts.append(heading(f"{'samples passed':22} " + "".join(f"{group[:8]:>10}" for group in groups)))
    for who in dict.fromkeys(str(total["contestant"]) for total in found["totals"]):
        mine = {total["group"]: f"{total['passed']} of {total['of']}" for total in found["totals"]
                if total["contestant"] == who}  # fmt: skip
        parts.append(name(who) + line("".join(f"{mine.get(group, '-'):>10}" for group in groups)))
    for test in found["tests"]:
        parts += [Content(""), line(f"{test['id']}  ", "bold $primary") + line(test["title"], "bold")]
        parts += [
            Content("  ")
            + name(result["contestant"], 20)
            + signs(result, plain)
            + Content("  ")
            + aligned(result["rate"])
            for result in test["results"]
        ]
    return joined(parts)


def one_test(report: Report, test: Mapping[str, Any], plain: bool, folded: bool) -> Content:
    """The prompt of a test and every answer to it, each with its verdict and why."""
    answers = {row["id"]: row for row in report.get("battery_answers") or []}
    scored = "by program" if test.get("kind") == "program" else "by the judge"
    parts = [line(f"{test.get('title')}, scored {scored}", "bold"), shown(test.get("prompt", ""))]
    letters = PLAIN if plain else SIGNS
    for result in test["results"]:
        head = line(result["contestant"], "bold $primary") + Content("  ") + signs(result, plain)
        parts += [Content(""), head + line(f"  {percent(result['rate'])}", MUTED)]
        for row in filter(None, (answers.get(row_id) for row_id in result["answers"])):
            outcome = str(row.get("verdict"))
            said = Content.styled(f"{letters.get(outcome, '?')} ", COLOURS.get(outcome, "$warning"))
            parts += [Content(""), said + line(f"{outcome}: ", "bold") + shown(row.get("why") or "")]
            parts += written(row, folded)
    return joined(parts)


def written(row: Mapping[str, Any], folded: bool) -> list[Content]:
    """A thought, folded to its length or open, and the answer."""
    thought = str(row.get("thought") or "")
    parts = []
    if thought and folded:
        parts.append(Content.styled(f"thought, {len(thought.split())} words; f opens it", MUTED))
    elif thought:
        parts.append(shown(thought, MUTED))
    return [*parts, shown(row.get("answer") or "(no answer)")]


def tournament(report: Report, _: bool) -> Content:
    """Ratings, the matrix, and what the judge does when nothing but the order changes."""
    found = report["tournament"]
    similar = {entry["model"]: entry for entry in (found.get("similar") or {}).get("ratings", [])}
    parts = [heading(f"{'':16} {'rating':18} {'at similar length':18} games")]
    parts += [
        name(entry["model"], 16)
        + line(f"{rating(entry):18} {rating(similar.get(entry['model'])):18} {entry['games']:>5}")
        for entry in found["ratings"]
    ]
    names, wins, games = (found["matrix"][key] for key in ("names", "wins", "games"))
    parts += [Content(""), heading("games won by the row against the column in per cent, ties as half")]
    parts.append(Content(" " * 20) + line("".join(f"{place:>6}" for place in range(1, len(names) + 1)), "bold"))
    for place, (who, won, played) in enumerate(zip(names, wins, games, strict=True), 1):
        cells = [f"{100 * part / of:.0f}" if of else "–" for part, of in zip(won, played, strict=True)]
        parts.append(Content(f"{place:>2} ") + name(who, 16) + line("".join(f"{cell:>6}" for cell in cells)))
    judge, pairs = found["judge"], found.get("similar") or {}
    parts += [
        Content(""),
        line(f"judge: {judge['kind']} {judge['model']}", "bold"),
        line(f"  another winner once the order is turned: {percent(judge['inconsistent'])}"),
        line(f"  preferred the answer that stood first: {percent(judge['first_slot'])}, 50 % is even"),
        line(f"  {judge['ties']} ties · {pairs.get('pairs')} of {pairs.get('of')} pairs are of similar length"),
    ]
    return joined(parts + [shown(f"  {note}", MUTED) for note in found.get("notes", [])])


def calibration(report: Report, plain: bool) -> Content:
    """Of each contestant the errors, and how often it is right when it says how sure it is."""
    parts: list[Content] = []
    for entry in report["evaluation"]["calibration"]:
        parts.append(line(entry["contestant"], "bold $primary"))
        parts.append(line(f"  {entry['stated']} of {entry['asked']} answers say how sure they are", MUTED))
        if entry.get("why"):
            parts.append(shown(f"  not all is measurable: {entry['why']}", "$warning"))
        parts.append(
            line(f"  ECE {share(entry['ece'])} · Brier {share(entry['brier'])} · AUROC {share(entry['auroc'])}")
        )
        if held := entry.get("abstention"):
            names = {"precision": "precision", "recall": "recall", "f1": "F1"}
            figures = " · ".join(f"{word} {share(held.get(key))}" for key, word in names.items())
            parts.append(line(f"  abstention: {figures} over {held.get('n')} answers"))
        parts += [_bin(part, plain) for part in entry["curve"] if part["n"]]
        parts.append(Content(""))
    mark = "|" if plain else "┃"
    return joined(
        [*parts, line(f"A bar is how often it is right, {mark} how sure it says it is: they should meet.", MUTED)]
    )


def _bin(part: Mapping[str, Any], plain: bool) -> Content:
    """Says 0.90, is right 0.68: a bar as long as it is right, a mark where it says."""
    right, says = (min(BARS, round(BARS * part[key])) for key in ("accuracy", "confidence"))
    full, mark = ("#", "|") if plain else ("█", "┃")
    bar = (full * right).ljust(BARS + 1)
    bar = bar[:says] + mark + bar[says + 1 :]
    return (
        line(f"  says {part['confidence']:.2f}  right {part['accuracy']:.2f}  ")
        + Content.styled(bar, "$primary")
        + (line(f" {part['n']} answers", MUTED))
    )
