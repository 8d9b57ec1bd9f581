"""The judged-trace browser: a list over an index, one trace whole, its prompt's others beside it, marks with undo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content

from pipeline.engine.errors import PipelineError
from pipeline.engine.rows import Row
from pipeline.engine.text import safe_text
from pipeline.tasks.dimensions import DIMENSIONS
from pipeline.tasks.index import Index
from pipeline.tasks.marks import state_of
from tui.board_text import board_text
from tui.export import write_selected
from tui.feed import Snapshot
from tui.launch import Done
from tui.screens.choose import Choose
from tui.screens.dialogue import Ask
from tui.screens.frame import Frame
from tui.screens.siblings import MOST, Siblings
from tui.screens.text import TextOver
from tui.text import line
from tui.trace_rows import Marking
from tui.widgets.trace_list import TraceList
from tui.widgets.trace_view import TraceView


class TracesScreen(Frame):
    OWNER = "traces"
    COLUMN = "#trace-pane"
    AUTO_FOCUS = "RecordList"
    DEFAULT_CSS = """
    TracesScreen #list-pane { width: 1fr; }
    TracesScreen #trace-pane { width: 1fr; }
    TracesScreen.-narrow #list-pane { width: 34; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._unseen = True
        """The selected run has not been looked up for rows of its own."""

    def body(self) -> ComposeResult:
        with Horizontal():
            rows = TraceList(self.cockpit.root, plain=self.cockpit.plain, id="list-pane", classes="pane")
            rows.border_title = line("traces")
            yield rows
            with Vertical(id="trace-pane", classes="pane") as pane:
                pane.border_title = line("no trace")
                yield TraceView(plain=self.cockpit.plain)

    def on_mount(self) -> None:
        self._marking = Marking(self.cockpit.root)
        super().on_mount()

    def offers(self, verb: str) -> bool:
        return verb == "artifact" or (self.rows.path is not None and (verb == "filter" or len(self.rows.places) > 0))

    @property
    def rows(self) -> TraceList:
        return self.query_one(TraceList)

    # which artifact

    def run_changed(self) -> None:
        self._unseen = True
        if self.ready and self.rows.path is None and (found := self._artifacts()):
            self.rows.open(found[0])

    def fed(self, snapshot: Snapshot) -> None:
        """Once a selected run has made rows, they are shown; from then on a person chooses."""
        if self.ready and self._unseen and (mine := self._artifacts(snapshot)):
            self._unseen = False
            if mine[0] != self.rows.path:
                self.rows.open(mine[0])

    def _artifacts(self, snapshot: Snapshot | None = None) -> list[Path]:
        """Those that hold rows, judged ones first, of each kind the newest first; of one run alone where given."""
        found = [path for path in reversed(self.cockpit.workspace.artifacts()) if (path / "rows.jsonl").is_file()]
        if snapshot:
            made = {Path(step.artifact).name for step in snapshot.steps if step.artifact}
            found = [path for path in found if path.name in made]
        order = ("judge", "traces", "ingest", "select", "evaluate", "prompts")
        kinds = {path: path.name.partition("-")[0] for path in found}
        return sorted(found, key=lambda path: order.index(kinds[path]) if kinds[path] in order else len(order))

    def action_artifact(self) -> None:
        names = [path.name for path in self._artifacts()]

        def chosen(name: str | None) -> None:
            if name:
                self._unseen = False
                self.rows.open(self.cockpit.root / "data" / name)

        self.app.push_screen(
            Choose("Rows of which artifact", names, self.rows.path.name if self.rows.path else ""), chosen
        )

    @on(TraceList.Moved)
    def _moved(self, message: TraceList.Moved) -> None:
        row = message.row
        self.keys_changed()
        self.query_one(TraceView).show(row, self.rows.marks_of(row), self.rows.unread)
        self.query_one("#trace-pane").border_title = line(row.get("id", "") if row else "no trace", most=60)

    @on(TraceList.Told)
    def _told(self, message: TraceList.Told) -> None:
        self._tell(message.text)

    def _tell(self, text: str) -> None:
        self.notify(safe_text(text), severity="error", markup=False)

    # actions

    def action_fold(self) -> None:
        self.query_one(TraceView).fold()

    def action_pick(self) -> None:
        self.rows.pick()

    def action_filter(self) -> None:
        self.rows.ask_filter()

    def close_layer(self) -> bool:
        return self.rows.close_layer()

    def action_siblings(self) -> None:
        row = self.rows.row()
        if row is None or self.rows.index is None or not row.get("prompt_id"):
            return
        places = self.rows.index.of_prompt(str(row["prompt_id"]))
        rows = [self.rows.index.row(place) for place in places[:MOST]]
        self.app.push_screen(Siblings(rows, len(places), self.rows.marked, self.cockpit.plain))

    def _mark(self, row: Row | None, action: str, value: str = "") -> bool:
        if row is None or "messages" not in row or "id" not in row:
            self.notify("This row is no trace and no prompt: it takes no mark.", timeout=4)
            return False
        try:
            why = self._marking.keep(row, action, value)
        except (PipelineError, OSError) as error:
            self._tell(str(error))
            return False
        self.notify(f"{action}: it changes no training, {why}" if why else f"{action} kept", timeout=3, markup=False)
        self.rows.marks_changed()
        return True

    def action_accept(self) -> None:
        if self._mark(self.rows.row(), "accept"):
            self.rows.step()

    def action_reject(self) -> None:
        if self._mark(self.rows.row(), "reject"):
            self.rows.step()

    def action_undo(self) -> None:
        try:
            row = self._marking.undo()
        except (PipelineError, OSError) as error:
            return self._tell(str(error))
        if row is None:
            return self.notify("Nothing to take back.", timeout=2)
        self.notify(safe_text(f"{row['id']}: as before"), timeout=2, markup=False)
        return self.rows.marks_changed()

    def _given(self, action: str) -> Callable[[str | None], None]:
        """What a dialogue's answer is done with: a mark on the row that it was opened over."""
        row = self.rows.row()

        def given(text: str | None) -> None:
            if text and text.strip():
                self._mark(row, action, text)

        return given

    def _asked(self, words: str, action: str) -> None:
        if self.rows.place() is not None:
            self.app.push_screen(Ask(Content(words)), self._given(action))

    def action_edit(self) -> None:
        if row := self.rows.row():
            text = str(state_of(self.rows.marks_of(row)).get("text") or row.get("answer") or "")
            words = "The answer to learn (with a think block in it, that thought too)"
            self.app.push_screen(TextOver(words, text), self._given("edit"))

    def action_score(self) -> None:
        self._asked(f"Override a score, such as helpfulness=0.5\n{', '.join(DIMENSIONS)}", "score")

    def action_note(self) -> None:
        self._asked("A note on this trace", "note")

    def action_export(self) -> None:
        places = sorted(self.rows.picked) or list(self.rows.places)

        def given(text: str | None) -> None:
            if text and self.rows.index:
                path = Path(text).expanduser()
                self._export(path if path.is_absolute() else self.cockpit.root / path, self.rows.index, places)

        which = "picked" if self.rows.picked else "listed"
        self.app.push_screen(
            Ask(Content(f"Write the {len(places):,} {which} rows as JSONL to"), "selected.jsonl"), given
        )

    @work(thread=True, group="export", exit_on_error=False)
    def _export(self, path: Path, index: Index, places: Sequence[int]) -> None:
        try:
            with index.again() as own:
                write_selected(own, places, path)
            said = f"{len(places):,} rows in {path}"
        except (OSError, PipelineError) as error:
            said = f"Not written: {error}"
        self.app.call_from_thread(self.notify, safe_text(said), markup=False)

    def action_board(self) -> None:
        if self.rows.path:
            self.cockpit.command(["traces", self.rows.path.name, "--board", "--json"], "board")

    def action_copy(self) -> None:
        if (place := self.rows.place()) is not None and self.rows.index and self.rows.row():
            self.cockpit.copy(self.rows.index.raw(place).decode("utf-8", "replace").strip(), "trace")

    def commanded(self, what: str, done: Done) -> None:
        if what == "board" and isinstance(done.value, dict):
            self.app.push_screen(TextOver("Data board", board_text(done.value, self.cockpit.plain), read_only=True))
