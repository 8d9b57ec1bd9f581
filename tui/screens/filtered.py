"""A screen with a list that a line of words narrows live: `/` opens the line, Enter leaves it, Esc shows all again."""

from __future__ import annotations

from textual import on
from textual.widgets import Input

from tui.screens.frame import Frame
from tui.widgets.record_list import RecordList


class Filtered(Frame):
    """A subclass has an Entry `#filter` and one RecordList, and shows in `_show` what `_words` leave."""

    _words = ""

    def _show(self) -> None:
        """Show the rows that hold `_words`."""

    def action_filter(self) -> None:
        field = self.query_one("#filter", Input)
        field.add_class("-open")
        field.focus()

    @on(Input.Changed, "#filter")
    def _filter(self, event: Input.Changed) -> None:
        self._words = event.value
        self._show()

    @on(Input.Submitted, "#filter")
    def _filtered(self) -> None:
        self.query_one("#filter").remove_class("-open")
        self.query_one(RecordList).focus()

    def close_layer(self) -> bool:
        field = self.query_one("#filter", Input)
        if not field.has_class("-open") and not field.value:
            return super().close_layer()
        field.value = ""
        self._filtered()
        return True
