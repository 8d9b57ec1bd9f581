"""One turn of a chat: what was asked, the thought (folded or open), the answer, notices, figures and nine scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from tui.text import line, shown
from tui.widgets.score_bars import ScoreBars, reasons_text

LONGEST = 40_000
"""Letters of a text that are shown, its end; copying takes all of it."""
ENDS = {
    "length": "cut off: the limit of tokens or the context is reached",
    "stopped": "stopped",
    "blocked": "refused by the service",
    "broken": "ended for a reason that is not known",
}


class Turn(Vertical, can_focus=True):
    ABOUT = "One turn: a message and its answer. f folds its thought, v scores it, t keeps it as a trace."
    DEFAULT_CSS = """
    Turn { height: auto; padding: 0 1 1 1; border-left: outer $panel; }
    Turn:focus { border-left: outer $primary; }
    Turn > * { height: auto; display: none; }
    Turn > .-said { display: block; }
    Turn > ScoreBars, Turn > #why { margin-top: 1; }
    """

    def __init__(self, asked: str, *, folded: bool, plain: bool = False) -> None:
        super().__init__()
        self.asked, self.folded, self._plain = asked, folded, plain
        self.said = {"thought": "", "answer": "", "notice": ""}
        self.figures: Mapping[str, Any] | None = None
        """The event `done`; None while the answer is on its way, or where it failed."""
        self.fault = ""
        self._ready = False

    @classmethod
    def earlier(cls, row: Mapping[str, Any], *, plain: bool) -> Turn:
        """Of an earlier chat: what the event `continued` says of it."""
        turn = cls(str(row.get("asked", "")), folded=True, plain=plain)
        turn.said |= {name: str(row.get(name, "")) for name in ("thought", "answer")}
        turn.figures = {"finish": "stop" if row.get("ended") else ""}
        return turn

    def compose(self) -> ComposeResult:
        yield Static(id="asked", classes="-said")
        yield Static(id="thought")
        yield Static(id="answer")
        yield Static(id="notice")
        yield ScoreBars(plain=self._plain)
        yield Static(id="why")
        yield Static(id="figures")

    def on_mount(self) -> None:
        self._ready = True
        self.query_one("#asked", Static).update(line("you  ", "bold $accent") + shown(cut(self.asked)))
        self.draw()

    @property
    def whole(self) -> str:
        """The answer as the model wrote it, its thought in a think block before it."""
        thought, answer = self.said["thought"].strip(), self.said["answer"].strip()
        return f"<think>\n{thought}\n</think>\n\n{answer}" if thought else answer

    def draw(self) -> None:
        """What has been said by now."""
        if not self._ready:
            return
        thought = self.said["thought"].strip("\n")
        head = f"thought, {len(thought.split())} words{', folded: f opens it' if self.folded else ''}"
        body = Content("") if self.folded else Content("\n") + shown(cut(thought), "$foreground-muted italic")
        self._put("#thought", thought, Content.styled(head, "$foreground-muted") + body)
        answer = self.said["answer"].strip("\n")
        self._put("#answer", answer, shown(cut(answer)))
        mark = "! " if self._plain else "⚠ "
        notice = "\n".join(part for part in (self.said["notice"].strip(), self.fault) if part)
        self._put("#notice", notice, shown(mark + cut(notice), "$error" if self.fault else "$warning"))
        self._put("#figures", self.figures, Content.styled(say_figures(self.figures or {}), "$foreground-muted"))

    def score(self, scores: Mapping[str, Any], reasons: Mapping[str, Any]) -> None:
        bars = self.query_one(ScoreBars)
        bars.add_class("-said")
        bars.show(scores)
        self._put("#why", any(reasons.values()), reasons_text(reasons, LONGEST))

    def _put(self, where: str, there: object, text: Content) -> None:
        target = self.query_one(where, Static)
        target.set_class(bool(there), "-said")
        if there:
            target.update(text)


def say_figures(done: Mapping[str, Any]) -> str:
    """In one line: how the answer ended, tokens, pace, time to the first token, what earlier turns saved."""
    words = [ENDS[done["finish"]]] if done.get("finish") in ENDS else []
    words += [f"{done['tokens']} tokens"] if _number(done, "tokens") else []
    words += [f"{done['tokens_per_second']:.1f} tokens/s"] if _number(done, "tokens_per_second") else []
    words += [f"first after {done['first_seconds']:.2f} s"] if _number(done, "first_seconds") else []
    if _number(done, "reused") and _number(done, "prompt_tokens") and done["reused"]:
        words.append(f"{done['reused']} of {done['prompt_tokens']} of the prompt reused")
    return " · ".join(words)


def cut(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    return f"… {len(text) - LONGEST:,} letters before; c copies all\n{text[-LONGEST:]}"


def _number(row: Mapping[str, Any], name: str) -> bool:
    return isinstance(row.get(name), int | float)
