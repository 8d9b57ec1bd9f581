"""ASCII of the same width for whatever there is."""

from __future__ import annotations

import pytest
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.color import Color

from tests.tui.poison import strings
from tui.plain import TABLE, Ascii, in_ascii


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("plain", "plain"), ("caf\u00e9 \u2026", "cafe ~"), ("\u6f22\u5b57", "????"), ("\u256d\u2500\u256e\u2502", "+-+|"),
     ("\u2588\u2588\u2591", "##."), ("\ufb01", "?"), ("\u2460", "1"), ("a\u0301\u0316", "a")],
)  # fmt: skip
def test_a_likeness_or_a_question_mark(text: str, wanted: str) -> None:
    assert in_ascii(text) == wanted


def test_every_text_keeps_its_width() -> None:
    for text in [*strings()[:500], *map(chr, TABLE)]:
        assert in_ascii(text).isascii() and (text.isascii() or len(in_ascii(text)) == cell_len(text)), ascii(text)


def test_the_round_ends_of_a_scroll_bar_are_left_out() -> None:
    style = Style(meta={"@mouse.down": "grab"})
    drawn = Ascii().apply([Segment("\u2585", style), Segment("\u2585"), Segment("as is")], Color(0, 0, 0))
    assert [segment.text for segment in drawn] == [" ", "+", "as is"] and drawn[0].style is style
