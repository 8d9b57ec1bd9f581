"""Text from outside as widgets may take it: made safe, and as Content, so that no mark-up in it is ever obeyed."""

from __future__ import annotations

import math
import time
from typing import Any

from textual.content import Content

from pipeline.engine.text import safe_text


def shown(value: Any, style: str = "") -> Content:
    """What a file, a model or a server said, every character of it visible."""
    text = safe_text(value if isinstance(value, str) else str(value))
    return Content.styled(text, style) if style else Content(text)


def line(value: Any, style: str = "", most: int | None = None) -> Content:
    """The same on one line: a newline and a tab are glyphs too. `most`: letters after which it ends, for a cell that
    shows the beginning of a text of any length."""
    text = (value if isinstance(value, str) else str(value))[:most]
    return shown(text.replace("\n", "↵").replace("\t", "⇥"), style)


def hung(text: Content, width: int, by: int = 2) -> Content:
    """Every line wrapped to a width, what is wrapped indented: what belongs to a sign stands behind it."""
    between = Content("\n" + " " * by)
    return Content("\n").join(between.join(row.wrap(max(8, width - by))) for row in text.split("\n", allow_blank=True))


def clock(seconds: float | None) -> str:
    """A duration as 0:07, 12:30 or 3:05:00; a dash for none and for what is no duration."""
    if seconds is None or not math.isfinite(seconds):
        return "–"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def moment(t: float) -> str:
    """A time of day, as the clock on the wall has it."""
    try:
        return time.strftime("%H:%M:%S", time.localtime(t))
    except (OverflowError, ValueError, OSError):
        return "–"  # no clock shows that


def figure(value: Any) -> str:
    """A number in at most eight letters, a dash for none."""
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}" if abs(value) < 10**7 else f"{value:.2e}"
    return f"{value:.4g}"


def gib(size: float | None) -> str:
    """Bytes in GiB, absolute; a dash for none."""
    return "–" if size is None else f"{size / 2**30:.2f} GiB"
