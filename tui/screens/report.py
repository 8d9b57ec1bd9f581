"""The report of the selected run, from the same JSON as the HTML; two runs side by side."""

from __future__ import annotations

import os
import sys
import webbrowser
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.message import Message
from textual.widgets import Static

from pipeline.engine.errors import PipelineError
from pipeline.engine.rows import read_json
from pipeline.engine.runs import Run, list_runs
from tui.feed import Snapshot
from tui.launch import Done
from tui.report_compared import compared
from tui.report_entries import Entry, entries
from tui.screens.choose import Choose
from tui.screens.frame import Frame
from tui.text import line, shown
from tui.widgets.record_list import Column, RecordList, Rows

NO_REPORT = """This run has made no report yet.

The step report makes it, the last of most presets: it holds the verdict, every contestant's scores, the battery,
the tournament, cost and lineage. A run without that step: python -m pipeline report RUN."""


class ReportScreen(Frame):
    OWNER = "report"
    COLUMN = "#sections"
    AUTO_FOCUS = "RecordList"
    DEFAULT_CSS = """
    ReportScreen #sections { width: 30; }
    ReportScreen.-narrow #sections { width: 16; }
    ReportScreen #section { padding: 0 1; scrollbar-size-vertical: 1; }
    ReportScreen.-narrow #section { padding: 0; }
    """

    class Read(Message):
        def __init__(self, run: Run, folder: Path | None, report: Mapping[str, Any], fault: str) -> None:
            super().__init__()
            self.run, self.folder, self.report, self.fault = run, folder, report, fault

    def __init__(self) -> None:
        super().__init__()
        self._report: Mapping[str, Any] = {}
        self._folder: Path | None = None
        self._entries: list[Entry] = []
        self._folded = True
        self._of: tuple[str, str] = ("", "")
        self._beside = ""
        """The run that is compared with the selected one."""

    def body(self) -> ComposeResult:
        with Horizontal():
            with Vertical(id="sections", classes="pane"):
                yield RecordList([Column("", 0)], empty="No report yet.")
            with VerticalScroll(id="section", classes="pane"):
                yield Static(id="shown")

    def offers(self, verb: str) -> bool:  # noqa: ARG002
        return bool(self._entries)

    def run_changed(self) -> None:
        if self.ready:
            self._of = ("", "")
            self._shown(None, {}, NO_REPORT if self.cockpit.selected else "There is no run yet: 3 starts one.")

    def fed(self, snapshot: Snapshot) -> None:
        if not self.ready:
            return
        done = [step for step in snapshot.steps if step.state in ("done", "cached") and step.artifact]
        found = next((step for step in reversed(done) if Path(step.artifact).name.startswith("report-")), None)
        of = (snapshot.run.id, found.artifact if found else "")
        if found and of != self._of:
            self._of = of
            self._read(snapshot.run, Path(found.artifact))

    @work(thread=True, exclusive=True, group="report", exit_on_error=False)
    def _read(self, run: Run, folder: Path) -> None:
        try:
            found = read_json(folder / "report.json")
            self.post_message(self.Read(run, folder, found if isinstance(found, dict) else {}, ""))
        except (PipelineError, OSError) as error:
            self.post_message(self.Read(run, None, {}, str(error)))

    @on(Read)
    def _was_read(self, message: Read) -> None:
        self._shown(message.folder, message.report, message.fault)

    def _shown(self, folder: Path | None, report: Mapping[str, Any], fault: str) -> None:
        self._folder, self._report = folder, report
        self._entries = entries(report, self.cockpit.plain)
        self.query_one(RecordList).show(Rows([[entry.label] for entry in self._entries]), 0)
        self.query_one("#sections").border_title = line("report")
        self.keys_changed()
        if not self._entries:
            self.query_one("#section").border_title = line("none yet")
            self.query_one("#shown", Static).update(shown(fault))

    @on(RecordList.Moved)
    def _moved(self, message: RecordList.Moved) -> None:
        if 0 <= message.index < len(self._entries):
            self.query_one("#section", VerticalScroll).scroll_home(animate=False)
            self._draw(self._entries[message.index])

    def _draw(self, entry: Entry) -> None:
        self.query_one("#section", VerticalScroll).border_title = line(entry.title)
        self.query_one("#shown", Static).update(entry.show(self._folded))

    @on(RecordList.Opened)
    def _opened(self) -> None:
        self.query_one("#section", VerticalScroll).focus()

    # actions

    def action_fold(self) -> None:
        self._folded = not self._folded
        place = self.query_one(RecordList).cursor
        if 0 <= place < len(self._entries):
            self._draw(self._entries[place])

    def action_open(self) -> None:
        if self._folder is None:
            self.notify("There is no report to open.", timeout=3)
            return
        page = (self._folder / "report.html").resolve()
        if has_desktop():
            self._browse(page)
        else:
            self.cockpit.copy(str(page), f"No browser here: {page} was")

    @work(thread=True, group="browse", exit_on_error=False)
    def _browse(self, page: Path) -> None:
        if not webbrowser.open(page.as_uri()):
            self.app.call_from_thread(self.cockpit.copy, str(page), f"No browser answered: {page} was")

    def action_compare(self) -> None:
        run = self.cockpit.selected
        if run is None:
            return
        names = [other.id for other in reversed(list_runs(self.cockpit.workspace)) if other.id != run.id]

        def chosen(name: str | None) -> None:
            if name:
                self._beside = name
                self.cockpit.command(["report", run.id, name, "--json"], "compare")

        self.app.push_screen(Choose("Compare with which run", names), chosen)

    def action_copy(self) -> None:
        if self._folder is None:
            return
        try:
            self.cockpit.copy((self._folder / "report.md").read_text("utf-8"), "report as Markdown")
        except OSError as error:
            self.notify(str(error), severity="error", markup=False)

    def commanded(self, what: str, done: Done) -> None:
        if what == "compare" and isinstance(done.value, dict):
            pane = self.query_one("#section", VerticalScroll)
            pane.border_title = line("compared")
            left = self.cockpit.selected.id if self.cockpit.selected else ""
            self.query_one("#shown", Static).update(
                compared(done.value, left, self._beside, pane.scrollable_content_region.width)
            )
            pane.focus()


def has_desktop() -> bool:
    """Whether a browser would open a window of its own: over ssh, or without a display, it would take this terminal."""
    if os.environ.get("SSH_CONNECTION"):
        return False
    return sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
