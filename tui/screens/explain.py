"""F1: what the focused pane shows, its keys and those around it, each with the command that does the same."""

from __future__ import annotations

from typing import Any

from textual.app import ComposeResult
from textual.containers import Grid, VerticalScroll
from textual.content import Content
from textual.keys import format_key
from textual.widgets import Static

from tui.actions import VIEW, Action
from tui.screens.dialogue import Dialogue


class Explain(Dialogue[None]):
    """The registry's own words, innermost first."""

    DEFAULT_CSS = """
    Explain Grid { grid-size: 2; grid-columns: auto 1fr; grid-gutter: 0 2; grid-rows: auto; height: auto; }
    """

    def __init__(self, doable: list[tuple[Any, Action]], focused: Any) -> None:
        super().__init__()
        self._doable, self._focused = doable, focused

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialogue") as frame:
            frame.border_title, frame.border_subtitle = "keys, and in grey the command that does the same", "Esc closes"
            about = getattr(self._focused, "ABOUT", "") or "No pane has the focus: Tab goes from pane to pane."
            yield Static(Content.styled(f"{about}\n", "bold"))
            with Grid():
                for _, action in self._doable:
                    keys = " ".join(map(format_key, action.key.split(",")))
                    twin = "" if action.twin == VIEW else action.twin
                    yield Static(Content.styled(keys, "bold $primary"))
                    yield Static(Content.assemble(f"{action.help}  ", (twin, "$foreground-muted")))
