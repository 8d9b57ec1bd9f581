"""2,000 texts as bad as can be, from a fixed seed, and the terminal's end of the wire, which keeps all it is sent."""

from __future__ import annotations

import random
import re
from typing import Any

from textual.drivers.headless_driver import HeadlessDriver

from pipeline.engine.text import safe_text

COUNT = 2000
LONG = 4
"""Of them so many of a megabyte."""
PIECES = (
    "[INST] a [/INST]", "[/x]", "[b]", "[", "]", "\\[", "[@click=app.quit]x[/]", "[link=file:///etc]y", "$x {y} %s",
    "[red", "\x1b]0;title\x07", "\x1b]52;c;eA==\x07", "\x1b]8;;http://x\x1b\\", "\x1b]0;never ended",
    "\x1bPq never ended",
    "\x1b[2J", "\x1b[?1049l", "\x1bc", "\x1b[6n", "\x1b[31m", "\x1b", "\x9b31m", "\x9d0;t\x9c", "\x85", "\x90",
    "\x00", "\x07", "\x08\x08", "\x0b\x0c", "\r", "\x7f", "\u202e", "\u2066a\u2069", "\u200f", "\ufeff", "\u200b",
    "\u2028", "\u2029", "\ud800", "\udfff", "\u00ad", "\u034f", "\U000e0041", "\ufff9", "e\u0301", 
    "a\u0300\u0316\u0489" * 3,    "\u0e33", "漢字", "ｗｉｄｅ", "👩‍👩‍👧", "🇩🇪", "❤️", "😀🏽", 
    "\t", "\n", "\n\n", "tab\tand\nnewline", "word", "and", "0.5", "",
)  # fmt: skip


def strings() -> list[str]:
    chance = random.Random(6)
    found = ["".join(chance.choice(PIECES) for _ in range(chance.randint(1, 7))) for _ in range(COUNT - LONG)]
    return found + [(piece + "x" * 97) * (1_000_000 // (len(piece) + 97)) for piece in PIECES[10 : 10 + LONG]]


class Wire(HeadlessDriver):
    """Not headless to the app, so that it sends all that a terminal would get."""

    written: list[str]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.written = []

    @property
    def is_headless(self) -> bool:
        return False

    def write(self, data: str) -> None:
        self.written.append(data)

    def flush(self) -> None:
        pass


OURS = re.compile(r"\x1b\[[0-9;]*m|\x1b\[\d+;\d+H|\x1b\[\?2026[hl]|\x1b\[\?2026\$p|\x1b\]22;[a-z-]+\x07")
"""What Textual itself sends: colours, places, the brackets around a frame, and the shape of the pointer."""
BAD = {chr(code) for code in (*range(0x20), *range(0x7F, 0xA0))} - {"\n", "\r"}


def smuggled(written: str) -> set[str]:
    """Characters that a terminal would obey, or hide, in what it was sent."""
    rest = set(OURS.sub("", written))
    return {letter for letter in rest if letter in BAD or (letter not in "\n\r" and safe_text(letter) != letter)}


def glyphs(text: str, *, one_line: bool) -> str:
    """What has to be seen of it, to the last character."""
    return safe_text(text.replace("\n", "↵").replace("\t", "⇥") if one_line else text)
