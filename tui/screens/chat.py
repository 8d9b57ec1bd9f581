"""Talk to exported models and to servers: one, or two side by side on the same prompts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message

from pipeline.engine import presets
from pipeline.engine.errors import PipelineError
from tui import keep
from tui.chat_settings import read_settings, written
from tui.launch import Done, ask
from tui.partners import Partner, named, partners
from tui.screens.choose import Choose
from tui.screens.dialogue import Ask
from tui.screens.frame import Frame
from tui.screens.text import TextOver
from tui.text import shown
from tui.widgets.prompt import Prompt
from tui.widgets.talk_pane import TalkPane
from tui.widgets.turn import Turn

NOBODY = "Nobody to talk to yet: F2 names a file or a server."
OTHER = "another: a path, or a server's address and its model …"


class ChatScreen(Frame):
    OWNER = "chat"
    AUTO_FOCUS = "Prompt"
    DEFAULT_CSS = "ChatScreen #panes { height: 1fr; } ChatScreen #second { display: none; }"

    class Found(Message):
        """Who there is to talk to."""

        def __init__(self, found: list[Partner], pane: TalkPane | None) -> None:
            super().__init__()
            self.found, self.pane = found, pane

    class Judged(Message):
        def __init__(self, turn: Turn, done: Done) -> None:
            super().__init__()
            self.turn, self.done = turn, done

    def body(self) -> ComposeResult:
        with Horizontal(id="panes"):
            first = TalkPane(self.cockpit.root, "a", plain=self.cockpit.plain)
            first.id = "first"
            yield first
            second = TalkPane(self.cockpit.root, "b", plain=self.cockpit.plain)
            second.id = "second"
            yield second
        yield Prompt()

    def on_mount(self) -> None:
        super().on_mount()
        self._look(None)

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        if self.ready and self._first.partner is None:
            self._look(None)

    @property
    def _first(self) -> TalkPane:
        return self.query_one("#first", TalkPane)

    @property
    def _second(self) -> TalkPane:
        return self.query_one("#second", TalkPane)

    @property
    def _panes(self) -> list[TalkPane]:
        """Those that are shown."""
        return [self._first, *([self._second] if self._second.display else [])]

    @property
    def _pane(self) -> TalkPane:
        """The one that has the focus, else the first."""
        return next((pane for pane in self._panes if pane.has_focus_within), self._first)

    def offers(self, verb: str) -> bool:
        turns = [turn for pane in self._panes for turn in pane.turns]
        answered = any(turn.said["answer"] for turn in turns) or verb not in ("fold", "judge", "keep")
        now = {"partner": True, "stop": any(pane.turn for pane in self._panes)}
        return now.get(verb, self._first.partner is not None and answered)

    # whom to talk to

    @work(thread=True, exclusive=True, group="partners", exit_on_error=False)
    def _look(self, pane: TalkPane | None) -> None:
        """`pane`: the one to choose for; None: take the newest file, if nobody was chosen yet."""
        folders = [self.cockpit.root / "configs", Path(presets.__file__).resolve().parents[2] / "configs"]
        self.post_message(self.Found(partners(self.cockpit.workspace, folders), pane))

    @on(Found)
    def _found(self, message: Found) -> None:
        pane, found = message.pane, message.found
        if pane is None:
            if self._first.partner is None and found and "server" not in found[0].load:
                self._first.meet(found[0])
            return

        def typed(text: str | None) -> None:
            self._meet(pane, named(text or ""))

        def chosen(label: str | None) -> None:
            if label == OTHER:
                words = "A GGUF file or artifact, or a server: http://localhost:1234/v1 MODEL"
                self.app.push_screen(Ask(Content(words)), typed)
            elif label:
                self._meet(pane, next(partner for partner in found if partner.label == label))

        names = [*(partner.label for partner in found), OTHER]
        self.app.push_screen(Choose("Talk to", names, pane.partner.label if pane.partner else ""), chosen)

    def _meet(self, pane: TalkPane, partner: Partner | None) -> None:
        if partner:
            pane.display = True
            pane.meet(partner)
            self.action_write()

    # messages

    @on(Prompt.Sent)
    def _send(self, message: Prompt.Sent) -> None:
        if self._first.partner is None:
            self.notify(NOBODY, severity="warning", timeout=4)
        elif any(pane.turn for pane in self._panes):
            self.notify("An answer is on its way: F5 stops it.", severity="warning", timeout=3)
        else:
            self.query_one(Prompt).took()
            self._first.say(message.text)

    @on(TalkPane.Ended)
    def _ended(self, message: TalkPane.Ended) -> None:
        """One after the other, so that the figures are each model's own."""
        if message.pane is self._first and self._second.display and self._first.turns:
            self._second.say(self._first.turns[-1].asked)

    # actions

    def action_write(self) -> None:
        self.query_one(Prompt).focus()

    def close_layer(self) -> bool:
        if not self.query_one(Prompt).has_focus:
            return False
        self.set_focus(self._first.current)
        return True

    def action_partner(self) -> None:
        self._look(self._pane)

    def action_beside(self) -> None:
        if self._second.display:
            self._second.meet(None)
            self._second.display = False
            self.query_one(Prompt).focus()
        else:
            self._look(self._second)

    def action_fold(self) -> None:
        folded = not self._first.folded
        for pane in (self._first, self._second):
            pane.fold(folded)

    def action_stop(self) -> None:
        if not [pane for pane in self._panes if pane.stop()]:
            self.notify("No answer is on its way.", timeout=2)

    def action_raw(self) -> None:
        given = {"raw": not {**self._pane.settings, **self._pane.given}.get("raw")}
        for pane in self._panes:
            pane.set(given)

    def action_reset(self) -> None:
        for pane in self._panes:
            pane.reset()

    def action_unload(self) -> None:
        for pane in self._panes:
            pane.unload()

    def action_step(self, by: int) -> None:
        turns, current = self._pane.turns, self._pane.current
        if current:
            place = turns.index(current) + (by if current.has_focus else 0)
            turns[min(max(place, 0), len(turns) - 1)].focus()

    def action_settings(self) -> None:
        pane = self._pane
        if pane.partner is None:
            self.notify("Settings are a model's: F2 names one.", timeout=3)
        elif pane.settings:
            self._ask_settings(pane)
        else:
            self._wanted = pane
            self.notify("The model is being loaded: its settings follow.", timeout=3)
            pane.load()

    _wanted: TalkPane | None = None
    """Whose settings are to be shown once they are known."""

    @on(TalkPane.Loaded)
    def _was_loaded(self, message: TalkPane.Loaded) -> None:
        if message.pane is self._wanted:
            self._ask_settings(message.pane)

    def _ask_settings(self, pane: TalkPane) -> None:
        self._wanted, before = None, written(pane.settings)

        def given(text: str | None) -> None:
            changed = read_settings(before, text or "")
            for other in self._panes if changed else ():
                other.set(changed)

        self.app.push_screen(TextOver("settings of the chat · Ctrl-S keeps, Esc leaves", before), given)

    def _answered(self) -> tuple[TalkPane, Turn] | None:
        """The turn that is meant, if it has been answered."""
        pane, turn = self._pane, self._pane.current
        if turn is None or turn is pane.turn or not turn.said["answer"].strip():
            self.notify("There is no answer yet.", timeout=2)
            return None
        return pane, turn

    def action_judge(self) -> None:
        if found := self._answered():
            self._judge(found[1])

    @work(thread=True, group="judge", exit_on_error=False)
    def _judge(self, turn: Turn) -> None:
        self.post_message(self.Judged(turn, ask(["judge", "-", "--json", f"--prompt={turn.asked}"], None, turn.whole)))

    @on(Judged)
    def _judged(self, message: Judged) -> None:
        value, turn = message.done.value, message.turn
        if isinstance(value, dict) and isinstance(value.get("scores"), dict) and turn.is_attached:
            reasons = value.get("reasons")
            turn.score(value["scores"], reasons if isinstance(reasons, dict) else {})
        elif not message.done.good:
            self.notify(shown(message.done.error).plain, title="judge", severity="error", markup=False)

    def action_keep(self) -> None:
        found = self._answered()
        if found is None:
            return
        pane, turn = found
        if (turn.figures or {}).get("finish") != "stop":
            self.notify("It did not come to its own end, and is no example to learn from.", severity="warning")
            return
        turns = [other for other in pane.turns[: pane.turns.index(turn) + 1] if other.said["answer"].strip()]
        said = [(other.asked, other.said["thought"], other.said["answer"]) for other in turns]
        try:
            path = keep.keep(self.cockpit.root, keep.row_of(said, pane.settings, pane.named))
        except (OSError, ValueError) as error:
            self.notify(shown(str(error)).plain, severity="error", markup=False)
            return
        self.notify(shown(f"kept in {path.relative_to(self.cockpit.root)}").plain, timeout=4, markup=False)

    def action_history(self) -> None:
        self._choose_chat("Read an earlier chat, the newest first", self._read)

    def action_go_on(self) -> None:
        if self._first.partner is None:
            return self.notify(NOBODY, severity="warning", timeout=4)

        def given(path: Path) -> None:
            for pane in self._panes:
                pane.go_on(path)
            self.action_write()

        return self._choose_chat("Go on from an earlier chat, the newest first", given)

    def _choose_chat(self, title: str, given: Callable[[Path], object]) -> None:
        found = keep.history(self.cockpit.root)

        def chosen(name: str | None) -> None:
            if name:
                given(found[name])

        self.app.push_screen(Choose(title, list(found)), chosen)

    @work(thread=True, exclusive=True, group="history", exit_on_error=False)
    def _read(self, path: Path) -> None:
        try:
            text = keep.as_text(path)
        except (PipelineError, OSError) as error:
            text = str(error)
        self.app.call_from_thread(self.app.push_screen, TextOver(path.name, text, read_only=True))

    def action_copy(self) -> None:
        if found := self._answered():
            self.cockpit.copy(found[1].said["answer"].strip(), "answer")
