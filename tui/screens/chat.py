"""Chat."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.widgets import Static

from tui.screens.frame import Frame


class ChatScreen(Frame):
    OWNER = "chat"

    def body(self) -> ComposeResult:
        yield Static("chat", classes="pane")
