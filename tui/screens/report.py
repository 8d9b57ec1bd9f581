"""Report."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.widgets import Static

from tui.screens.frame import Frame


class ReportScreen(Frame):
    OWNER = "report"

    def body(self) -> ComposeResult:
        yield Static("report", classes="pane")
