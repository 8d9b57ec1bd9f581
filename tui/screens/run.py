"""Run."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.widgets import Static

from tui.screens.frame import Frame


class RunScreen(Frame):
    OWNER = "run"

    def body(self) -> ComposeResult:
        yield Static("run", classes="pane")
