"""What threads and widgets tell those above them."""

from __future__ import annotations

from textual.message import Message

from pipeline.engine.runs import Run
from tui.feed import Snapshot
from tui.launch import Done
from tui.runs_feed import RunRow


class Fed(Message):
    """A new snapshot of the selected run."""

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__()
        self.snapshot = snapshot


class Listed(Message):
    """All runs, live and past."""

    def __init__(self, rows: tuple[RunRow, ...]) -> None:
        super().__init__()
        self.rows = rows


class Selected(Message):
    """A run was chosen, to be shown by every screen; None: there is none."""

    def __init__(self, run: Run | None) -> None:
        super().__init__()
        self.run = run


class Commanded(Message):
    """A command of the headless twin came to its end."""

    def __init__(self, done: Done, what: str) -> None:
        super().__init__()
        self.done = done
        self.what = what
