"""The list of traces of one artifact: its index built and asked in threads, a live filter above it, rows picked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input
from textual.worker import get_current_worker

from pipeline.engine.errors import PipelineError
from pipeline.engine.rows import Row
from pipeline.tasks.index import Filter, Index, open_index
from pipeline.tasks.marks import key_of, read_marks
from tui.filters import read_filter
from tui.text import line
from tui.trace_rows import TraceRows
from tui.widgets.entry import Entry
from tui.widgets.record_list import Column, RecordList, Rows

HINT = "/  words, begin*, 'exactly this', category=conflict helpfulness<0.4 spread>0.2 mark=none"


class TraceList(Vertical):
    """`index`, `places`: what is open, and the rows of it that the filter leaves; `picked`: places marked out;
    `unread`: why there is no index, and how to mend it."""

    DEFAULT_CSS = """
    TraceList #filter { border: none; height: 1; padding: 0 1; background: $panel; }
    """

    class Moved(Message):
        """The cursor stands on another row, or on none."""

        def __init__(self, row: Row | None) -> None:
            super().__init__()
            self.row = row

    class Told(Message):
        """A fault that a person should see."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Opened(Message):
        def __init__(self, path: Path, index: Index | None, fault: str) -> None:
            super().__init__()
            self.path, self.index, self.fault = path, index, fault

    class Building(Message):
        def __init__(self, path: Path, share: float) -> None:
            super().__init__()
            self.path, self.share = path, share

    class Found(Message):
        def __init__(
            self, index: Index, places: list[int], marked: Mapping[str, Sequence[Row]], fault: str, more: bool = False
        ) -> None:
            """`more`: it is still being looked for."""
            super().__init__()
            self.index, self.places, self.marked, self.fault, self.more = index, places, marked, fault, more

    def __init__(self, root: Path, *, plain: bool = False, **options: str) -> None:
        super().__init__(id=options.get("id"), classes=options.get("classes"))
        self._root, self._plain = root, plain
        self.path: Path | None = None
        self.index: Index | None = None
        self.places: list[int] = []
        self.picked: set[int] = set()
        self._fault, self._more = "", False
        self.unread = ""
        self.marked: Mapping[str, Sequence[Row]] = {}

    def compose(self) -> ComposeResult:
        columns = [Column("", 1), Column("id", 20), Column("category", 11, least=60), Column("type", 8, least=80),
                   Column("reward", 6, "right"), Column("answer", 0, least=50)]  # fmt: skip
        yield Entry(id="filter", placeholder=HINT)
        yield RecordList(columns, empty="No traces yet: the steps traces and judge make them.")

    def on_unmount(self) -> None:
        if self.index:
            self.index.close()

    def open(self, path: Path) -> None:
        self.path = path
        self._title(f"{path.name}: being indexed")
        self._load(path)

    def _title(self, text: str) -> None:
        self.border_title = line(text)

    @work(thread=True, exclusive=True, group="index", exit_on_error=False)
    def _load(self, path: Path) -> None:
        worker = get_current_worker()

        def told(done: int, of: int) -> None:
            self.post_message(self.Building(path, done / of))

        try:
            index = open_index(self._root, path / "rows.jsonl", told, lambda: worker.is_cancelled)
            if index and worker.is_cancelled:
                index.close()
            elif index:
                self.post_message(self.Opened(path, index, ""))
        except OSError as error:
            why = f"{error.filename or path} cannot be read.\n{error.strerror or error}."
            mend = "Let your user read the folder, or choose another artifact: a."
            self.post_message(self.Opened(path, None, f"{why}\n{mend}"))
        except PipelineError as error:
            self.post_message(self.Opened(path, None, str(error)))

    @on(Building)
    def _building(self, message: Building) -> None:
        if message.path == self.path:
            self._title(f"{message.path.name}: indexed {message.share:.0%}")

    @on(Opened)
    def _opened(self, message: Opened) -> None:
        if message.path != self.path:
            if message.index:
                message.index.close()
            return
        if self.index:
            self.index.close()
        self.index, self.places, self.picked, self.unread = message.index, [], set(), message.fault
        if message.index is None:
            self._title(f"{message.path.name}: cannot be read")
            self._show(0)
        self._find()

    # the list

    def _find(self) -> None:
        if self.index:
            narrowed, fault = read_filter(self.query_one("#filter", Input).value)
            self._search(self.index, narrowed, fault)

    @work(thread=True, exclusive=True, group="find", exit_on_error=False)
    def _search(self, index: Index, narrowed: Filter, fault: str) -> None:
        worker = get_current_worker()
        places: list[int] = []
        marked: Mapping[str, Sequence[Row]] = {}

        def told(some: list[int]) -> None:
            self.post_message(self.Found(index, some, marked, fault, more=True))

        try:
            marked = read_marks(self._root)
            with index.again() as own:
                places = own.find(narrowed, marked, lambda: worker.is_cancelled, told)
        except (PipelineError, OSError) as error:
            fault = str(error)
        if not worker.is_cancelled:
            self.post_message(self.Found(index, places, marked, fault))

    @on(Found)
    def _found(self, message: Found) -> None:
        if message.index is not self.index or self.path is None:
            return
        here = self.place()
        self.places, self.marked, self._fault = message.places, message.marked, message.fault
        self._show(message.places.index(here) if here in message.places else 0)
        self._more = message.more
        self._counted()

    def _counted(self) -> None:
        if self.index and self.path:
            more = " and counting" if self._more else ""
            picked = f" · {len(self.picked):,} picked" if self.picked else ""
            self._title(f"{len(self.places):,}{more} of {len(self.index):,}{picked} · {self._fault or self.path.name}")

    def _show(self, cursor: int | None = None) -> None:
        rows = self.query_one(RecordList)
        rows.picked = {at for at, place in enumerate(self.places) if place in self.picked} if self.picked else set()
        if self.index:
            rows.show(TraceRows(self.index, self.places, self.marked, self._plain), cursor)
        else:
            rows.show(Rows())

    @on(Input.Changed, "#filter")
    def _narrow(self) -> None:
        self._find()

    @on(Input.Submitted, "#filter")
    def _narrowed(self) -> None:
        self.query_one(RecordList).focus()

    def ask_filter(self) -> None:
        self.query_one("#filter").focus()

    def close_layer(self) -> bool:
        field = self.query_one("#filter", Input)
        if not field.value and not field.has_focus:
            return False
        field.value = ""
        self.query_one(RecordList).focus()
        return True

    def place(self) -> int | None:
        cursor = self.query_one(RecordList).cursor
        return self.places[cursor] if 0 <= cursor < len(self.places) else None

    def row(self) -> Row | None:
        place = self.place()
        if self.index is None or place is None:
            return None
        try:
            return self.index.row(place)
        except (PipelineError, OSError) as error:
            self.post_message(self.Told(str(error)))
            return None

    @on(RecordList.Moved)
    def _moved(self, message: RecordList.Moved) -> None:
        message.stop()
        self.post_message(self.Moved(self.row()))

    def marks_of(self, row: Row | None) -> Sequence[Row]:
        return self.marked.get(key_of(row), ()) if row and "messages" in row else ()

    def marks_changed(self) -> None:
        self.marked = read_marks(self._root)
        self._show()

    def pick(self) -> None:
        if (place := self.place()) is not None:
            self.picked ^= {place}
            self._show()
            self._counted()
            self.step()

    def step(self) -> None:
        self.query_one(RecordList).cursor += 1
