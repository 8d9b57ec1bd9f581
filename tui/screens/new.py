"""A form for a new run: every setting with its docstring, checked as it is typed, the plan beside it, then Start."""

from __future__ import annotations

from pathlib import Path

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Static

from pipeline.engine import presets
from pipeline.engine.errors import PipelineError
from tui.form import Field, composed, fields_of
from tui.form_rows import form_rows
from tui.launch import Done, ask
from tui.plan_text import plan_text, queue
from tui.screens.choose import Choose
from tui.screens.dialogue import Ask, Question
from tui.screens.filtered import Filtered
from tui.text import line, shown
from tui.widgets.entry import Entry
from tui.widgets.field_editor import FieldEditor
from tui.widgets.record_list import Column, RecordList, Rows

FIRST = "quickstart"
PAUSE = 0.7
"""Seconds after the last change before the plan is asked for."""


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

    class Planned(Message):
        def __init__(self, done: Done, asked: int, queued: str = "") -> None:
            super().__init__()
            self.done, self.asked, self.queued = done, asked, queued

    class Checked(Message):
        """Of the whole form with what is being typed."""

        def __init__(self, field: Field, text: str, fault: str) -> None:
            super().__init__()
            self.field, self.text, self.fault = field, text, fault

    class Loaded(Message):
        def __init__(self, fields: list[Field], fault: str) -> None:
            super().__init__()
            self.fields, self.fault = fields, fault

    def __init__(self) -> None:
        super().__init__()
        self._preset = FIRST
        self._fields: list[Field] = []
        self._seen: list[Field] = []
        self._sets: dict[str, str] = {}
        self._asked = 0
        self._timer: Timer | None = None
        self._share = False
        self._planned_last: NewScreen.Planned | None = None

    def body(self) -> ComposeResult:
        columns = [Column("step", 17), Column("setting", 27), Column("", 1), Column("value", 0)]
        with Horizontal(id="both"):
            with Vertical(id="form", classes="pane"):
                yield Entry(id="filter", placeholder="words: of step, setting, description")
                yield RecordList(columns, empty="No such setting.")
                yield FieldEditor()
            with VerticalScroll(id="plan", classes="pane") as pane:
                pane.border_title = "plan"
                pane.can_focus = True
                yield Static("asking …", id="found")

    def on_mount(self) -> None:
        super().on_mount()
        self._load()

    # the form

    def _folders(self) -> list[Path]:
        return [self.cockpit.root / "configs", Path(presets.__file__).resolve().parents[2] / "configs"]

    @work(thread=True, exclusive=True, group="form", exit_on_error=False)
    def _load(self) -> None:
        from pipeline.catalog import CATALOG

        try:
            tree = presets.compose(self._preset, self._folders())
            self.post_message(self.Loaded(fields_of(tree, CATALOG), ""))
        except PipelineError as error:
            self.post_message(self.Loaded([], f"{error.what} {error.why}"))

    @on(Loaded)
    def _loaded(self, message: Loaded) -> None:
        self._fields, self._sets = message.fields, {}
        if message.fault:
            self.query_one("#found", Static).update(shown(message.fault, "$error"))
        self._show()
        self._changed()

    def _show(self) -> None:
        words = self._words.casefold().split()
        self._seen = [
            field for field in self._fields if all(word in f"{field.key} {field.about}".casefold() for word in words)
        ]
        self.query_one(RecordList).show(Rows(form_rows(self._seen, self._sets, self.cockpit.plain)))
        parts = [f"new run of {self._preset}"]
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
        if field := self._at():
            self.query_one(FieldEditor).open(self._sets.get(field.key, field.written))

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
        _, fault = composed(self._preset, self.cockpit.workspace, self._folders(), sets, CATALOG)
        self.post_message(self.Checked(field, text, fault))

    @on(Checked)
    def _checked(self, message: Checked) -> None:
        self.query_one(FieldEditor).answer(message.field, message.text, message.fault)

    def _set(self, field: Field, text: str) -> None:
        if text == field.written:
            self._sets.pop(field.key, None)
        else:
            self._sets[field.key] = text
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
        if (field := self._at()) and self._sets.pop(field.key, None) is not None:
            self._show()
            self._changed()

    # the plan

    def _words_of(self, command: str) -> list[str]:
        sets = [word for key, text in self._sets.items() for word in ("--set", f"{key}={text}")]
        return [command, self._preset, *sets]

    def _changed(self) -> None:
        """Ask for the plan once a person pauses; what was asked before no longer counts."""
        self._asked += 1
        self.query_one("#plan").border_title = "plan: being asked for"
        if self._timer:
            self._timer.stop()
        self._timer = self.set_timer(PAUSE, lambda: self._plan(self._asked))

    @work(thread=True, exclusive=True, group="plan", exit_on_error=False)
    def _plan(self, asked: int) -> None:
        from pipeline.catalog import CATALOG

        _, fault = composed(self._preset, self.cockpit.workspace, self._folders(), dict(self._sets), CATALOG)
        if fault:
            self.post_message(self.Planned(Done("", 2, None, fault), asked))
            return
        queued = queue(self.cockpit.workspace, self.cockpit.runs)
        self.post_message(self.Planned(ask([*self._words_of("plan"), "--json"], self.cockpit.root), asked, queued))

    @on(Planned)
    def _planned(self, message: Planned) -> None:
        if message.asked == self._asked:
            self._planned_last = message
            self._show_plan()

    def _show_plan(self) -> None:
        if found := self._planned_last:
            self.query_one("#plan").border_title = "plan"
            text = plan_text(found.done, found.queued, self._share, self.cockpit.plain)
            self.query_one("#found", Static).update(text)

    # actions

    def action_preset(self) -> None:
        names = sorted(presets.preset_files(self._folders()))

        def chosen(name: str | None) -> None:
            if name:
                self._preset = name
                self._load()

        self.app.push_screen(Choose("A preset to start from", names, self._preset), chosen)

    def action_share(self) -> None:
        self._share = not self._share
        self._show()
        self._show_plan()

    def action_start(self) -> None:
        share = ["--share-gpu"] if self._share else []
        self.cockpit.command([*self._words_of("run"), *share, "--detach", "--json"], "new run")
        self.notify("Starting: the plan is checked once more.", timeout=4)

    def action_save(self) -> None:
        def named(name: str | None) -> None:
            if not name:
                return
            words = [*self._words_of("save"), "--as", name]
            if name not in presets.preset_files(self._folders()[:1]):
                self.cockpit.command(words, "save")
                return

            def answered(yes: bool | None) -> None:
                if yes:
                    self.cockpit.command([*words, "--overwrite"], "save")

            text = Content.assemble("There is a preset ", line(name, "bold"), " already. Replace it?")
            self.app.push_screen(Question(text), answered)

        self.app.push_screen(Ask(Content("Save these settings as the preset named")), named)

    def commanded(self, what: str, done: Done) -> None:
        if what == "new run" and done.good and isinstance(done.value, dict):
            self.cockpit.select(str(done.value["run"]))
            self.cockpit.action_go("run")
        elif what == "save" and done.good:
            self.notify("Saved.", timeout=3)
