"""The settings of a form as rows of a list: step, setting, a mark where it was changed, value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textual.content import Content

from tui.form import Field
from tui.text import line
from tui.widgets.signs import sign


def form_rows(fields: Sequence[Field], sets: Mapping[str, str], plain: bool) -> list[Sequence[Content]]:
    """The name of a step stands once, over its settings."""
    befores = [None, *fields]
    return [_cells(field, before, sets, plain) for before, field in zip(befores, fields, strict=False)]


def _cells(field: Field, before: Field | None, sets: Mapping[str, str], plain: bool) -> Sequence[Content]:
    text, changed = sets.get(field.key, field.written), field.key in sets
    fault = changed and field.fault(text)
    usual = "$foreground-muted" if text == field.default else ""
    style = "$error" if fault else "bold $accent" if changed else usual
    mark = sign("failed", plain) if fault else Content("*" if changed else "")
    first = before is None or before.step != field.step
    return [line(field.step if first else "", "bold"), line(field.name), mark, line(text or field.empty, style)]
