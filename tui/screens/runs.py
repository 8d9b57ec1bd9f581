"""All runs, live and past: sorted, filtered, compared, tagged, branched, deleted."""

from __future__ import annotations

from collections.abc import Sequence

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from tui.launch import Done, ask
from tui.messages import Selected
from tui.run_filter import fits
from tui.run_text import BY, about, difference, spent, three
from tui.runs_feed import LIVE, RunRow
from tui.screens.dialogue import Ask, Question
from tui.screens.filtered import Filtered
from tui.text import clock, line
from tui.widgets.entry import Entry
from tui.widgets.record_list import Column, RecordList, Rows
from tui.widgets.signs import sign

MUTED = "$foreground-muted"


class RunsScreen(Filtered):
    OWNER = "runs"
    COLUMN = "#side"
    AUTO_FOCUS = "RecordList"
    DEFAULT_CSS = """
    RunsScreen #filter { display: none; height: 1; border: none; padding: 0 1; }
    RunsScreen #filter.-open { display: block; }
    RunsScreen #side { width: 1fr; padding: 0 1; }
    RunsScreen #list-pane { width: 2fr; }
    RunsScreen.-narrow #runs { layout: vertical; }
    RunsScreen.-narrow #list-pane { width: 1fr; height: 3fr; }
    RunsScreen.-narrow #side { height: 2fr; }
    """

    class Compared(Message):
        def __init__(self, done: Done, names: tuple[str, str]) -> None:
            super().__init__()
            self.done, self.names = done, names

    def __init__(self) -> None:
        super().__init__()
        self._rows: tuple[RunRow, ...] = ()
        self._seen: list[RunRow] = []
        self._sort, self._turned = "run", False
        self._compared, self._beside = False, ""
        """Whether a difference stands beside the list, until the cursor leaves this run."""
        self._picked: dict[str, RunRow] = {}

    def body(self) -> ComposeResult:
        columns = [Column("", 1), Column("run", 0), Column("state", 8, least=100), Column("preset", 12, least=70),
                   Column("steps", 6, "right"), Column("time", 8, "right"), Column("loss", 7, "right", least=100),
                   Column("reward", 7, "right", least=76), Column("tags", 0, least=100)]  # fmt: skip
        with Horizontal(id="runs"):
            with Vertical(id="list-pane", classes="pane"):
                yield Entry(id="filter", placeholder="words  state=failed  preset=nano  tag=good  reward>0.4")
                yield RecordList(columns, empty="No run yet: 3 starts one.")
            with VerticalScroll(id="side", classes="pane"):
                yield Static(id="about")

    def runs_listed(self, rows: tuple[RunRow, ...]) -> None:
        self._rows = rows
        names = {row.run.id for row in rows}
        for name in [name for name in self._picked if name not in names]:
            del self._picked[name]  # it was deleted
            self._overlay()
        if self.ready and self.is_current:  # a hidden screen waits until it is shown
            self._show()

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        if self.ready:
            self._show()

    def _show(self) -> None:
        at = self._at()
        fitting = (row for row in self._rows if fits(row, self._words))
        self._seen = sorted(fitting, key=BY[self._sort], reverse=self._turned)
        found = self.query_one(RecordList)
        places = {row.run.id: place for place, row in enumerate(self._seen)}
        found.picked = {places[name] for name in self._picked if name in places}
        selected = self.cockpit.selected
        wanted = at.run.id if at else selected.id if selected else ""
        found.show(Rows([self._cells(row) for row in self._seen]), places.get(wanted))
        self._title()

    def _cells(self, row: RunRow) -> Sequence[Content]:
        here = self.cockpit.selected is not None and row.run.id == self.cockpit.selected.id
        return [
            sign(row.life, self.cockpit.plain),
            line(row.run.id, "bold" if here else ""),
            Content(row.life),
            line(row.preset),
            Content(f"{row.done}/{row.steps}"),
            Content(clock(spent(row))),
            three(row, "loss"),
            three(row, "reward"),
            line(", ".join(row.tags), "$accent"),
        ]

    def _title(self) -> None:
        live = sum(row.life in LIVE for row in self._rows)
        order = f"{self._sort}{', turned' if self._turned else ''}"
        parts = [f"{len(self._seen)} of {len(self._rows)} runs", f"{live} live", f"sorted by {order}"]
        parts = parts if self._rows else ["runs"]
        parts += [f"{len(self._picked)} picked"] if self._picked else []
        parts += [f"/ {self._words}"] if self._words else []
        self.query_one("#list-pane").border_title = line(" · ".join(parts))

    def _at(self) -> RunRow | None:
        cursor = self.query_one(RecordList).cursor
        return self._seen[cursor] if 0 <= cursor < len(self._seen) else None

    def offers(self, verb: str) -> bool:
        row = self._at()
        if row is None:
            return bool(self._rows) and verb == "filter"
        needs = {"stop": row.life in LIVE, "resume": row.life not in LIVE, "compare": len(self._rows) > 1}
        return needs.get(verb, True)

    # beside the list

    @on(RecordList.Moved)
    def _moved(self) -> None:
        row = self._at()
        self.keys_changed()
        if row is None:
            self.query_one("#about", Static).update(Content.styled("What is known of the run under the cursor.", MUTED))
            self.query_one("#side").border_title = line("no run")
        elif not self._compared or row.run.id != self._beside:
            self._compared, self._beside = False, row.run.id
            self.query_one("#about", Static).update(about(row))
            self.query_one("#side").border_title = line(row.life)

    @on(RecordList.Opened)
    def _opened(self) -> None:
        if row := self._at():
            self.post_message(Selected(row.run))
            self.cockpit.action_go("run")

    # actions

    def action_sort(self) -> None:
        names = list(BY)
        self._sort = names[(names.index(self._sort) + 1) % len(names)]
        self._show()

    def action_turn(self) -> None:
        self._turned = not self._turned
        self._show()

    @on(RecordList.Headed)
    def _headed(self, message: RecordList.Headed) -> None:
        name = message.column or "state"
        self._turned = name == self._sort and not self._turned
        self._sort = name
        self._show()

    def action_pick(self) -> None:
        if row := self._at():
            if self._picked.pop(row.run.id, None) is None:
                self._picked[row.run.id] = row
            self._overlay()
            self._show()

    def _overlay(self) -> None:
        self.cockpit.overlaid = [row.run for row in self._picked.values()]

    def action_compare(self) -> None:
        names = [*self._picked][:2]
        if (row := self._at()) and len(names) == 1 and row.run.id != names[0]:
            names.append(row.run.id)
        if len(names) < 2:
            self.notify("Pick two runs with space, or one and put the cursor on another.", timeout=4)
            return
        self._compare((names[0], names[1]))

    @work(thread=True, exclusive=True, group="compare", exit_on_error=False)
    def _compare(self, names: tuple[str, str]) -> None:
        done = ask(["diff", *names, "--json"], self.cockpit.root)
        self.post_message(self.Compared(done, names))

    @on(Compared)
    def _show_compared(self, message: Compared) -> None:
        at = self._at()
        self._compared, self._beside = True, at.run.id if at else ""
        self.query_one("#side").border_title = line("difference")
        self.query_one("#about", Static).update(difference(message.done, message.names))

    def close_layer(self) -> bool:
        if super().close_layer():
            return True
        was, self._compared = self._compared, False
        self._moved()
        return was

    def action_resume(self) -> None:
        if (row := self._at()) and row.life not in LIVE:
            self.cockpit.command(["resume", row.run.id, "--detach", "--json"], "resume")

    def action_stop(self) -> None:
        if (row := self._at()) and row.life in LIVE:
            self.cockpit.command(["stop", row.run.id, "--no-wait"], "stop")
            self.notify(f"{row.run.id} is asked to stop.", markup=False)

    def action_branch(self) -> None:
        if row := self._at():
            self.cockpit.branched = row.run
            self.cockpit.action_go("new")

    def action_tag(self) -> None:
        self._noted("A tag for ", "; -TAG takes one away", [])

    def action_note(self) -> None:
        self._noted("A note on ", "", ["--note"])

    def _noted(self, before: str, after: str, options: list[str]) -> None:
        row = self._at()
        if row is None:
            return
        run, value = row.run, row.note if options else ""

        def given(text: str | None) -> None:
            if text is None or not (text or options):
                return
            taken = not options and text.startswith("-")
            words = ["--remove", "--", run.id, text[1:]] if taken else [*options, "--", run.id, text]
            self.cockpit.command(["tag", *words], "tag")

        self.app.push_screen(Ask(Content.assemble(before, (run.id, "bold"), after), value), given)

    def action_delete(self) -> None:
        row = self._at()
        if row is None:
            return
        if row.life in LIVE:
            self.notify("It is running: stop it first.", timeout=4)
            return
        run = row.run

        def answered(yes: bool | None) -> None:
            if yes:
                self.cockpit.command(["delete", run.id, "--yes"], "delete")

        text = Content.assemble("Delete ", (run.id, "bold"), "? Its events, log and settings go; its artifacts stay.")
        self.app.push_screen(Question(text), answered)
