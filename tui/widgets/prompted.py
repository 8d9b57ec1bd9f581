"""Evaluation prompts of a GPT in training: what was expected beside what it gives; and the verdict of the red lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from pipeline.engine.rows import Row
from tui.curriculum import Evaluation
from tui.text import line
from tui.widgets.record_list import Column, RecordList, Rows

LONGEST = 400
"""Letters of a text in its cell."""
LOW = 10
"""Rows of the pane below which a verdict has but its first sentence."""
VERDICTS = {"go on": ("✓", "+", "$success"), "watch": ("!", "!", "$warning"), "stop": ("✗", "x", "$error")}
EXACT, NEAR, WRONG, OPEN = (
    ("✓", "+", "$success"), ("≈", "~", "$warning"), ("✗", "x", "$error"), ("·", ".", "$foreground-muted"),
)  # fmt: skip


class Prompted(Widget):
    """The newest evaluation; its rows come as the model answers."""

    ABOUT = "✓ to the letter, ≈ but for case and punctuation, ✗ neither, · nothing was expected. c copies one whole."
    DEFAULT_CSS = """
    Prompted { height: 1fr; }
    Prompted VerticalScroll { height: auto; max-height: 50%; }
    Prompted Static { height: auto; }
    """

    def __init__(self, *, plain: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self._plain = plain
        self._shown: Evaluation | None = None

    def compose(self) -> ComposeResult:
        columns = [Column("", 1), Column("asked", 0), Column("expected", 0), Column("given", 0)]
        with VerticalScroll(can_focus=False):
            yield Static(id="verdict")
        yield RecordList(columns, empty="No evaluation prompts were answered yet.")

    def show(self, found: Evaluation | None) -> None:
        if found == self._shown:
            return
        before, self._shown = self._shown, found
        self._say()
        rows = [self._cells(event.data) for event in found.answers] if found else []
        same = before is not None and found is not None and (before.step, before.at) == (found.step, found.at)
        self.query_one(RecordList).show(Rows(rows), None if same else 0)

    def on_resize(self) -> None:
        self._say()

    def _say(self) -> None:
        self.query_one("#verdict", Static).update(self._head(self._shown) if self._shown else Content(""))

    def as_text(self) -> str:
        """The answer under the cursor, whole, with what was asked and expected."""
        cursor = self.query_one(RecordList).cursor
        if self._shown is None or not 0 <= cursor < len(self._shown.answers):
            return ""
        data = self._shown.answers[cursor].data
        return "\n".join(f"{name}: {data.get(name, '')}" for name in ("prompt", "expected", "given"))

    def _head(self, found: Evaluation) -> Content:
        parts = [line(found.step, "bold", most=80)]
        if found.at is not None:
            parts.append(Content(f" step {found.at:,}"))
        if found.exact is not None:
            parts.append(Content(f", {found.exact:,} of {found.expected:,} exact"))
        shown = [event.data for event in found.answers if event.data.get("expected")]
        near = sum(bool(data.get("normalised")) and not data.get("exact") for data in shown)
        if near and len(shown) == found.expected:
            parts.append(Content(f", {near} nearly"))
        if found.beside:
            which = "the newest" if found.newest else "chosen"
            parts.append(line(f" · {which}; P: of {', '.join(found.beside)}", "$foreground-muted", most=200))
        head = Content("").join(parts)
        return Content("\n").join([head, self._red_lines(found.verdict)]) if found.verdict else head

    def _red_lines(self, verdict: Mapping[str, Any]) -> Content:
        mark = VERDICTS.get(str(verdict.get("verdict")), ("?", "?", "$warning"))
        since = verdict.get("since")
        when = f" Since step {since:,}." if isinstance(since, int) and verdict.get("line") else ""
        text = str(verdict.get("text", ""))
        if self.size.height < LOW:  # the alert among the events has all of it
            first, _, rest = text.partition(". ")
            text, when = (f"{first}. …", "") if rest else (text, when)
        return self._sign(mark) + line(f" {text}{when}", mark[2], most=2000)

    def _cells(self, data: Row) -> list[Content]:
        if not data.get("expected"):
            mark = OPEN if data.get("well_formed", True) else WRONG
        else:
            mark = EXACT if data.get("exact") else NEAR if data.get("normalised") else WRONG
        given = line(data.get("given", ""), most=LONGEST)
        if data.get("well_formed") is False:
            given = Content.styled("without its end: ", "$error") + given
        return [
            self._sign(mark),
            line(data.get("prompt") or data.get("name") or "", most=LONGEST),
            line(data.get("expected", ""), most=LONGEST),
            given,
        ]

    def _sign(self, mark: tuple[str, str, str]) -> Content:
        return Content.styled(mark[1] if self._plain else mark[0], mark[2])
