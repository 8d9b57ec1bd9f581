"""Where a message is written: Enter sends it, Ctrl-J begins a new line, what was sent before can be recalled."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.binding import BindingType
from textual.events import Paste
from textual.message import Message
from textual.widgets import TextArea

from pipeline.engine.text import safe_text
from tui import actions


class Prompt(TextArea):
    OWNER = "prompt"
    ABOUT = "Write here. Enter sends, Ctrl-J begins a new line, Esc leaves, and 1 to 6 then go to the other screens."
    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings("prompt")]
    DEFAULT_CSS = """
    Prompt { height: auto; max-height: 8; border: none; padding: 0 1; background: $panel; }
    Prompt:focus { border: none; }
    """

    class Sent(Message):
        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, **options: Any) -> None:
        super().__init__(
            placeholder="Enter sends · Ctrl-J new line · Esc leaves, then 1 to 6: the other screens",
            compact=True,
            **options,
        )
        self._sent: list[str] = []
        self._back = 0

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """F6 and F7 are the chat's, not the editor's that this is made of."""
        return action not in ("select_line", "select_all") and super().check_action(action, parameters)

    def on_paste(self, event: Paste) -> None:
        """What is sent is what is seen."""
        event.text = safe_text(event.text)

    def action_send(self) -> None:
        if self.text.strip():
            self.post_message(self.Sent(self.text))

    def took(self) -> None:
        """The message was sent."""
        self._sent.append(self.text)
        self._back = 0
        self.text = ""

    def action_newline(self) -> None:
        self.insert("\n")

    def action_recall(self) -> None:
        if self._sent:
            self._back = self._back % len(self._sent) + 1
            self.text = self._sent[-self._back]
            self.move_cursor(self.document.end)
