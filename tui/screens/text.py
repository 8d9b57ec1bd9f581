"""A long text over the screen, to read or to write."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import TextArea

from pipeline.engine.text import safe_text
from tui import actions
from tui.screens.dialogue import Dialogue
from tui.text import line
from tui.widgets.keys import Keys

LONGEST = 200_000
"""Letters that are shown for reading."""


class TextOver(Dialogue[str]):
    """Gives what was written, as it was written: a control character is shown as a glyph, and given as itself."""

    OWNER = "text"
    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings("text")]
    DEFAULT_CSS = """
    TextOver TextArea, TextOver TextArea:focus { border: none; padding: 0 1; }
    """

    def __init__(self, title: str, text: str, *, read_only: bool = False) -> None:
        super().__init__()
        self._title, self._read_only = title, read_only
        self._text = safe_text(text[:LONGEST] if read_only else text)
        pairs = {safe_text(letter): letter for letter in set(text) if safe_text(letter) != letter}
        self._glyphs = {glyph: letter for glyph, letter in pairs.items() if glyph not in text}

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialogue -large") as frame:
            frame.border_title = line(self._title)
            frame.border_subtitle = line("Esc closes" if self._read_only else "")
            yield TextArea(
                self._text,
                read_only=self._read_only,
                soft_wrap=not self._read_only and len(self._text) < LONGEST,
                show_cursor=not self._read_only,
            )
        if not self._read_only:
            yield Keys()

    def action_give(self) -> None:
        if not self._read_only:
            text = self.query_one(TextArea).text
            for glyph, letter in self._glyphs.items():
                text = text.replace(glyph, letter)
            self.dismiss(text)
