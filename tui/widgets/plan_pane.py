"""The plan of a run that is being put together: asked for once a person pauses, in a thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textual import on, work
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Static

from tui.launch import Done
from tui.plan_text import plan_text
from tui.text import hung, line

PAUSE = 0.7
"""Seconds after the last change before the plan is asked for."""
Look = Callable[[], tuple[Done, str]]
"""Called in a thread: what `plan` said, and who has the GPU."""


class PlanPane(VerticalScroll, can_focus=True):
    ABOUT = "What the run will do: faults, warnings, disk, money, memory, and what is there already."

    class Planned(Message):
        def __init__(self, asked: int, done: Done, queued: str) -> None:
            super().__init__()
            self.asked, self.done, self.queued = asked, done, queued

    def __init__(self, *, plain: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self._plain = plain
        self._asked = 0
        self._timer: Timer | None = None
        self._share = False
        self.planned: PlanPane.Planned | None = None
        """The newest plan."""

    def compose(self) -> ComposeResult:
        yield Static("asking …", id="found")

    def ask(self, look: Look) -> None:
        """Something has changed; what was asked before no longer counts."""
        self._asked += 1
        self.border_title = line("plan: being asked for")
        if self._timer:
            self._timer.stop()
        self._timer = self.set_timer(PAUSE, lambda: self._look(self._asked, look))

    @work(thread=True, exclusive=True, group="plan", exit_on_error=False)
    def _look(self, asked: int, look: Look) -> None:
        self.post_message(self.Planned(asked, *look()))

    @on(Planned)
    def _planned(self, message: Planned) -> None:
        message.stop()
        if message.asked == self._asked:
            self.planned = message
            self.show(self._share)

    def show(self, share: bool) -> None:
        """`share`: the run is to train beside another one."""
        self._share = share
        if found := self.planned:
            self.border_title = line("plan")
            width = self.content_size.width - 1  # of which a scroll bar may take the last
            text = plan_text(found.done, found.queued, share, self._plain)
            self.query_one("#found", Static).update(hung(text, width))

    def on_resize(self) -> None:
        self.show(self._share)
