"""What a setting means, and a line to write its value in, checked with every letter."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from tui.form import Field
from tui.text import line, shown
from tui.widgets.entry import Entry


class FieldEditor(Vertical):
    DEFAULT_CSS = """
    FieldEditor { height: auto; max-height: 9; border-top: solid $foreground 25%; padding: 0 1; }
    FieldEditor #edit { display: none; border: none; height: 1; padding: 0; background: $panel; }
    FieldEditor.-open #edit { display: block; }
    FieldEditor Static { height: auto; }
    """

    class Typed(Message):
        """Something that the field itself has no fault to find with; the whole form may have."""

        def __init__(self, field: Field, text: str) -> None:
            super().__init__()
            self.field, self.text = field, text

    class Given(Typed):
        """Enter: the setting shall have this value."""

    def __init__(self) -> None:
        super().__init__()
        self._field: Field | None = None

    def compose(self) -> ComposeResult:
        yield Entry(id="edit", select_on_focus=False)
        yield Static()

    @property
    def is_open(self) -> bool:
        return self.has_class("-open")

    def show(self, field: Field | None, fault: str = "") -> None:
        """Say what a setting means."""
        self._field = field
        self.query_one(Static).update(_about(field, fault) if field else "")

    def open(self, text: str) -> None:
        """Let the setting that is shown be written."""
        field = self.query_one(Input)
        with field.prevent(Input.Changed):
            field.value = text
        field.cursor_position = len(text)
        self.add_class("-open")
        field.focus()

    def close(self) -> None:
        self.remove_class("-open")

    def answer(self, field: Field, text: str, fault: str) -> None:
        """What is wrong with the whole form, should `text` be the value; too late where it says something else now."""
        if self.is_open and self._field == field and self.query_one(Input).value == text:
            self.show(field, fault)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if self._field and self.is_open:
            fault = self._field.fault(event.value)
            self.show(self._field, fault)
            if not fault:
                self.post_message(self.Typed(self._field, event.value))

    @on(Input.Submitted)
    def _given(self, event: Input.Submitted) -> None:
        event.stop()
        if self._field and not self._field.fault(event.value):
            self.post_message(self.Given(self._field, event.value))


def _about(field: Field, fault: str) -> Content:
    parts = [shown(fault, "$error")] if fault else []
    parts += [line(f"{field.key}: ", "bold") + line(field.kind), shown(field.about)]
    told = f"default {field.default or field.empty}"
    told += f", in the preset {field.written or field.empty}" if field.written != field.default else ""
    parts.append(line(told, "$foreground-muted"))
    if field.resource:
        parts.append(line(f"or one of {', '.join(field.resource)}", "$foreground-muted"))
    if field.offers:
        choose = "Enter, then Space for each" if field.many else "Enter chooses"
        parts.append(line(f"{choose}: {', '.join(field.offers[:20])}", "$foreground-muted"))
    return Content("\n").join(parts)
