"""Untrusted text made safe to show: what a terminal would obey, or hide, becomes a visible glyph."""

from __future__ import annotations

HIDDEN = (
    (0x00AD, 0x00AD),  # soft hyphen
    (0x034F, 0x034F),  # combining grapheme joiner
    (0x061C, 0x061C),  # Arabic letter mark
    (0x115F, 0x1160),  # Hangul fillers
    (0x17B4, 0x17B5),  # Khmer inherent vowels
    (0x180B, 0x180F),  # Mongolian selectors and vowel separator
    (0x200B, 0x200F),  # zero-width space and joiners, left-to-right and right-to-left marks
    (0x2028, 0x202E),  # line and paragraph separators, bidi embeddings and overrides
    (0x2060, 0x206F),  # word joiner, invisible operators, bidi isolates
    (0x3164, 0x3164),  # Hangul filler
    (0xFEFF, 0xFEFF),  # byte order mark
    (0xFFA0, 0xFFA0),  # halfwidth Hangul filler
    (0xFFF0, 0xFFFB),  # interlinear annotation
    (0x1BCA0, 0x1BCA3),  # shorthand format controls
    (0x1D173, 0x1D17A),  # musical format controls
    (0xE0000, 0xE0FFF),  # tags and the variation selectors' supplement, which can smuggle whole texts
)
"""First and last code point of what Unicode calls default ignorable, with U+2028 and U+2029; the selectors U+FE00 to
U+FE0F are left, for emoji are spelt with them."""


def _glyphs() -> dict[int, str]:
    glyphs = {code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\n\t"}
    glyphs[0x7F] = "\u2421"
    named = (*HIDDEN, (0x80, 0x9F), (0xD800, 0xDFFF))
    return glyphs | {code: f"⟨U+{code:04X}⟩" for first, last in named for code in range(first, last + 1)}


_GLYPHS = _glyphs()


def safe_text(text: str) -> str:
    """`text` with each control, bidi, zero-width and line-breaking character but newline and tab, and each lone
    surrogate, as a visible glyph.

    Every character is judged alone, so a stream may be made safe piece by piece, and safe text stays as it is.
    """
    return text.translate(_GLYPHS)
