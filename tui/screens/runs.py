"""All runs, live and past: sorted, filtered, compared, tagged, branched, deleted."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from tui.launch import Done, ask
from tui.messages import Selected
from tui.runs_feed import LIVE, RunRow, RunsFeed
from tui.screens.dialogue import Ask, Question
from tui.screens.frame import Frame
from tui.text import clock, figure, line, shown
from tui.widgets.record_list import Column, RecordList, Rows
from tui.widgets.signs import sign

SORTS: dict[str, Callable[[RunRow], Any]] = {
    "newest": lambda row: -row.created,
    "state": lambda row: (row.life not in LIVE, row.life, -row.created),
    "preset": lambda row: (row.preset, -row.created),
    "verdict": lambda row: (-row.figures.get("verdict", -1.0), -row.created),
    "reward": lambda row: -max((value for name, value in row.figures.items() if name.endswith(".reward")), default=-9),
    "duration": lambda row: -(row.seconds or 0),
}


class RunsScreen(Frame):
    OWNER = "runs"
    COLUMN = "#side"
    AUTO_FOCUS = "RecordList"
    DEFAULT_CSS = """
    RunsScreen #filter { display: none; height: 1; border: none; padding: 0 1; }
    RunsScreen #filter.-open { display: block; }
    RunsScreen #side { width: 1fr; padding: 0 1; }
    RunsScreen #list-pane { width: 2fr; }
    RunsScreen.-narrow #side { display: none; }
    """

    class Listed(Message):
        def __init__(self, rows: tuple[RunRow, ...]) -> None:
            super().__init__()
            self.rows = rows

    class Compared(Message):
        def __init__(self, done: Done, names: tuple[str, str]) -> None:
            super().__init__()
            self.done, self.names = done, names

    def __init__(self) -> None:
        super().__init__()
        self._rows: tuple[RunRow, ...] = ()
        self._seen: list[RunRow] = []
        self._sort = "newest"
        self._words = ""
        self._picked: dict[str, RunRow] = {}
        self._feed: RunsFeed | None = None

    def body(self) -> ComposeResult:
        columns = [Column("", 1), Column("run", 0), Column("preset", 12, least=70), Column("steps", 6, "right"),
                   Column("time", 8, "right"), Column("reward", 7, "right", least=90),
                   Column("tags", 14, least=60)]  # fmt: skip
        with Horizontal():
            with Vertical(id="list-pane", classes="pane"):
                yield Input(id="filter", placeholder="words: of id, preset, state, tags, note, figures")
                yield RecordList(columns, empty="No run yet: 3 starts one.")
            with VerticalScroll(id="side", classes="pane"):
                yield Static(id="about")

    def on_mount(self) -> None:
        super().on_mount()
        self._feed = RunsFeed(self.cockpit.workspace, self._told)
        self._feed.start()
        self._title()

    def on_unmount(self) -> None:
        if self._feed:
            self._feed.close()

    def _told(self, rows: tuple[RunRow, ...]) -> None:
        """In the feed's thread."""
        if self.is_running:
            self.post_message(self.Listed(rows))

    @on(Listed)
    def _list(self, message: Listed) -> None:
        self._rows = message.rows
        self._show()

    def _show(self) -> None:
        at = self._at()
        words = self._words.casefold().split()
        fitting = (row for row in self._rows if all(word in row.text() for word in words))
        self._seen = sorted(fitting, key=SORTS[self._sort])
        found = self.query_one(RecordList)
        places = {row.run.id: place for place, row in enumerate(self._seen)}
        found.picked = {places[name] for name in self._picked if name in places}
        selected = self.cockpit.selected
        wanted = at.run.id if at else selected.id if selected else ""
        found.show(Rows([self._cells(row) for row in self._seen]), places.get(wanted))
        self._title()

    def _cells(self, row: RunRow) -> Sequence[Content]:
        here = self.cockpit.selected is not None and row.run.id == self.cockpit.selected.id
        rewards = [value for name, value in row.figures.items() if name.endswith(".reward")]
        spent = row.seconds if row.seconds is not None else time.time() - row.created if row.life in LIVE else None
        return [
            sign(row.life, self.cockpit.plain),
            line(row.run.id, "bold" if here else ""),
            line(row.preset),
            Content(f"{row.done}/{row.steps}"),
            Content(clock(spent)),
            Content(figure(round(rewards[-1], 3)) if rewards else "–"),
            line(", ".join(row.tags), "$accent"),
        ]

    def _title(self) -> None:
        live = sum(row.life in LIVE for row in self._rows)
        text = f"{len(self._seen)} of {len(self._rows)} runs, {live} live · by {self._sort}"
        picked = f" · {len(self._picked)} picked" if self._picked else ""
        self.query_one("#list-pane").border_title = text + picked + (f" · / {self._words}" if self._words else "")

    def _at(self) -> RunRow | None:
        cursor = self.query_one(RecordList).cursor
        return self._seen[cursor] if 0 <= cursor < len(self._seen) else None

    # beside the list

    @on(RecordList.Moved)
    def _moved(self) -> None:
        if row := self._at():
            self.query_one("#about", Static).update(_about(row))
            self.query_one("#side").border_title = row.life

    @on(RecordList.Opened)
    def _opened(self) -> None:
        if row := self._at():
            self.post_message(Selected(row.run))
            self.cockpit.action_go("run")

    # actions

    def action_sort(self) -> None:
        names = list(SORTS)
        self._sort = names[(names.index(self._sort) + 1) % len(names)]
        self._show()

    def action_pick(self) -> None:
        if row := self._at():
            if self._picked.pop(row.run.id, None) is None:
                self._picked[row.run.id] = row
            self.cockpit.overlaid = [one.run for one in self._picked.values()]
            self._show()

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
        self.query_one("#side").border_title = "difference"
        self.query_one("#about", Static).update(_difference(message.done, message.names))

    def action_filter(self) -> None:
        field = self.query_one("#filter", Input)
        field.add_class("-open")
        field.focus()

    @on(Input.Changed, "#filter")
    def _filter(self, event: Input.Changed) -> None:
        self._words = event.value
        self._show()

    @on(Input.Submitted, "#filter")
    def _filtered(self) -> None:
        self.query_one("#filter").remove_class("-open")
        self.query_one(RecordList).focus()

    def close_layer(self) -> bool:
        field = self.query_one("#filter", Input)
        if not field.has_class("-open") and not field.value:
            return False
        field.value = ""
        self._filtered()
        return True

    def action_resume(self) -> None:
        if (row := self._at()) and row.life not in LIVE:
            self.cockpit.command(["resume", row.run.id, "--detach", "--json"], "resume")

    def action_stop(self) -> None:
        if (row := self._at()) and row.life in LIVE:
            self.cockpit.command(["stop", row.run.id, "--no-wait"], "stop")
            self.notify(f"{row.run.id} is asked to stop.", markup=False)

    def action_branch(self) -> None:
        row = self._at()
        if row is None:
            return
        run = row.run

        def given(text: str | None) -> None:
            if text is not None:
                sets = [word for change in text.split() for word in ("--set", change)]
                self.cockpit.command(["branch", run.id, *sets, "--detach", "--json"], "branch")

        example = " with these settings changed, such as\nsft.learning_rate=1e-4"
        self.app.push_screen(Ask(Content.assemble("Branch ", (run.id, "bold"), example)), given)

    def action_tag(self) -> None:
        self._noted("A tag for ", [])

    def action_note(self) -> None:
        self._noted("A note on ", ["--note"])

    def _noted(self, words: str, options: list[str]) -> None:
        row = self._at()
        if row is None:
            return
        run, value = row.run, row.note if options else ""

        def given(text: str | None) -> None:
            if text:
                self.cockpit.command(["tag", *options, "--", run.id, text], "tag")

        self.app.push_screen(Ask(Content.assemble(words, (run.id, "bold")), value), given)

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

    def commanded(self, what: str, done: Done) -> None:
        if self._feed:
            self._feed.look()
        if what == "branch" and done.good and isinstance(done.value, dict):
            self.cockpit.select(str(done.value["run"]))


