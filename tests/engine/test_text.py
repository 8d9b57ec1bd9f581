from __future__ import annotations

import random
import unicodedata

from pipeline.engine.text import safe_text

EVERY = [chr(code) for code in range(0x110000)]
BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"
ZERO_WIDTH = "\u200b\u200c\u200d\u2060\u2061\u2062\u2063\u2064\ufeff\u00ad\u034f\u180e\u3164\U000e0041\U000e0101"


def test_controls_become_visible() -> None:
    assert safe_text("\x1b[31mred\x07\r\x7f\x00") == "␛[31mred␇␍␡␀"
    assert safe_text("\x9b31m\x85") == "⟨U+009B⟩31m⟨U+0085⟩"
    assert safe_text("a\u202eb\u2028c\ud800d\u200de") == "a⟨U+202E⟩b⟨U+2028⟩c⟨U+D800⟩d⟨U+200D⟩e"


def test_nothing_that_a_terminal_obeys_or_hides_is_left() -> None:
    for character in EVERY:
        shown = safe_text(character)
        if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") and character not in "\n\t":
            assert shown.isprintable(), repr(character)
            assert shown != character
    for character in BIDI + ZERO_WIDTH:
        assert safe_text(character).isprintable(), repr(character)


def test_what_can_be_read_is_left_alone() -> None:
    text = "Plain text,\n\ttabs; Grüße, Ελληνικά, Русский, עברית, العربية, हिन्दी, 日本語, 한국어, 🙂🇪🇺❤️ ∑∫ ½ “q”…"
    assert safe_text(text) == text
    for character in EVERY:
        if unicodedata.category(character)[0] in "LNPS" and character not in "\u115f\u1160\u3164\uffa0":
            assert safe_text(character) == character


def test_every_result_can_be_written_and_is_safe_already() -> None:
    shown = safe_text("".join(EVERY))
    shown.encode("utf-8")
    assert safe_text(shown) == shown


def test_pieces_of_a_stream_give_what_the_whole_gives() -> None:
    chance = random.Random("pieces")
    hidden = [character for character in EVERY if safe_text(character) != character]
    text = "".join(chance.choice(hidden if chance.random() < 0.5 else EVERY) for _ in range(2000))
    whole = safe_text(text)
    for _ in range(20):
        cuts = sorted(chance.sample(range(len(text)), 300))
        pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
        assert "".join(map(safe_text, pieces)) == whole
