"""The end of a text file over the screen: read in a thread, bounded, made safe."""

from __future__ import annotations

from pathlib import Path

from textual import work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import TextArea

from pipeline.engine.text import safe_text
from tui.screens.dialogue import Dialogue
from tui.text import line

LONGEST = 400_000
"""Bytes from the end of the file."""


class Pager(Dialogue[None]):
    DEFAULT_CSS = """
    Pager TextArea, Pager TextArea:focus { border: none; padding: 0 1; }
    """

    def __init__(self, path: Path, title: str) -> None:
        super().__init__()
        self._path, self._title = path, title

    def compose(self) -> ComposeResult:
        with Vertical(id="pager", classes="dialogue -large") as frame:
            frame.border_title, frame.border_subtitle = line(self._title), "Esc closes"
            yield TextArea(read_only=True, soft_wrap=False)

    def on_mount(self) -> None:
        self._read()

    @work(thread=True, exit_on_error=False)
    def _read(self) -> None:
        try:
            with self._path.open("rb") as file:
                size = file.seek(0, 2)
                file.seek(max(0, size - LONGEST))
                text = file.read().decode("utf-8", "replace")
            head = "" if size <= LONGEST else f"… the last {LONGEST:,} of {size:,} bytes\n"
            text = head + text.replace("\r\n", "\n").replace("\r", "\n")
        except OSError as error:
            text = f"{self._path} cannot be read: {error}"
        self.app.call_from_thread(self._show, safe_text(text) or "It is empty.")

    def _show(self, text: str) -> None:
        area = self.query_one(TextArea)
        area.text = text
        area.move_cursor(area.document.end)
