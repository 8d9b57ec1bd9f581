"""ASCII mode, in one place: whatever a widget drew, its letters are put into ASCII of the same width on their way out.

Widgets that draw pictures (charts, signs) choose their own ASCII; this is for all the rest: borders, bars, a cut text's
end, what a model said.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from unicodedata import normalize

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

TABLE = str.maketrans(
    {
        **dict.fromkeys("─━═╌╍┄┅┈┉▔‐‑‒–—―−", "-"), **dict.fromkeys("│┃║╎╏┆┇▌▍▎▏▐", "|"),
        **dict.fromkeys("╭╮╰╯┌┐└┘┏┓┗┛├┤┬┴┼╔╗╚╝", "+"), **dict.fromkeys("█▉▊▋▓", "#"), **dict.fromkeys("░▒·•", "."),
        **dict(zip("▁▂▃▄▅▆▇", "_.-=+*%", strict=True)), **dict.fromkeys("‘’‛′", "'"), **dict.fromkeys("“”„″", '"'),
        "▀": '"', "…": "~", "±": "~", "°": " ", "×": "x", "▶": ">", "→": ">", "←": "<", "↑": "^", "▲": "^", "↓": "v",
        "▼": "v", "✓": "+", "✗": "x", "⚠": "!", "↵": "/", "⇥": ">", "🔎": "> ",
    }
)  # fmt: skip
"""A letter -> ASCII that takes as many cells."""


@lru_cache(4096)
def in_ascii(text: str) -> str:
    """The text in ASCII, as many cells wide: accents fall off, and what has no likeness is a question mark a cell."""
    if text.isascii():
        return text
    letters = "".join(map(_letter, text.translate(TABLE)))
    width = cell_len(text)
    return letters[:width].ljust(width)


def _letter(letter: str) -> str:
    if letter.isascii():
        return letter
    width = cell_len(letter)
    likeness = normalize("NFKD", letter).encode("ascii", "ignore").decode("ascii")
    return likeness if len(likeness) == width else "?" * width


class Ascii(LineFilter):
    """Over every line of every widget. The round ends of a scroll bar's thumb are no letters: they are left out."""

    def apply(self, segments: Sequence[Segment], background: Color) -> list[Segment]:  # noqa: ARG002
        return [
            segment if segment.text.isascii() else Segment(_drawn(segment), segment.style, segment.control)
            for segment in segments
        ]


def _drawn(segment: Segment) -> str:
    if segment.style and segment.style.meta.get("@mouse.down"):
        return " " * cell_len(segment.text)
    return in_ascii(segment.text)
