"""The cockpit of one run: its steps, its curves, its memory, what happened, and what the model says."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import ContentSwitcher, Input, Static

from pipeline.engine.events import Event
from tui.curves import Curve, curves, dimensions
from tui.feed import Snapshot
from tui.launch import Done
from tui.screens.dialogue import Question
from tui.screens.frame import Frame
from tui.text import line, moment, shown
from tui.widgets.completions import Completions
from tui.widgets.dimension_lines import DimensionLines
from tui.widgets.event_log import KINDS, EventLog
from tui.widgets.line_chart import Line, LineChart
from tui.widgets.memory_pane import MemoryPane
from tui.widgets.stage_rail import StageRail

HINTS = {
    "died": "Its process is gone without a word. r goes on from what is saved.",
    "stopped": "Stopped on request, with everything saved. r goes on.",
    "failed": "A step failed; what, why and how to mend it stand below. r tries again from what is saved.",
    "stalled": "Alive, but silent for ten times its usual gap. o opens the log.",
    "unmet": "Done, but its verdict is not met: the report (5) says why.",
}
LOWER = ("events", "completions", "dimensions")


class RunScreen(Frame):
    OWNER = "run"
    AUTO_FOCUS = "LineChart"
    DEFAULT_CSS = """
    RunScreen #left { width: 44; }
    RunScreen #steps { height: auto; max-height: 60%; }
    RunScreen #memory { height: 1fr; }
    RunScreen #chart-pane { height: 3fr; }
    RunScreen #lower { height: 2fr; }
    RunScreen #filter { display: none; height: 1; border: none; padding: 0 1; }
    RunScreen #filter.-open { display: block; }
    RunScreen #hint { height: auto; padding: 0 1; display: none; }
    RunScreen #hint.-said { display: block; }
    RunScreen.-narrow #left { width: 30; }
    RunScreen.-low #memory { display: none; }
    RunScreen.-huge #left { width: 60; }
    RunScreen #empty { display: none; padding: 2 4; height: 1fr; }
    RunScreen.-no-run #empty { display: block; }
    RunScreen.-no-run #cockpit, RunScreen.-no-run #hint { display: none; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._chosen: str = ""
        self._curves: list[Curve] = []

    def body(self) -> ComposeResult:
        plain = self.cockpit.plain
        yield Static(_welcome(), id="empty")
        yield Static(id="hint")
        with Horizontal(id="cockpit"):
            with Vertical(id="left"):
                with VerticalScroll(id="steps", classes="pane") as steps:
                    steps.border_title = "steps"
                    yield StageRail(plain=plain)
                with VerticalScroll(id="memory", classes="pane") as memory:
                    memory.border_title = "memory"
                    yield MemoryPane(plain=plain)
            with Vertical():
                with Vertical(id="chart-pane", classes="pane"):
                    yield LineChart(plain=plain)
                with Vertical(id="lower", classes="pane"):
                    yield Input(id="filter", placeholder="words", select_on_focus=False)
                    with ContentSwitcher(initial="events"):
                        yield EventLog(plain=plain, id="events")
                        yield Completions(plain=plain, id="completions")
                        yield DimensionLines(plain=plain, id="dimensions")

    # news

    def run_changed(self) -> None:
        if not self.ready:
            return
        self.set_class(self.cockpit.selected is None, "-no-run")
        self._chosen, self._curves = "", []
        self.query_one(EventLog).clear()
        self.query_one(Completions).show(())
        self.query_one(StageRail).show(None)
        self.query_one(MemoryPane).show(())
        self.query_one(LineChart).show(())
        self._titles()

    def fed(self, snapshot: Snapshot) -> None:
        if not self.ready:
            return
        self.query_one(EventLog).add(snapshot.fresh)
        self.query_one(StageRail).show(snapshot)
        self.query_one(MemoryPane).show(snapshot.memory)
        self.query_one(Completions).show(snapshot.items)
        self._curves = curves(snapshot)
        self._draw()
        self.query_one(DimensionLines).show(dimensions(snapshot))
        self._say(snapshot)
        self.show_top()

    def _say(self, snapshot: Snapshot) -> None:
        """A line above all else where a person should know something."""
        text = HINTS.get(snapshot.life, "")
        said = shown(text, "$warning")
        if snapshot.life == "waiting" and snapshot.waiting:
            until = snapshot.waiting.get("until")
            said = line(f"Waits: {snapshot.waiting.get('reason', '')}", "$warning")
            said += Content(f", until {moment(until)}" if isinstance(until, int | float) else "")
        if snapshot.life == "failed" and snapshot.finished and snapshot.finished.get("error"):
            error = snapshot.finished["error"]
            said = shown(" ".join(str(error.get(part, "")) for part in ("what", "why", "mend")), "$error")
        hint = self.query_one("#hint", Static)
        hint.set_class(bool(said.plain), "-said")
        hint.update(said)

    # the chart

    def _draw(self) -> None:
        names = [curve.name for curve in self._curves]
        chosen = next((curve for curve in self._curves if curve.name == self._chosen), None)
        chosen = chosen or (self._curves[-1] if self._curves else None)
        self.query_one(LineChart).show([Line(name, spans) for name, spans in chosen.lines] if chosen else [])
        place = f" {names.index(chosen.name) + 1}/{len(names)}" if chosen else ""
        self.query_one("#chart-pane").border_title = f"{chosen.name if chosen else 'figures'}{place}"

    def _step_curve(self, by: int) -> None:
        names = [curve.name for curve in self._curves]
        if names:
            place = names.index(self._chosen) if self._chosen in names else len(names) - 1
            self._chosen = names[(place + by) % len(names)]
            self._draw()

    def action_next_curve(self) -> None:
        self._step_curve(1)

    def action_previous_curve(self) -> None:
        self._step_curve(-1)

    @on(LineChart.At)
    def _completions_at(self, message: LineChart.At) -> None:
        if not message.clock:
            self._lower("completions")
            self.query_one(Completions).go_to(round(message.x))

    # the lower pane

    def _lower(self, name: str) -> None:
        self.query_one(ContentSwitcher).current = name
        self._titles()

    def _titles(self) -> None:
        current = self.query_one(ContentSwitcher).current or ""
        log = self.query_one(EventLog)
        kind = f" ({log.kind})" if current == "events" and log.kind != "all" else ""
        words = f" / {log.words}" if log.words else ""
        self.query_one("#lower").border_title = f"{current}{kind}{words}"

    def action_lower(self) -> None:
        current = self.query_one(ContentSwitcher).current
        place = LOWER.index(current) if current in LOWER else -1
        self._lower(LOWER[(place + 1) % len(LOWER)])
        self.query_one(f"#{LOWER[(place + 1) % len(LOWER)]}").focus()

    def action_kind(self) -> None:
        log = self.query_one(EventLog)
        self._lower("events")
        log.narrow(kind=KINDS[(KINDS.index(log.kind) + 1) % len(KINDS)])
        self._titles()

    def action_filter(self) -> None:
        self._lower("events")
        field = self.query_one("#filter", Input)
        field.add_class("-open")
        field.focus()

    @on(Input.Changed, "#filter")
    def _filter(self, event: Input.Changed) -> None:
        self.query_one(EventLog).narrow(words=event.value)
        self._titles()

    @on(Input.Submitted, "#filter")
    def _filtered(self) -> None:
        self.query_one("#filter").remove_class("-open")
        self.query_one(EventLog).focus()

    def close_layer(self) -> bool:
        field = self.query_one("#filter", Input)
        if not field.has_class("-open") and not field.value:
            return False
        field.value = ""
        self._filtered()
        return True

    # the run

    def action_stop(self) -> None:
        run, snapshot = self.cockpit.selected, self.cockpit.snapshot
        if run is None or snapshot is None or snapshot.life not in ("running", "waiting", "stalled"):
            self.notify("Nothing runs here.", timeout=3)
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self.cockpit.command(["stop", run.id, "--no-wait"], "stop")
                self.notify("Asked to stop: it ends at its next safe point, with everything saved.")

        text = Content.assemble("Stop ", (run.id, "bold"), "? It ends at its next safe point; r goes on from there.")
        self.app.push_screen(Question(text), answered)

    def action_resume(self) -> None:
        run, snapshot = self.cockpit.selected, self.cockpit.snapshot
        if run is None or (snapshot and snapshot.life in ("running", "waiting", "stalled")):
            self.notify("It is running." if run else "There is no run.", timeout=3)
            return
        self.cockpit.command(["resume", run.id, "--detach", "--json"], "resume")

    def action_start(self) -> None:
        if self.cockpit.selected is None:
            self.cockpit.command(["run", "quickstart", "--detach", "--json"], "start")
            self.notify("quickstart begins.")

    def action_log(self) -> None:
        if run := self.cockpit.selected:
            from tui.screens.pager import Pager

            self.app.push_screen(Pager(run.log, f"{run.id}/log.txt"))

    def action_copy(self) -> None:
        log = self.query_one(EventLog)
        if log.has_focus and (event := log.at_cursor()):
            self.cockpit.copy(_as_text(event), "event")
        elif text := self.query_one(Completions).text():
            self.cockpit.copy(text, "completion")
        elif run := self.cockpit.selected:
            self.cockpit.copy(run.id, "run id")

    def commanded(self, what: str, done: Done) -> None:
        if what == "start" and done.good and isinstance(done.value, dict):
            self.cockpit.select(str(done.value["run"]))


def _as_text(event: Event) -> str:
    from pipeline.engine.rows import dump

    return dump(event.data)


def _welcome() -> Content:
    return Content.assemble(
        ("Nothing has run here yet.\n\n", "bold"),
        ("s", "bold $primary"), "  starts the preset quickstart: prompts, traces, judge, SFT, GRPO, GGUF and a report\n"
        "   on a model of a million parameters, in three to five minutes on two cores, with no key and no network.\n\n",
        ("3", "bold $primary"), "  fills in a form for a run of your own\n",
        ("F1", "bold $primary"), " says what every key does",
    )  # fmt: skip
