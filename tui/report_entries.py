"""What the list of the Report screen leads to: sections, under the battery its tests, then answers and traces."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from textual.content import Content

from tui.report_exam import one_test, signs
from tui.report_text import answers, as_expected, present, section, sections, trace
from tui.report_words import MUTED, Report
from tui.text import line


@dataclass(frozen=True)
class Entry:
    label: Content
    title: str
    show: Callable[[bool], Content]
    """Its text, the thoughts folded or not."""


def entries(report: Report, plain: bool) -> list[Entry]:
    """Every place of the report; one that it lacks is muted, and says so when it is opened."""
    found: list[Entry] = []
    for name in sections(report):
        label = line(name, "bold" if present(name, report) else MUTED)
        found.append(Entry(label, name, partial(_section, name, report, plain)))
        if name == "battery":
            found += _tests(report, plain)
    for part, title, name, show in (
        ("answers", "sample answers", "prompt_id", answers),
        ("traces", "sample traces", "id", trace),
    ):
        if rows := _rows(report.get(part)):
            found.append(Entry(Content.styled(title, "bold"), title, partial(_few, len(rows))))
            found += [_row(row, f"{title} · {row.get(name, '')}", str(row.get(name, "")), show) for row in rows]
    return found


def _few(count: int, _: bool) -> Content:
    return Content.styled(f"{count} of them stand below; 4 shows every row of an artifact.", MUTED)


def _section(name: str, report: Report, plain: bool, _: bool) -> Content:
    return section(name, report, plain)


def _tests(report: Report, plain: bool) -> Iterator[Entry]:
    """Beside a test's id the signs of the last contestant, the tuned one."""
    battery = _mapping(_mapping(report.get("evaluation")).get("battery"))
    for test in _rows(battery.get("tests")):
        show = partial(_shown, lambda test, folded: one_test(report, test, plain, folded), test)
        last = as_expected(lambda test=test: signs(test["results"][-1], plain), None)  # type: ignore[misc]
        yield Entry(line(f" {test.get('id')!s:<6} ", most=20) + last, f"battery · {test.get('id')}", show)


def _row(row: Report, title: str, name: str, show: Callable[[Report, bool], Content]) -> Entry:
    return Entry(line(f" {name}"), title, partial(_shown, show, row))


def _shown(show: Callable[[Report, bool], Content], row: Report, folded: bool) -> Content:
    return as_expected(lambda: show(row, folded), row)


def _rows(found: Any) -> list[Mapping[str, Any]]:
    return [row for row in found if isinstance(row, Mapping)] if isinstance(found, list) else []


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
