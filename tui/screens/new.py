"""A form for a new run: steps, inputs, every setting with its docstring, the plan beside it, then Start."""

from __future__ import annotations

from pathlib import Path

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Static
from textual.worker import get_current_worker

from pipeline.engine import presets
from pipeline.engine.errors import PipelineError
from pipeline.engine.presets import preset_files
from tui.form import FILE, Field, fields_of
from tui.form_rows import form_rows
from tui.launch import Done, ask
from tui.plan_text import queue
from tui.screens.asked import ask_input, ask_name, ask_preset, ask_step
from tui.screens.filtered import Filtered
from tui.start import Start, added, composed, kinds, told, without
from tui.text import line, shown
from tui.widgets.entry import Entry
from tui.widgets.field_editor import FieldEditor
from tui.widgets.plan_pane import PlanPane
from tui.widgets.record_list import Column, RecordList, Rows

FIRST = "quickstart"


class NewScreen(Filtered):
    OWNER = "new"
    COLUMN = "#plan"
    AUTO_FOCUS = "RecordList"
    DEFAULT_CSS = """
    NewScreen #form { width: 3fr; }
    NewScreen #filter { display: none; border: none; height: 1; padding: 0 1; }
    NewScreen #filter.-open { display: block; }
    NewScreen #plan { width: 2fr; padding: 0 1; }
    NewScreen.-narrow #both { layout: vertical; }
    NewScreen.-narrow #form { width: 1fr; height: 3fr; }
    NewScreen.-narrow #plan { width: 1fr; height: 1fr; min-height: 7; }
    NewScreen.-low FieldEditor { max-height: 6; }
    """

    class Checked(Message):
        """Of the whole form with what is being typed."""

        def __init__(self, field: Field, text: str, fault: str) -> None:
            super().__init__()
            self.field, self.text, self.fault = field, text, fault

    class Loaded(Message):
        def __init__(self, start: Start, fields: list[Field], fault: str) -> None:
            super().__init__()
            self.start, self.fields, self.fault = start, fields, fault

    def __init__(self) -> None:
        super().__init__()
        self._start = Start(FIRST)
        self._fields: list[Field] = []
        self._seen: list[Field] = []
        self._sets: dict[str, str] = {}
        self._share = False

    def body(self) -> ComposeResult:
        columns = [Column("step", 17), Column("setting", 27), Column("", 1), Column("value", 0)]
        with Horizontal(id="both"):
            with Vertical(id="form", classes="pane"):
                yield Entry(id="filter", placeholder="words: of step, setting, description")
                yield RecordList(columns, empty="No such setting.")
                yield FieldEditor()
            yield PlanPane(plain=self.cockpit.plain, id="plan", classes="pane")

    def on_mount(self) -> None:
        super().on_mount()
        kept = self.cockpit.habits.get("preset", FIRST)
        self._begin(Start(kept if kept in preset_files(self._folders()) else FIRST))
        self.on_screen_resume()

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        if self.ready and self.cockpit.branched:
            self._begin(Start(run=self.cockpit.branched))
            self.cockpit.branched = None

    # the form

    def _folders(self) -> list[Path]:
        return [self.cockpit.root / "configs", Path(presets.__file__).resolve().parents[2] / "configs"]

    def _begin(self, start: Start) -> None:
        """Begin anew from a preset, or from the settings of a run."""
        self._start, self._sets, self._seen = start, {}, []
        self._load(start, {})

    @work(thread=True, exclusive=True, group="form", exit_on_error=False)
    def _load(self, start: Start, sets: dict[str, str]) -> None:
        from pipeline.catalog import CATALOG

        worker = get_current_worker()
        try:
            tree = start.tree(self._folders(), added(sets))
            loaded = self.Loaded(start, fields_of(tree, CATALOG, sets, kinds(self.cockpit.workspace)), "")
        except PipelineError as error:
            loaded = self.Loaded(start, [], f"{error.what} {error.why}")
        if not worker.is_cancelled:  # else other changes are being loaded already, and may have come first
            self.post_message(loaded)

    @on(Loaded)
    def _loaded(self, message: Loaded) -> None:
        if message.start != self._start:
            return
        if message.fault:
            self.query_one("#found", Static).update(shown(message.fault, "$error"))
        self._fields = message.fields
        self._show()
        self._changed()

    def _show(self) -> None:
        here = self._at()
        words = self._words.casefold().split()
        self._seen = [
            field for field in self._fields if all(word in f"{field.key} {field.about}".casefold() for word in words)
        ]
        keys = [field.key for field in self._seen]
        at = keys.index(here.key) if here and here.key in keys else None if here else 0
        self.query_one(RecordList).show(Rows(form_rows(self._seen, self._sets, self.cockpit.plain)), at)
        run = self._start.run
        parts = [f"branch of {run.id}" if run else f"new run of {self._start.preset}"]
        parts += [f"{len(self._sets)} changed"] if self._sets else []
        parts += ["beside others on the GPU"] if self._share else []
        parts += [f"/ {self._words}"] if self._words else []
        self.query_one("#form").border_title = line(" · ".join(parts))

    def _at(self) -> Field | None:
        cursor = self.query_one(RecordList).cursor
        return self._seen[cursor] if 0 <= cursor < len(self._seen) else None

    @on(RecordList.Moved)
    def _moved(self) -> None:
        self.query_one(FieldEditor).show(self._at())

    @on(RecordList.Opened)
    def _edit(self) -> None:
        field = self._at()
        if field is None:
            return
        present = self._sets.get(field.key, field.written)

        def write() -> None:
            self.query_one(FieldEditor).open(present)

        if field.offers:
            ask_input(self.app, field, present, lambda text: self._set(field, text), write)
        else:
            write()

    @on(FieldEditor.Given)
    def _given(self, message: FieldEditor.Given) -> None:
        self._close_edit()
        self._set(message.field, message.text)

    @on(FieldEditor.Typed)
    def _typed(self, message: FieldEditor.Typed) -> None:
        if type(message) is FieldEditor.Typed:
            self._check(message.field, message.text)

    @work(thread=True, exclusive=True, group="check", exit_on_error=False)
    def _check(self, field: Field, text: str) -> None:
        """What no field can tell alone: settings that contradict each other, inputs that are not there."""
        from pipeline.catalog import CATALOG

        sets = {**self._sets, field.key: text}
        _, fault = composed(self._start, self.cockpit.workspace, self._folders(), sets, CATALOG)
        self.post_message(self.Checked(field, text, fault))

    @on(Checked)
    def _checked(self, message: Checked) -> None:
        self.query_one(FieldEditor).answer(message.field, message.text, message.fault)

    def _set(self, field: Field, text: str) -> None:
        sets = {key: value for key, value in self._sets.items() if key != field.key}
        self._take(sets if text == field.written else {**sets, field.key: text})

    def _take(self, sets: dict[str, str]) -> None:
        """Other changes; where they bring, take or switch steps, or name a file of settings, the form is another."""
        steps = [{key: text for key, text in each.items()
                  if key.startswith("steps.") or key.endswith((".enabled", f".{FILE}"))}
                 for each in (self._sets, sets)]  # fmt: skip
        self._sets = sets
        if steps[0] != steps[1]:
            self._load(self._start, dict(sets))
        else:
            self._show()
            self._changed()

    def action_cycle(self) -> None:
        if (field := self._at()) and (choices := field.choices or field.resource):
            text = self._sets.get(field.key, field.written)
            place = choices.index(text) if text in choices else -1
            self._set(field, choices[(place + 1) % len(choices)])

    def _close_edit(self) -> None:
        self.query_one(FieldEditor).close()
        self.query_one(RecordList).focus()

    def close_layer(self) -> bool:
        if self.query_one(FieldEditor).is_open:
            self._close_edit()
            return True
        return super().close_layer()

    def action_restore(self) -> None:
        if (field := self._at()) and field.key in self._sets:
            self._set(field, field.written)

    # steps

    def action_add(self) -> None:
        from pipeline.catalog import CATALOG

        def given(stage: str, name: str) -> None:
            at = self._at()
            after = {f"steps.{name}.after": at.step} if at and self._is_step(at.step) else {}
            self._take({**self._sets, f"steps.{name}.stage": stage, **after})

        makes = {name: stage.makes for name, stage in CATALOG.stages.items()}
        ask_step(self.app, makes, {field.step for field in self._fields}, given)

    def _is_step(self, name: str) -> bool:
        return any(field.step == name and field.name == "enabled" for field in self._fields)

    def action_switch(self) -> None:
        """A step that was added goes; one of the preset is switched off, or on again."""
        at = self._at()
        switch = next((field for field in self._fields if at and field.key == f"{at.step}.enabled"), None)
        if switch is None:
            self.notify("This is no step's.", timeout=2)
        elif f"steps.{switch.step}.stage" in self._sets:
            self._take(without(self._sets, switch.step))
        else:
            off = self._sets.get(switch.key, switch.written) == "false"
            self._set(switch, "true" if off else "false")

    # the plan

    def _changed(self) -> None:
        start, sets = self._start, dict(self._sets)
        self.query_one(PlanPane).ask(lambda: self._look(start, sets))

    def _look(self, start: Start, sets: dict[str, str]) -> tuple[Done, str]:
        """In a thread."""
        from pipeline.catalog import CATALOG

        _, fault = composed(start, self.cockpit.workspace, self._folders(), sets, CATALOG)
        if fault:
            return Done("", 2, None, fault), ""
        queued = queue(self.cockpit.workspace, self.cockpit.runs)
        return ask([*start.words("plan", sets), "--json"], self.cockpit.root), queued

    # actions

    def action_preset(self) -> None:
        def given(name: str) -> None:
            self._begin(Start(name))
            self.cockpit.habits.keep("preset", name)

        ask_preset(self.app, told(self._folders()), self._start.preset, given)

    def action_share(self) -> None:
        self._share = not self._share
        self._show()
        self.query_one(PlanPane).show(self._share)

    def action_start(self) -> None:
        share = ["--share-gpu"] if self._share else []
        self.cockpit.command([*self._start.words("run", self._sets), *share, "--detach", "--json"], "new run")
        self.notify("Starting: the plan is checked once more.", timeout=4)

    def action_save(self) -> None:
        def given(name: str, over: bool) -> None:
            words = [*self._start.words("save", self._sets), "--as", name, *["--overwrite"] * over]
            self.cockpit.command(words, "save")

        ask_name(self.app, preset_files(self._folders()[:1]), given)

    def commanded(self, what: str, done: Done) -> None:
        if what == "new run" and done.good and isinstance(done.value, dict):
            self.cockpit.select(str(done.value["run"]))
            self.cockpit.action_go("run")
        elif what == "save" and done.good:
            self.notify("Saved.", timeout=3)
