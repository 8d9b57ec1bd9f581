"""A list of any length: only the lines on the screen are drawn. A hundred thousand rows cost no more than thirty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

from rich.segment import Segment
from textual import events
from textual.binding import BindingType
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.style import Style

from tui import actions


@dataclass(frozen=True)
class Column:
    name: str
    width: int
    """Letters; 0: what is left, shared with other such columns."""
    align: Literal["left", "right"] = "left"
    least: int = 0
    """Width of the list below which the column is not shown."""


class Source(Protocol):
    """Where rows come from. Both are called while drawing, so they must be quick."""

    def __len__(self) -> int: ...

    def cells(self, index: int) -> Sequence[Content]:
        """One Content a column, on one line."""
        ...


class Rows:
    """A Source over rows that are there already."""

    def __init__(self, rows: Sequence[Sequence[Content]] = ()) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def cells(self, index: int) -> Sequence[Content]:
        return self._rows[index]


class RecordList(ScrollView, can_focus=True):
    """Rows in columns under a heading that stays. The row of the cursor is `cursor`; -1 in an empty list."""

    OWNER = "list"
    ABOUT = "A list. Arrows or j and k move, g and G go to its ends, Enter opens."
    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings("list")]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"list--heading", "list--cursor", "list--picked"}
    DEFAULT_CSS = """
    RecordList { height: 1fr; overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1; }
    RecordList > .list--heading { text-style: bold; color: $foreground-muted; background: $panel; }
    RecordList > .list--cursor { background: $primary 25%; text-style: bold; }
    RecordList:focus > .list--cursor { background: $primary 45%; }
    RecordList > .list--picked { color: $accent; }
    """
    cursor: reactive[int] = reactive(-1, repaint=False)

    class Moved(Message):
        """The cursor stands on another row."""

        def __init__(self, sender: RecordList, index: int) -> None:
            super().__init__()
            self.sender, self.index = sender, index

        @property
        def control(self) -> RecordList:
            return self.sender

    class Opened(Moved):
        """A row was chosen: Enter, or a second click."""

    class Headed(Message):
        """The heading of a column was clicked."""

        def __init__(self, sender: RecordList, column: str) -> None:
            super().__init__()
            self.sender, self.column = sender, column

        @property
        def control(self) -> RecordList:
            return self.sender

    def __init__(self, columns: Sequence[Column], *, empty: str = "Nothing here.", **options: Any) -> None:
        super().__init__(**options)
        self._columns = columns
        self._head = int(any(column.name for column in columns))
        """Rows of the heading: none where no column has a name."""
        self._empty = empty
        self._source: Source = Rows()
        self.picked: set[int] = set()
        """Rows that a person marked out, by their place."""

    def show(self, source: Source, cursor: int | None = None) -> None:
        """Show other rows; `cursor`: where it stands, else where it stood as far as there are rows."""
        self._source = source
        self.virtual_size = Size(self.size.width, len(source) + self._head)
        wanted = self.cursor if cursor is None else cursor
        self.set_reactive(RecordList.cursor, min(max(wanted, 0), len(source) - 1))
        self._reveal()
        self.refresh()
        self.post_message(self.Moved(self, self.cursor))

    def redraw(self) -> None:
        """The rows say something else, but are as many."""
        self.refresh()

    def __len__(self) -> int:
        return len(self._source)

    # drawing

    def on_resize(self) -> None:
        self.virtual_size = Size(self.size.width, len(self._source) + self._head)
        self._reveal()

    def _widths(self, width: int) -> list[int]:
        """Of the columns that are shown; 0 for one that is not."""
        shown = [column for column in self._columns if width >= column.least]
        fixed = sum(column.width for column in shown) + 2 * max(0, len(shown) - 1)
        free = [column for column in shown if not column.width]
        each = max(4, (width - fixed) // len(free)) if free else 0
        return [(column.width or each) if column in shown else 0 for column in self._columns]

    def _room(self) -> int:
        """Letters across that no scroll bar covers."""
        return self.scrollable_content_region.width

    def render_line(self, y: int) -> Strip:
        width = self._room()
        if y < self._head:
            heading = [Content(column.name) for column in self._columns]
            return self._strip(heading, width, self.get_visual_style("list--heading"))
        index = y - self._head + self.scroll_offset.y
        if not 0 <= index < len(self._source):
            text = self._empty if index == 0 else ""
            return self._drawn(Content(text).truncate(width), width, self.visual_style)
        classes = ["list--picked"] * (index in self.picked) + ["list--cursor"] * (index == self.cursor)
        style = self.get_visual_style(*classes) if classes else self.visual_style
        return self._strip(self._source.cells(index), width, style)

    def _strip(self, cells: Sequence[Content], width: int, style: Style) -> Strip:
        line = Content("")
        for cell, column, room in zip(cells, self._columns, self._widths(width), strict=True):
            if room:
                cut = cell.truncate(room, ellipsis=True)
                pad = Content(" " * max(0, room - cut.cell_length))
                line += (pad + cut if column.align == "right" else cut + pad) + Content("  ")
        return self._drawn(line, width, style)

    def _drawn(self, line: Content, width: int, style: Style) -> Strip:
        parts = line.render(style, end="", parse_style=self.app.stylesheet.parse_style)
        return Strip(Segment(text, part.rich_style) for text, part in parts).adjust_cell_length(width, style.rich_style)

    # moving

    def watch_show_vertical_scrollbar(self, there: bool) -> None:
        """A scroll bar that has just come knows nothing of what was scrolled before."""
        if there:
            self.vertical_scrollbar.position = self.scroll_y

    def watch_cursor(self, _: int, new: int) -> None:
        self._reveal()
        self.refresh()
        self.post_message(self.Moved(self, new))

    def validate_cursor(self, value: int) -> int:
        return min(max(value, 0), len(self._source) - 1)

    def _reveal(self) -> None:
        if self.cursor >= 0 and self.size.height > self._head:
            top, height = self.scroll_offset.y, self.size.height - self._head
            if self.cursor < top:
                self.scroll_to(y=self.cursor, animate=False, force=True)
            elif self.cursor >= top + height:
                self.scroll_to(y=self.cursor - height + 1, animate=False, force=True)

    def _page(self) -> int:
        return max(1, self.size.height - 1 - self._head)

    def action_down(self) -> None:
        self.cursor += 1

    def action_up(self) -> None:
        self.cursor -= 1

    def action_page_down(self) -> None:
        self.cursor += self._page()

    def action_page_up(self) -> None:
        self.cursor -= self._page()

    def action_first(self) -> None:
        self.cursor = 0

    def action_last(self) -> None:
        self.cursor = len(self._source) - 1

    def action_choose(self) -> None:
        if self.cursor >= 0:
            self.post_message(self.Opened(self, self.cursor))

    def on_click(self, event: events.Click) -> None:
        index = event.y - self._head + self.scroll_offset.y
        if event.y < self._head:
            left = 0
            for column, room in zip(self._columns, self._widths(self._room()), strict=True):
                left += room + 2 if room else 0
                if room and event.x < left:
                    self.post_message(self.Headed(self, column.name))
                    break
        if event.y >= self._head and 0 <= index < len(self._source):
            same = index == self.cursor
            self.cursor = index
            if same or event.chain > 1:
                self.action_choose()
