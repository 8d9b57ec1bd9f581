"""One model and what was said with it. The model lives in a process of its own; when that dies the pane says so."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Static

from tui import keep
from tui.chat_meter import meter
from tui.partners import Partner
from tui.talk import Talk, table
from tui.text import line, shown
from tui.widgets.turn import Turn

GAP = 0.05
"""Seconds between two drawings of an answer that is on its way."""
EMPTY = """Nobody to talk to yet.
A run whose last step is export makes a GGUF file; m (or F2) names a file or a server."""


class TalkPane(Vertical):
    ABOUT = "A chat. Tab, j and k go from turn to turn; F1 on one says what can be done with it."
    DEFAULT_CSS = """
    TalkPane { width: 1fr; }
    TalkPane #meter { height: 1; padding: 0 1; color: $foreground-muted; }
    TalkPane #turns { height: 1fr; scrollbar-size-vertical: 1; }
    TalkPane #empty { padding: 1 2; height: auto; }
    """

    class Heard(Message):
        """There are events to fetch."""

    class Loaded(Message):
        """The model is there, and its settings are known."""

        def __init__(self, pane: TalkPane) -> None:
            super().__init__()
            self.pane = pane

    class Ended(Message):
        """The pane is free for the next message."""

        def __init__(self, pane: TalkPane) -> None:
            super().__init__()
            self.pane = pane

    def __init__(self, root: Path, name: str, *, plain: bool = False) -> None:
        super().__init__(classes="pane")
        self._root, self._letter, self._plain = root, name, plain
        self._talk: Talk | None = None
        self._timer: Timer | None = None
        self.partner: Partner | None = None
        self.settings: Mapping[str, Any] = {}
        """All in effect, once the model is loaded."""
        self.given: dict[str, Any] = {}
        """Those that a person changed; they outlive the model."""
        self._earlier: Path | None = None
        """A transcript to go on from, once the model is there: another chat's, or this one's after a death."""
        self._saved: Path | None = None
        self._trying: Mapping[str, Any] = {}
        self._number = 0
        """Of the message: what is still said to an earlier one is not heard."""
        self.folded = False
        self.turn: Turn | None = None
        """The turn whose answer is on its way."""
        self._loaded: Mapping[str, Any] = {}
        self._began = 0.0
        self._pieces = 0
        self._figures: Mapping[str, Any] = {}

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="turns", can_focus=False):
            yield Static(Content(EMPTY), id="empty")
        yield Static(id="meter")

    def on_resize(self) -> None:
        self._head()

    def on_unmount(self) -> None:
        if self._talk:
            self._talk.close()

    @property
    def named(self) -> str:
        """As the model's process names it; before it is loaded, as it was chosen."""
        return str(self._loaded.get("name") or (self.partner.label if self.partner else ""))

    @property
    def turns(self) -> list[Turn]:
        return list(self.query(Turn))

    @property
    def current(self) -> Turn | None:
        """The turn that has the focus, else the last."""
        turns = self.turns
        return next((turn for turn in turns if turn.has_focus), turns[-1] if turns else None)

    def meet(self, partner: Partner | None) -> None:
        """Talk to somebody else from now on: a new process, begun with the next message."""
        if self._talk:
            self._talk.close()
        self._talk, self._loaded, self.settings = None, {}, {}
        self.partner = partner
        self._clear()

    def go_on(self, path: Path) -> None:
        """Go on from an earlier chat, with the partner of now."""
        if self.turn:
            self.stop()
        self._clear()
        self._earlier = path
        if self._loaded and self._talk:
            self._take_up()
        else:
            self.load()

    def _take_up(self) -> None:
        if self._talk and self._earlier:
            self._talk.tell("continue", path=str(self._earlier), id="continue")

    def say(self, text: str) -> bool:
        """Send a message, unless there is nobody or an answer is on its way."""
        if self.partner is None or self.turn is not None:
            return False
        self._take()  # it may have died a moment ago
        self.turn = Turn(text, folded=self.folded, plain=self._plain)
        self._number += 1
        self._began, self._pieces = time.monotonic(), 0
        self.query_one("#empty").display = False
        turns = self.query_one("#turns", VerticalScroll)
        turns.mount(self.turn)
        turns.anchor()
        if self._loaded and self._talk:
            self._talk.tell("send", id=self._number, text=text)
        else:
            self.load()
        self._head()
        self.screen.refresh_bindings()
        return True

    def _news(self) -> None:
        """In the talk's thread."""
        self.post_message(self.Heard())

    def load(self) -> None:
        """Start the process and load the model, where that has not been done."""
        if self.partner is None or self._loaded:
            return
        if self._talk is None:
            self._talk = Talk(self._root, self._news)
        self._talk.tell("load", id="load", **self.partner.load, settings=self.given)

    def stop(self) -> bool:
        if self._talk is None or self.turn is None:
            return False
        if not self._loaded:  # the load itself is not to be stopped, but ended
            self._died("stopped while it was being loaded")
            self._talk.close()
            self._talk = None
        else:
            self._talk.tell("stop")
        return True

    def set(self, given: Mapping[str, Any]) -> None:
        if self._talk and self._loaded:
            self._trying = given
            self._talk.tell("settings", id="settings", set=dict(given))
        else:
            self.given |= given
            self._head()

    def reset(self) -> None:
        if self._talk and self._loaded:
            self._talk.tell("stop")
            self._talk.tell("reset")
        elif self.turn:
            self.stop()
        self._clear()

    def unload(self) -> None:
        if self._talk and self._loaded:
            self._talk.tell("unload", id="unload")

    def fold(self, folded: bool) -> None:
        self.folded = folded
        for turn in self.turns:
            turn.folded = folded
            turn.draw()

    # what the process says

    @on(Heard)
    def _soon(self) -> None:
        if self._timer is None:
            self._timer = self.set_timer(GAP, self._take)

    def _take(self) -> None:
        self._timer = None
        turn = self.turn
        for event in self._talk.fetch() if self._talk else ():
            self._heard(event)
        if turn and turn.is_attached:
            turn.draw()
        self._head()

    def _heard(self, event: Mapping[str, Any]) -> None:
        kind, turn = event.get("event"), self.turn
        if isinstance(event.get("id"), int) and event["id"] != self._number:
            return
        if kind == "loaded" and self._talk:
            self._loaded, self.settings = event, table(event.get("settings"))
            self._take_up()
            self._saved = keep.free(self._root, self._letter)
            self._talk.tell("save", path=str(self._saved), id="save")
            if turn:
                self._talk.tell("send", id=self._number, text=turn.asked)
            self.post_message(self.Loaded(self))
        elif kind in ("thought", "answer", "notice") and turn:
            turn.said[str(kind)] += str(event.get("text", "")) + ("\n" if kind == "notice" else "")
            self._pieces += kind != "notice"
        elif kind == "done":
            self._figures = event
            self._end(figures=event)
        elif kind == "settings":
            self.settings = table(event.get("settings"))
            self.given |= self._trying
        elif kind == "continued":
            self.settings, self._earlier = table(event.get("settings")), None
            self._show_earlier(event.get("turns"))
        elif kind == "unloaded":
            self.notify("The model's memory is given back until the next message.", timeout=3)
        elif kind == "error":
            self._failed(event)
        elif kind == "died":
            self._died(str(event.get("why", "")))

    def _show_earlier(self, said: Any) -> None:
        """The turns of the chat that is gone on from, unless they stand there already: then it was a death."""
        if self.turns[: -1 if self.turn else None]:
            return
        self.query_one("#empty").display = False
        turns = self.query_one("#turns", VerticalScroll)
        for row in map(table, said if isinstance(said, list) else []):
            turns.mount(Turn.earlier(row, plain=self._plain), before=self.turn)
        turns.anchor()

    def _failed(self, event: Mapping[str, Any]) -> None:
        said = "\n".join(str(event[part]) for part in ("what", "why", "mend") if event.get(part))
        if event.get("id") == "continue":
            self._earlier = None
        if event.get("id") in ("load", self._number):
            self._end(fault=said)
        else:
            self.notify(shown(said).plain, severity="error", markup=False, timeout=8)

    def _died(self, why: str) -> None:
        self._loaded = {}
        if self._saved and self._saved.exists() and not self.settings.get("raw"):
            self._earlier = self._saved
        knows = " and takes up what was answered" if self._earlier else ", without what was said" if self.turns else ""
        self._end(fault=f"The model's process ended. {why}\nThe next message starts it again{knows}.")

    def _end(self, figures: Mapping[str, Any] | None = None, fault: str = "") -> None:
        turn, self.turn = self.turn, None
        if turn is None:
            if fault:
                self.notify(shown(fault).plain, severity="error", markup=False, timeout=8)
            return
        turn.figures, turn.fault = figures, fault
        turn.draw()
        self.screen.refresh_bindings()
        self.post_message(self.Ended(self))

    def _clear(self) -> None:
        self.turn, self._figures, self._earlier = None, {}, None
        self._number += 1
        self.query(Turn).remove()
        self.query_one("#empty").display = True
        self._head()
        self.screen.refresh_bindings()

    # what stands around it

    def _head(self) -> None:
        self.border_title = line(self.partner.label if self.partner else "chat", "bold")
        words = "Loaded with the first message, in a process of its own." if self.partner else EMPTY
        self.query_one("#empty", Static).update(Content(words))
        answering = (time.monotonic() - self._began, self._pieces) if self.turn else None
        told = (self._figures, self._loaded, {**self.settings, **self.given}, answering)
        self.query_one("#meter", Static).update(meter(*told, self.size.width - 2, self._plain))
