"""HTML elements. Text reaches a page through `tag` alone, which escapes all that is not markup already."""

from __future__ import annotations

from html import escape

from pipeline.engine.text import safe_text
from pipeline.tasks.report.tables import Table

VOID = ("meta",)


class Markup(str):
    """HTML that is safe to place in a page."""

    __slots__ = ()


def tag(name: str, /, *children: str, **attributes: str) -> Markup:
    """An element. Children that are not Markup are text: made visible, then escaped; so is every attribute."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(safe_text(value))}"' for key, value in attributes.items()
    )
    if name in VOID:
        return Markup(f"<{name}{written}>")
    inner = "".join(child if isinstance(child, Markup) else escape(safe_text(child)) for child in children)
    return Markup(f"<{name}{written}>{inner}</{name}>")


def section(place: str, title: str, note: str, *parts: str) -> Markup:
    """A part of the page: `place` is its id, which the list of contents leads to."""
    said = tag("p", note, class_="note") if note else ""
    return tag("section", tag("h2", title), said, *(part for part in parts if part), id=place)


def grid(table: Table, class_: str = "") -> Markup:
    """A table whose first column names the row; it scrolls sideways by itself where the page is narrow."""
    marks = table.marks or [""] * len(table.rows)
    body = [
        tag("tr", tag("th", row[0], scope="row"), *(tag("td", cell) for cell in row[1:]), class_=mark)
        for row, mark in zip(table.rows, marks, strict=True)
    ]
    head = tag("tr", *(tag("th", head, scope="col") for head in table.heads))
    return tag("div", tag("table", tag("thead", head), tag("tbody", *body), class_=class_), class_="wide", tabindex="0")


def fold(summary: str, *children: str, **attributes: str) -> Markup:
    return tag("details", tag("summary", summary), *children, **attributes)
