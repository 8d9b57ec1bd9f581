"""All traces of one prompt side by side, each in a column of its own."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import HorizontalScroll, Vertical
from textual.widgets import Static

from pipeline.engine.rows import Row
from tui.screens.dialogue import Dialogue
from tui.text import figure, line, shown
from tui.widgets.trace_view import TraceView

MOST = 12


class Siblings(Dialogue[None]):
    DEFAULT_CSS = """
    Siblings .prompt { height: auto; max-height: 30%; padding: 0 1; }
    Siblings .column { width: 48; border-right: solid $panel-lighten-2; }
    """

    def __init__(self, rows: Sequence[Row], plain: bool) -> None:
        super().__init__()
        self._rows = sorted(rows, key=lambda row: -(row.get("reward") or 0))
        self._plain = plain

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialogue -large") as frame:
            frame.border_title = f"{len(self._rows)} traces of one prompt, best first"
            first = self._rows[0] if self._rows else {}
            turns = first.get("messages") or [{}]
            yield Static(shown(str(turns[-1].get("content", ""))[:4000]), classes="prompt")
            with HorizontalScroll():
                for row in self._rows[:MOST]:
                    with Vertical(classes="column"):
                        words = f"{row.get('type', '')} {figure(row.get('reward'))} {row.get('id', '')}"
                        yield Static(line(words, "bold"))
                        yield TraceView(row, plain=self._plain, prompt=False)
