"""A form for a new run: every setting with its docstring, checked as it is typed, the plan beside it, then Start."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input, Static

from pipeline.engine import presets
from pipeline.engine.errors import PipelineError
from tui.form import Field, composed, fields_of
from tui.launch import Done, ask
from tui.screens.choose import Choose
from tui.screens.dialogue import Ask
from tui.screens.frame import Frame
from tui.text import gib, line, shown
from tui.widgets.record_list import Column, RecordList, Rows
from tui.widgets.signs import sign

FIRST = "quickstart"
PAUSE = 0.7
"""Seconds after the last change before the plan is asked for."""


class NewScreen(Frame):
    OWNER = "new"
    COLUMN = "#plan"
    AUTO_FOCUS = "RecordList"
    DEFAULT_CSS = """
    NewScreen #form { width: 3fr; }
    NewScreen #edit { display: none; border: none; height: 1; padding: 0 1; background: $panel; }
    NewScreen #edit.-open { display: block; }
    NewScreen #filter { display: none; border: none; height: 1; padding: 0 1; }
    NewScreen #filter.-open { display: block; }
    NewScreen #about { height: auto; max-height: 8; padding: 0 1; border-top: solid $panel-lighten-2; }
    NewScreen #plan { width: 2fr; padding: 0 1; }
    NewScreen.-narrow #plan { width: 30; }
    """

    class Planned(Message):
        def __init__(self, done: Done, asked: int) -> None:
            super().__init__()
            self.done, self.asked = done, asked

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
        self._words = ""
        self._asked = 0
        self._timer: Timer | None = None

    def body(self) -> ComposeResult:
        columns = [Column("step", 12), Column("setting", 24), Column("", 1), Column("value", 0)]
        with Horizontal():
            with Vertical(id="form", classes="pane"):
                yield Input(id="filter", placeholder="words: of step, setting, description")
                yield RecordList(columns, empty="No such setting.")
                yield Input(id="edit", select_on_focus=False)
                yield Static(id="about")
            with VerticalScroll(id="plan", classes="pane") as pane:
                pane.border_title = "plan"
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
        self.query_one(RecordList).show(Rows([self._cells(field) for field in self._seen]))
        changed = f" · {len(self._sets)} changed" if self._sets else ""
        self.query_one("#form").border_title = f"new run of {self._preset}{changed}"

    def _cells(self, field: Field) -> Sequence[Content]:
        text = self._sets.get(field.key, field.written)
        changed = field.key in self._sets
        fault = changed and field.fault(text)
        usual = "$foreground-muted" if text == field.default else ""
        style = "$error" if fault else "bold $accent" if changed else usual
        mark = sign("failed", self.cockpit.plain) if fault else Content("*" if changed else "")
        return [line(field.step, "$foreground-muted"), line(field.name), mark, line(text or "(empty)", style)]

    def _at(self) -> Field | None:
        cursor = self.query_one(RecordList).cursor
        return self._seen[cursor] if 0 <= cursor < len(self._seen) else None

    @on(RecordList.Moved)
    def _moved(self) -> None:
        if field := self._at():
            self._about(field, "")

    def _about(self, field: Field, fault: str) -> None:
        parts = [line(f"{field.key}: {field.kind}", "bold"), shown(field.about),
                 line(f"default {field.default or '(empty)'}, in the preset {field.written or '(empty)'}",
                      "$foreground-muted")]  # fmt: skip
        if field.resource:
            parts.append(line(f"or one of {', '.join(field.resource)}", "$foreground-muted"))
        if fault:
            parts.append(shown(fault, "$error"))
        self.query_one("#about", Static).update(Content("\n").join(parts))

    @on(RecordList.Opened)
    def _edit(self) -> None:
        if field := self._at():
            edit = self.query_one("#edit", Input)
            edit.add_class("-open")
            edit.value = self._sets.get(field.key, field.written)
            edit.cursor_position = len(edit.value)
            edit.focus()

    @on(Input.Changed, "#edit")
    def _typed(self, event: Input.Changed) -> None:
        if (field := self._at()) and self.query_one("#edit").has_class("-open"):
            self._about(field, field.fault(event.value))

    @on(Input.Submitted, "#edit")
    def _given(self, event: Input.Submitted) -> None:
        field = self._at()
        if field is None:
            return
        if fault := field.fault(event.value):
            self._about(field, fault)
            return
        if event.value == field.written:
            self._sets.pop(field.key, None)
        else:
            self._sets[field.key] = event.value
        self._close_edit()
        self._show()
        self._changed()

    def _close_edit(self) -> None:
        self.query_one("#edit").remove_class("-open")
        self.query_one(RecordList).focus()

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
        if self.query_one("#edit").has_class("-open"):
            self._close_edit()
            return True
        if field.has_class("-open") or field.value:
            field.value = ""
            self._filtered()
            return True
        return False

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
        if self._timer:
            self._timer.stop()
        self._timer = self.set_timer(PAUSE, lambda: self._plan(self._asked))

    @work(thread=True, exclusive=True, group="plan", exit_on_error=False)
    def _plan(self, asked: int) -> None:
        from pipeline.catalog import CATALOG

        _, fault = composed(self._preset, self._folders(), self._sets, CATALOG)
        if fault:
            self.post_message(self.Planned(Done("", 2, None, fault), asked))
            return
        self.post_message(self.Planned(ask([*self._words_of("plan"), "--json"], self.cockpit.root), asked))

    @on(Planned)
    def _planned(self, message: Planned) -> None:
        if message.asked == self._asked:
            self.query_one("#found", Static).update(_plan(message.done, self.cockpit.plain))

    # actions

    def action_preset(self) -> None:
        names = sorted(presets.preset_files(self._folders()))

        def chosen(name: str | None) -> None:
            if name:
                self._preset = name
                self._load()

        self.app.push_screen(Choose("A preset to start from", names, self._preset), chosen)

    def action_start(self) -> None:
        self.cockpit.command([*self._words_of("run"), "--detach", "--json"], "new run")
        self.notify("Starting: the plan is checked once more.", timeout=4)

    def action_save(self) -> None:
        def named(name: str | None) -> None:
            if name:
                self.cockpit.command([*self._words_of("save"), "--as", name], "save")

        self.app.push_screen(Ask(Content("Save these settings as the preset named")), named)

    def commanded(self, what: str, done: Done) -> None:
        if what == "new run" and done.good and isinstance(done.value, dict):
            self.cockpit.select(str(done.value["run"]))
            self.cockpit.action_go("run")
        elif what == "save" and done.good:
            self.notify("Saved.", timeout=3)


def _plan(done: Done, plain: bool) -> Content:
    """What `plan --json` found, faults first."""
    if not isinstance(done.value, dict):
        return shown(done.error or "The plan said nothing.", "$error")
    parts: list[Content] = []
    for level in ("fault", "warning"):
        for step in done.value.get("steps", []):
            for finding in step.get("findings", []):
                if finding.get("level") == level:
                    text = f"{step['step']}: {finding.get('text', '')} {finding.get('mend', '')}"
                    parts.append(sign(level, plain) + Content(" ") + shown(text))
    parts.append(Content.styled(f"{gib(done.value.get('disk_free'))} of disk free", "$foreground-muted"))
    for step in done.value.get("steps", []):
        parts.append(sign(str(step.get("state")), plain) + line(f" {step['step']} {step.get('state')}", "bold"))
        parts += [
            shown(f"  {finding.get('text', '').splitlines()[0] if finding.get('text') else ''}", "$foreground-muted")
            for finding in step.get("findings", [])
            if finding.get("level") == "note"
        ]
    return Content("\n").join(parts)
