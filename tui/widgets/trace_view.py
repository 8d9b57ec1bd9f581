"""One trace whole: prompt, thought (folded or open), answer, nine scores with their reasons, and its marks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from pipeline.engine.rows import Row
from pipeline.tasks.index import mapping
from pipeline.tasks.marks import notes_of, state_of
from tui.text import line, shown
from tui.widgets.score_bars import ScoreBars, reasons_text

LONGEST = 40_000
"""Letters of a text that are shown; `c` copies all of it."""


NONE = (
    "The trace under the cursor stands here, whole: its prompt, thought, answer, nine scores and the reasons for them."
)
MUTED = "$foreground-muted"


class TraceView(VerticalScroll, can_focus=True):
    ABOUT = "One trace. f folds its thought, s shows all traces of its prompt."
    DEFAULT_CSS = """
    TraceView { padding: 0 1; }
    TraceView ScoreBars { margin: 1 0; }
    """

    def __init__(
        self,
        row: Row | None = None,
        marks: Sequence[Row] = (),
        *,
        plain: bool = False,
        prompt: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._row, self._marks, self._plain, self._prompt = row, marks, plain, prompt
        self._folded = False

    def compose(self) -> ComposeResult:
        yield Static(id="facts")
        yield Static(id="before")
        yield ScoreBars(plain=self._plain)
        yield Static(id="text")

    def on_mount(self) -> None:
        self._draw()

    def show(self, row: Row | None, marks: Sequence[Row] = (), fault: str = "") -> None:
        """`fault`: why there is no trace to show."""
        self._row, self._marks = row, marks
        self._draw()
        if fault:
            self.query_one("#facts", Static).update(shown(fault, "$error"))
        self.scroll_home(animate=False)

    def fold(self) -> None:
        self._folded = not self._folded
        self._draw()

    def _draw(self) -> None:
        row = self._row or {}
        self.query_one("#facts", Static).update(_facts(row, self._marks) if row else Content.styled(NONE, MUTED))
        before = self.query_one("#before", Static)
        before.display = self._prompt
        before.update(messages_of(row))
        bars, scores = self.query_one(ScoreBars), row.get("scores")
        bars.display = isinstance(scores, dict)
        if isinstance(scores, dict):
            bars.show(scores, mapping(row.get("spread")))
        self.query_one("#text", Static).update(_text(row, self._folded))


def _facts(row: Row, marks: Sequence[Row]) -> Content:
    names = ("category", "type", "split", "finish", "provider", "model", "outcome")
    facts = {name: str(row[name])[:80] for name in names if row.get(name)}
    if facts.get("model", "").startswith(facts.get("provider", " ")):
        del facts["provider"]  # said already
    if facts.get("finish") == "stop":
        del facts["finish"]  # as it should
    parts = [line(" · ".join(facts.values()), MUTED)]
    state = state_of(marks)
    if verdict := state.get("verdict"):
        parts.append(line(f"marked: {verdict}", "$accent"))
    parts += [line(f"by hand: {name} {value}", "$accent") for name, value in state.get("scores", {}).items()]
    if verdict == "edit":
        parts.append(shown(f"edited: {_cut(str(state['text']))}", "$accent"))
    parts += [shown(f"note: {note}", "$accent") for note in notes_of(marks)]
    return Content("\n").join(parts)


def messages_of(row: Row) -> Content:
    """The turns that the answer is to."""
    turns = row.get("messages")
    if not isinstance(turns, list):
        return Content("")
    pairs = [(turn.get("role", ""), turn.get("content", "")) for turn in map(mapping, turns)]
    parts = [line(f"{str(role)[:40]}: ", "bold") + shown(_cut(str(content))) for role, content in pairs]
    return Content("\n").join(parts)


def _text(row: Row, folded: bool) -> Content:
    parts: list[Content] = []
    if thought := str(row.get("thought") or ""):
        head = f"thought, {len(thought.split())} words{', folded' if folded else ''}"
        parts.append(Content.styled(head, "bold $foreground-muted"))
        if not folded:
            parts.append(shown(_cut(thought), "$foreground-muted"))
        parts.append(Content(""))
    if "answer" in row:
        parts += [Content.styled("answer", "bold"), shown(_cut(str(row["answer"])))]
    if why := reasons_text(mapping(row.get("reasons")), LONGEST):
        parts += [Content(""), why]
    return Content("\n").join(parts)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}\n… {len(text) - LONGEST:,} letters more"
