"""F1: what the focused pane shows, its keys and those around it, each with the command that does the same."""

from __future__ import annotations

from typing import Any

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from tui.actions import Action
from tui.screens.dialogue import Dialogue


class Explain(Dialogue[None]):
    """The registry's own words, innermost first."""

    def __init__(self, doable: list[tuple[Any, Action]], focused: Any) -> None:
        super().__init__()
        self._doable, self._focused = doable, focused

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialogue"):
            yield Static(self._text(), markup=False)

    def _text(self) -> Content:
        about = getattr(self._focused, "ABOUT", "") or "No pane has the focus: Tab goes from pane to pane."
        lines = [Content.styled(about, "bold"), Content("")]
        width = max((len(action.key) for _, action in self._doable), default=0)
        for _, action in self._doable:
            lines.append(
                Content.assemble(
                    (f"{action.key:<{width}}  ", "bold $primary"),
                    f"{action.help}  ",
                    (action.twin, "$foreground-muted"),
                )
            )
        return Content("\n").join(lines)
