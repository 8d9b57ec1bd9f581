"""The cockpit of one run: its steps, its curves, its memory, what happened, and what the model says."""

from __future__ import annotations

from dataclasses import replace

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from pipeline.engine.events import Event
from pipeline.engine.runs import Run, list_runs
from tui import hints
from tui.curriculum import asked
from tui.curves import Curve, curves
from tui.feed import Snapshot
from tui.launch import Done
from tui.overlay import Overlay, start
from tui.screens.choose import Choose
from tui.screens.dialogue import Question
from tui.screens.frame import Frame
from tui.text import line
from tui.widgets.details import Details
from tui.widgets.event_log import KEPT
from tui.widgets.line_chart import Line, LineChart
from tui.widgets.memory_pane import MemoryPane, foreseen, memory_title
from tui.widgets.stage_rail import StageRail


class RunScreen(Frame):
    OWNER = "run"
    COLUMN = "#left"
    ROW = "#lower"
    AUTO_FOCUS = "LineChart"
    DEFAULT_CSS = """
    RunScreen #left { width: 44; }
    RunScreen #steps { height: auto; max-height: 70%; }
    RunScreen #memory { height: 1fr; }
    RunScreen #chart-pane { height: 3fr; }
    RunScreen #lower { height: 2fr; }
    RunScreen #hint { height: auto; padding: 0 1; display: none; }
    RunScreen #hint.-said { display: block; }
    RunScreen.-narrow #left { width: 30; }
    RunScreen.-huge #left { width: 60; }
    RunScreen #empty { height: 1fr; align: center middle; }
    RunScreen #empty Static { width: auto; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._chosen: str = ""
        self._curves: list[Curve] = []
        self._held: list[Event] = []
        self._said = ""
        self._estimated = ""
        self._started = False
        self._estimate: dict[str, float] = {}
        self._drawn: Run | None = None
        self._overlay = Overlay(self._heard)

    class Overlaid(Message):
        """Another run's figures are there, or have grown."""

    def body(self) -> ComposeResult:
        plain = self.cockpit.plain
        if self.cockpit.selected is None:
            with Vertical(id="empty"):
                yield Static(hints.welcome())
            return
        yield Static(id="hint")
        with Horizontal(id="cockpit"):
            with Vertical(id="left"):
                with VerticalScroll(id="steps", classes="pane") as steps:
                    steps.border_title = line("steps")
                    yield StageRail(plain=plain)
                with VerticalScroll(id="memory", classes="pane") as memory:
                    memory.border_title = line("memory")
                    yield MemoryPane(plain=plain)
            with Vertical():
                with Vertical(id="chart-pane", classes="pane"):
                    yield LineChart(plain=plain)
                yield Details(plain=plain, id="lower", classes="pane")

    def _heard(self) -> None:
        """In a feed's thread."""
        self.post_message(self.Overlaid())

    def offers(self, verb: str) -> bool:
        run, snapshot = self.cockpit.selected, self.cockpit.snapshot
        alive = snapshot is not None and snapshot.life in hints.LIVE
        if verb in ("start", "stop", "resume"):
            return {"start": run is None, "stop": alive, "resume": snapshot is not None and not alive}[verb]
        if verb == "whose":
            return snapshot is not None and len(asked(snapshot)) > 1
        return run is not None and (verb != "next_curve" or len(self._curves) > 1)

    # news

    def run_changed(self) -> None:
        if not self.ready:
            return
        none, empty = self.cockpit.selected is None, not self.query("#cockpit")
        if none or empty:
            if none != empty:  # the first run: now there is something for the panes to show
                self.ready = False
                self.refresh(recompose=True)
            return
        if self.focused is None:
            self.query_one(LineChart).focus()
        self._chosen, self._curves, self._held = "", [], []
        self.query_one(StageRail).show(None)
        self.query_one(MemoryPane).show(())
        self.query_one(LineChart).show(())
        self.query_one(Details).clear()

    def fed(self, snapshot: Snapshot) -> None:
        if not self.ready:
            return
        self._held += snapshot.fresh
        if not self.is_current and self._drawn is snapshot.run:  # hidden: the work waits
            del self._held[:-KEPT]
            return
        self._drawn = snapshot.run
        self.query_one(Details).show(snapshot, self._held)
        self._held = []
        self.query_one(StageRail).show(snapshot)
        self.query_one(MemoryPane).show(snapshot.memory, self._estimate.get(_going(snapshot)))
        self.query_one("#memory").border_title = line(memory_title(snapshot))
        self._foresee(snapshot)
        self._curves = curves(snapshot)
        self._draw()
        said = hints.hint(snapshot)
        if said.plain != self._said:  # an update lays all of the screen out again
            self._said = said.plain
            self.query_one("#hint", Static).set_class(bool(said.plain), "-said").update(said)
        self.show_top()

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        self._overlay.follow([run for run in self.cockpit.overlaid if run != self.cockpit.selected])
        if self.cockpit.snapshot:
            self.fed(replace(self.cockpit.snapshot, fresh=()))

    def on_unmount(self) -> None:
        self._overlay.close()

    def _foresee(self, snapshot: Snapshot) -> None:
        """Ask the plan once what a step on a GPU should need: the line beside what it does need."""
        gpus = snapshot.memory[-1][1].get("gpus") if snapshot.memory else None
        if gpus and snapshot.life in hints.LIVE and self._estimated != snapshot.run.id:
            self._estimated, self._estimate = snapshot.run.id, {}
            self.cockpit.command(["plan", str(snapshot.run.path / "config.json"), "--json"], f"plan {snapshot.run.id}")

    # the chart

    @on(Overlaid)
    def _draw(self) -> None:
        if not self.ready or self.cockpit.selected is None:
            return
        chosen, snapshot = self._at_curve(), self.cockpit.snapshot
        lines = [*chosen.lines, *self._overlay.over(chosen, start(snapshot))] if chosen and snapshot else []
        bands = chosen.bands if chosen else {}
        self.query_one(LineChart).show([Line(name, spans, bands.get(name, ())) for name, spans in lines])
        all_of_them = len(self._curves)
        place = f" · {self._curves.index(chosen) + 1} of {all_of_them} charts" if chosen and all_of_them > 1 else ""
        self.query_one("#chart-pane").border_title = line(f"{chosen.name if chosen else 'figures'}{place}")

    def _at_curve(self) -> Curve | None:
        """The one that was chosen, or the newest."""
        chosen = (curve for curve in self._curves if curve.name == self._chosen)
        return next(chosen, self._curves[-1] if self._curves else None)

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
    async def _completions_at(self, message: LineChart.At) -> None:
        await self.query_one(Details).to_completions(round(message.step))

    def action_overlay(self) -> None:
        runs = {run.id: run for run in list_runs(self.cockpit.workspace) if run != self.cockpit.selected}
        if not runs:
            self.notify("There is no other run to draw over this one.", timeout=3)
            return

        def chosen(name: str | None) -> None:
            if name:
                run, drawn = runs[name], self.cockpit.overlaid
                self.cockpit.overlaid = [one for one in drawn if one != run] if run in drawn else [*drawn, run]
                self._overlay.follow([one for one in self.cockpit.overlaid if one != self.cockpit.selected])
                self._draw()

        self.app.push_screen(Choose("Draw over this run, or take away:", list(reversed(runs))), chosen)

    # the lower pane

    async def action_lower(self) -> None:
        for details in self.query(Details):
            await details.turn(focus=True)

    async def action_kind(self) -> None:
        for details in self.query(Details):
            await details.next_kind()

    async def action_whose(self) -> None:
        for details in self.query(Details):
            await details.next_asked()

    async def action_filter(self) -> None:
        for details in self.query(Details):
            await details.search()

    def close_layer(self) -> bool:
        return any(details.widen() for details in self.query(Details))

    # the run

    def action_stop(self) -> None:
        run, snapshot = self.cockpit.selected, self.cockpit.snapshot
        if run is None or snapshot is None or snapshot.life not in hints.LIVE:
            self.notify("Nothing runs here.", timeout=3)
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self.cockpit.command(["stop", run.id, "--no-wait"], "stop")
                self.notify("Asked to stop: it ends at its next safe point, with everything saved.")

        text = (
            Content("Stop ") + line(run.id, "bold") + Content("? It ends at its next safe point; r goes on from there.")
        )
        self.app.push_screen(Question(text), answered)

    def action_resume(self) -> None:
        run, snapshot = self.cockpit.selected, self.cockpit.snapshot
        if run is None or (snapshot and snapshot.life in hints.LIVE):
            self.notify("It is running." if run else "There is no run.", timeout=3)
            return
        self.cockpit.command(["resume", run.id, "--detach", "--json"], "resume")
        self.notify("It goes on from what is saved.", timeout=3)

    def action_start(self) -> None:
        if self.cockpit.selected is None and not self._started:
            self._started = True
            self.cockpit.command(["run", "quickstart", "--detach", "--json"], "start")
            self.notify("quickstart begins.")

    def action_detach(self) -> None:
        run, snapshot = self.cockpit.selected, self.cockpit.snapshot
        if run is None or snapshot is None or snapshot.life not in hints.LIVE:
            self.app.exit()
            return
        told = f"{line(run.id).plain} goes on. Back to it: python -m tui {line(run.id).plain}"
        self.app.exit(message=Text(told))

    def action_log(self) -> None:
        if run := self.cockpit.selected:
            from tui.screens.pager import Pager

            self.app.push_screen(Pager(run.log, f"{run.id}/log.txt"))

    def action_copy(self) -> None:
        """What the focused pane shows; of a list the row under the cursor."""
        inner = self.focused.ancestors_with_self if self.focused else []
        pane = next((node for node in inner if node.has_class("pane")), None)
        for node in pane.query("*") if pane else ():
            if node.is_on_screen and (text := getattr(node, "as_text", str)()):
                self.cockpit.copy(text, str(node.id or pane.id) if pane else "")
                return
        if run := self.cockpit.selected:
            self.cockpit.copy(run.id, "run id")

    def commanded(self, what: str, done: Done) -> None:
        if what == "start":
            self._started = False
            if done.good and isinstance(done.value, dict):
                self.cockpit.select(str(done.value["run"]))
        elif what == f"plan {self._estimated}" and isinstance(done.value, dict):
            self._estimate = foreseen(done.value)
            if snapshot := self.cockpit.snapshot:
                self.fed(replace(snapshot, fresh=()))


def _going(snapshot: Snapshot) -> str:
    """The step that runs."""
    return next((step.name for step in reversed(snapshot.steps) if step.state == "running"), "")
