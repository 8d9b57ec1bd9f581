"""The judged-trace browser: a list over an index, one trace whole, its prompt's others beside it, marks with undo."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input

from pipeline.engine.errors import PipelineError
from pipeline.engine.rows import Row, dump
from pipeline.engine.text import safe_text
from pipeline.tasks.index import Index, open_index
from pipeline.tasks.marks import keep_mark, key_of, make_mark, read_marks, state_of, without_effect
from pipeline.tasks.rubric import DIMENSIONS
from tui.filters import read_filter
from tui.launch import Done
from tui.screens.choose import Choose
from tui.screens.dialogue import Ask
from tui.screens.frame import Frame
from tui.screens.siblings import Siblings
from tui.screens.text import TextOver
from tui.text import figure, line
from tui.widgets.entry import Entry
from tui.widgets.record_list import Column, RecordList
from tui.widgets.trace_view import TraceView

SIGNS = {"accept": "✓", "reject": "✗", "edit": "✎"}
PLAIN_SIGNS = {"accept": "+", "reject": "x", "edit": "e"}


HINT = "/  words, begin*, 'exactly this', category=conflict helpfulness<0.4 mark=none"


class TraceRows:
    """A Source over the places that a filter has left."""

    def __init__(self, index: Index, places: Sequence[int], marked: Mapping[str, Sequence[Row]], plain: bool) -> None:
        self._index, self._places, self._marked = index, places, marked
        self._signs = PLAIN_SIGNS if plain else SIGNS

    def __len__(self) -> int:
        return len(self._places)

    def cells(self, index: int) -> Sequence[Content]:
        row = self._index.line(self._places[index])
        verdict = str(state_of(self._marked.get(row["key"], ())).get("verdict", ""))
        reward = row["reward"]
        return [
            Content.styled(self._signs.get(verdict, ""), "$accent"),
            line(row["id"]),
            line(row["category"], "$foreground-muted"),
            line(row["type"], "$foreground-muted"),
            Content(figure(round(reward, 3)) if isinstance(reward, int | float) else "–"),
            line(row["opening"]),
        ]


class TracesScreen(Frame):
    OWNER = "traces"
    COLUMN = "#trace-pane"
    AUTO_FOCUS = "RecordList"
    DEFAULT_CSS = """
    TracesScreen #list-pane { width: 1fr; }
    TracesScreen #trace-pane { width: 1fr; }
    TracesScreen #filter { border: none; height: 1; padding: 0 1; background: $panel; }
    TracesScreen.-narrow #trace-pane { width: 40; }
    """

    class Opened(Message):
        def __init__(self, path: Path, index: Index | None, fault: str) -> None:
            super().__init__()
            self.path, self.index, self.fault = path, index, fault

    class Building(Message):
        def __init__(self, share: float) -> None:
            super().__init__()
            self.share = share

    def __init__(self) -> None:
        super().__init__()
        self._path: Path | None = None
        self._index: Index | None = None
        self._places: list[int] = []
        self._marked: Mapping[str, Sequence[Row]] = {}
        self._undo: list[tuple[Row, list[tuple[str, str]]]] = []

    def body(self) -> ComposeResult:
        columns = [Column("", 1), Column("id", 20), Column("category", 11, least=60), Column("type", 8, least=80),
                   Column("reward", 6, "right"), Column("answer", 0, least=50)]  # fmt: skip
        with Horizontal():
            with Vertical(id="list-pane", classes="pane"):
                yield Entry(id="filter", placeholder=HINT)
                yield RecordList(columns, empty="No trace here. a chooses an artifact.")
            with Vertical(id="trace-pane", classes="pane"):
                yield TraceView(plain=self.cockpit.plain)

    # which artifact

    def run_changed(self) -> None:
        if self.ready and self._path is None:
            found = self._artifacts()
            if found:
                self._open(found[-1])

    def _artifacts(self) -> list[Path]:
        """Those that hold traces or scores, answers or prompts; of the selected run first."""
        found = [path for path in self.cockpit.workspace.artifacts() if (path / "rows.jsonl").is_file()]
        of_run = {Path(step.artifact).name for step in self.cockpit.snapshot.steps} if self.cockpit.snapshot else set()
        judged = [path for path in found if path.name.startswith("judge-")]
        rest = [path for path in found if path not in judged]
        return [*rest, *sorted(judged, key=lambda path: path.name in of_run)]

    def action_artifact(self) -> None:
        names = [path.name for path in reversed(self._artifacts())]

        def chosen(name: str | None) -> None:
            if name:
                self._open(self.cockpit.root / "data" / name)

        self.app.push_screen(Choose("Rows of which artifact", names, self._path.name if self._path else ""), chosen)

    def _open(self, path: Path) -> None:
        self._path = path
        self.query_one("#list-pane").border_title = f"{path.name}: being indexed"
        self._load(path)

    @work(thread=True, exclusive=True, group="index", exit_on_error=False)
    def _load(self, path: Path) -> None:
        def told(done: int, of: int) -> None:
            self.post_message(self.Building(done / of))

        try:
            index = open_index(self.cockpit.root, path / "rows.jsonl", told, lambda: self._path != path)
            if index:
                self.post_message(self.Opened(path, index, ""))
        except (PipelineError, OSError) as error:
            self.post_message(self.Opened(path, None, str(error)))

    @on(Building)
    def _building(self, message: Building) -> None:
        name = self._path.name if self._path else ""
        self.query_one("#list-pane").border_title = f"{name}: indexed {message.share:.0%}"

    @on(Opened)
    def _opened(self, message: Opened) -> None:
        if self._index:
            self._index.close()
        self._index = message.index
        if message.index is None:
            self.notify(safe_text(message.fault), severity="error", markup=False)
        self._find()

    # the list

    def _find(self) -> None:
        if self._index is None:
            return
        narrowed, fault = read_filter(self.query_one("#filter", Input).value)
        self._marked = read_marks(self.cockpit.root)
        self._places = self._index.find(narrowed, self._marked)
        self.query_one(RecordList).show(TraceRows(self._index, self._places, self._marked, self.cockpit.plain))
        name = self._path.name if self._path else ""
        text = f"{name}: {len(self._places):,} of {len(self._index):,}"
        self.query_one("#list-pane").border_title = f"{text} · {safe_text(fault)}" if fault else text

    @on(Input.Changed, "#filter")
    def _narrow(self) -> None:
        self._find()

    @on(Input.Submitted, "#filter")
    def _narrowed(self) -> None:
        self.query_one(RecordList).focus()

    def action_filter(self) -> None:
        self.query_one("#filter").focus()

    def close_layer(self) -> bool:
        field = self.query_one("#filter", Input)
        if not field.value and not field.has_focus:
            return False
        field.value = ""
        self.query_one(RecordList).focus()
        return True

    def _row(self) -> Row | None:
        cursor = self.query_one(RecordList).cursor
        if self._index is None or not 0 <= cursor < len(self._places):
            return None
        try:
            return self._index.row(self._places[cursor])
        except PipelineError as error:
            self.notify(safe_text(str(error)), severity="error", markup=False)
            return None

    @on(RecordList.Moved)
    def _moved(self) -> None:
        row = self._row()
        view = self.query_one(TraceView)
        view.show(row, self._marked.get(key_of(row), ()) if row and "messages" in row else ())
        self.query_one("#trace-pane").border_title = safe_text(str(row.get("id", "")))[:60] if row else ""

    # actions

    def action_fold(self) -> None:
        self.query_one(TraceView).fold()

    def action_siblings(self) -> None:
        row = self._row()
        if row is None or self._index is None or not row.get("prompt_id"):
            return
        rows = [self._index.row(place) for place in self._index.of_prompt(str(row["prompt_id"]))]
        self.app.push_screen(Siblings(rows, self.cockpit.plain))

    def _mark(self, action: str, value: str = "") -> None:
        row = self._row()
        if row is None or "messages" not in row:
            return
        before = _restating(self._marked.get(key_of(row), ()))
        try:
            keep_mark(self.cockpit.root, make_mark(row, action, value))
        except (PipelineError, OSError) as error:
            self.notify(safe_text(str(error)), severity="error", markup=False)
            return
        self._undo.append((row, before))
        why = without_effect(row, action)
        self.notify(f"{action}: it changes no training, {why}" if why else f"{action} kept", timeout=3, markup=False)
        self._marks_changed()

    def _marks_changed(self) -> None:
        self._marked = read_marks(self.cockpit.root)
        if self._index:
            found = self.query_one(RecordList)
            found.show(TraceRows(self._index, self._places, self._marked, self.cockpit.plain), found.cursor)

    def action_accept(self) -> None:
        self._mark("accept")
        self.query_one(RecordList).cursor += 1

    def action_reject(self) -> None:
        self._mark("reject")
        self.query_one(RecordList).cursor += 1

    def action_undo(self) -> None:
        """Marks are only ever added: what is taken back is cleared, and what was there before said again."""
        if not self._undo:
            self.notify("Nothing to take back.", timeout=2)
            return
        row, before = self._undo.pop()
        for action, value in [("clear", ""), *before]:
            keep_mark(self.cockpit.root, make_mark(row, action, value))
        self.notify(f"{row['id']}: as before", timeout=2, markup=False)
        self._marks_changed()

    def _asked(self, words: str, action: str, value: str = "") -> None:
        def given(text: str | None) -> None:
            if text:
                self._mark(action, text)

        self.app.push_screen(Ask(Content(words), value), given)

    def action_edit(self) -> None:
        if row := self._row():

            def given(text: str | None) -> None:
                if text is not None and text.strip():
                    self._mark("edit", text)

            words = "The answer to learn (with a think block in it, that thought too)"
            self.app.push_screen(TextOver(words, str(row.get("answer", ""))), given)

    def action_score(self) -> None:
        self._asked(f"Override a score, such as helpfulness=0.5\n{', '.join(DIMENSIONS)}", "score")

    def action_note(self) -> None:
        self._asked("A note on this trace", "note")

    def action_export(self) -> None:
        def given(text: str | None) -> None:
            if text and self._index:
                self._export(Path(text).expanduser(), self._index, list(self._places))

        words = Content(f"Write these {len(self._places):,} rows as JSONL to")
        self.app.push_screen(Ask(words, "selected.jsonl"), given)

    @work(thread=True, group="export", exit_on_error=False)
    def _export(self, path: Path, index: Index, places: list[int]) -> None:
        path = path if path.is_absolute() else self.cockpit.root / path
        part = path.with_name(path.name + ".part")
        try:
            with part.open("x", encoding="utf-8", errors="surrogatepass", newline="\n") as file:
                for place in places:
                    file.write(dump(index.row(place)) + "\n")
            if path.exists():
                raise FileExistsError(f"{path} is there already")
            part.replace(path)
            said = f"{len(places):,} rows in {path}"
        except (OSError, PipelineError) as error:
            part.unlink(missing_ok=True)
            said = f"Not written: {error}"
        self.app.call_from_thread(self.notify, safe_text(said), markup=False)

    def action_board(self) -> None:
        if self._path:
            self.cockpit.command(["traces", self._path.name, "--board", "--json"], "board")

    def action_copy(self) -> None:
        if row := self._row():
            self.cockpit.copy(json.dumps(row, ensure_ascii=False, indent=1), "trace")

    def commanded(self, what: str, done: Done) -> None:
        if what == "board" and isinstance(done.value, dict):
            text = json.dumps(done.value, ensure_ascii=False, indent=1)
            self.app.push_screen(TextOver("Data board", text, read_only=True))


def _restating(marks: Sequence[Row]) -> list[tuple[str, str]]:
    """The marks that say the same state again after a `clear`."""
    state: Mapping[str, Any] = state_of(marks)
    said = [("score", f"{name}={value}") for name, value in state.get("scores", {}).items()]
    verdict = state.get("verdict")
    return said + ([(verdict, str(state.get("text", "")))] if verdict else [])
