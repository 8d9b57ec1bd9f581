"""A line to write in that shows what it holds as glyphs: Input alone would send an escape to the terminal as it is."""

from __future__ import annotations

from rich.text import Text
from textual.widgets import Input

from pipeline.engine.text import safe_text


class Entry(Input):
    """Its value is kept to the letter; only what is drawn is made safe, one glyph for each letter."""

    @property
    def _value(self) -> Text:
        glyphs = (safe_text({"\n": "↵", "\t": "⇥"}.get(letter, letter)) for letter in self.value)
        drawn = "".join(glyph if len(glyph) == 1 else "�" for glyph in glyphs)
        return Text(drawn, no_wrap=True, overflow="ignore", end="")
