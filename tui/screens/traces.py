"""Traces."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.widgets import Static

from tui.screens.frame import Frame


class TracesScreen(Frame):
    OWNER = "traces"

    def body(self) -> ComposeResult:
        yield Static("traces", classes="pane")
