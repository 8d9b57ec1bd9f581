"""Runs."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.widgets import Static

from tui.screens.frame import Frame


class RunsScreen(Frame):
    OWNER = "runs"

    def body(self) -> ComposeResult:
        yield Static("runs", classes="pane")