def _about(row: RunRow) -> Content:
    parts = [line(row.run.id, "bold"), Content(""), line(f"preset {row.preset}"),
             Content(time.strftime("begun %Y-%m-%d %H:%M", time.localtime(row.created))),
             line(f"at {row.at}, {row.done} of {row.steps} steps")]  # fmt: skip
    if row.waiting:
        parts.append(line(f"waits: {row.waiting}", "$warning"))
    if row.note:
        parts += [Content(""), shown(row.note, "$accent")]
    parts.append(Content(""))
    parts += [line(f"{name:<24} {figure(value)}") for name, value in row.figures.items()]
    return Content("\n").join(parts)


def _difference(done: Done, names: tuple[str, str]) -> Content:
    if not isinstance(done.value, dict):
        return shown(done.error or "They cannot be compared.", "$error")
    settings = done.value.get("settings") or ["(the same)"]
    results = done.value.get("results") or []
    rows = [line(f"{entry['result']}: {figure(entry['first'])} → {figure(entry['second'])}") for entry in results]
    return Content("\n").join(
        [line(f"{names[0]} → {names[1]}", "bold"), Content(""), Content.styled("settings", "bold"),
         *(line(text) for text in settings), Content(""), Content.styled("results", "bold"), *rows]
    )  # fmt: skip
