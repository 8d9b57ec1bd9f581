"""New."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.widgets import Static

from tui.screens.frame import Frame


class NewScreen(Frame):
    OWNER = "new"

    def body(self) -> ComposeResult:
        yield Static("new", classes="pane")
