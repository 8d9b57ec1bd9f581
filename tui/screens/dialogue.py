"""A dialogue over a screen: a text and, for a question, two keys. Esc closes every one of them."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from tui import actions
from tui.text import line
from tui.widgets.entry import Entry

T = TypeVar("T")


class Dialogue(ModalScreen[T]):
    """Its answer is what it is dismissed with; none where it was closed."""

    OWNER = "dialogue"
    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings("dialogue")]

    def dismiss(self, result: T | None = None) -> AwaitComplete:
        """Once: a second Enter that is on its way already would close the screen beneath, or end the window."""
        return super().dismiss(result) if self.is_current else AwaitComplete()

    def action_close(self) -> None:
        self.dismiss(None)


class Question(Dialogue[bool]):
    """Yes or no; Enter is no answer, so that nothing is deleted by a slip."""

    OWNER = "question"
    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings("question")]

    def __init__(self, text: Content) -> None:
        super().__init__()
        self._text = text

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialogue"):
            yield Static(self._text)
            yield Static(Content.assemble("\n", ("y", "bold $primary"), " yes   ", ("n", "bold $primary"), " no"))

    def action_yes(self) -> None:
        self.dismiss(True)

    def action_no(self) -> None:
        self.dismiss(False)


class Ask(Dialogue[str]):
    """One line of text; Enter gives it."""

    AUTO_FOCUS = "Input"
    DEFAULT_CSS = """
    Ask Input, Ask Input:focus { border: none; height: 1; padding: 0 1; margin-top: 1; background: $panel; }
    """

    def __init__(self, text: Content, value: str = "") -> None:
        super().__init__()
        self._text, self._value = text, value

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialogue") as frame:
            frame.border_subtitle = line("Enter gives it, Esc leaves")
            yield Static(self._text)
            yield Entry(self._value, select_on_focus=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value)
