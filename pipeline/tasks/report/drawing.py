"""How the report's pictures are drawn: inline SVG, text in the page's colour, series in those of the style sheet.

So one file is readable on light, on dark and on paper. Shape and line tell series apart where colour does not.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

from pipeline.engine.text import safe_text

INK = "#010203"
"""Stands for the page's text colour until the SVG is written."""
SERIES = ("#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Okabe and Ito's palette, Color Universal Design (2008): apart for every kind of colour vision."""
MARKERS = ("s", "o", "^", "D", "v", "P")
LONGEST_NAME = 28


def short(name: str) -> str:
    """A name as a picture has room for it."""
    name = " ".join(safe_text(name).split())
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


@contextmanager
def style() -> Iterator[None]:
    """Lines and letters of every figure."""
    import matplotlib

    options = {
        "svg.fonttype": "none",
        "svg.hashsalt": "report",
        "text.parse_math": False,
        "font.family": "sans-serif",
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    inked = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color")
    with matplotlib.rc_context({**options, **dict.fromkeys(inked, INK)}):
        yield


def svg_of(figure: Any, name: str, label: str) -> str:
    """The figure as one `<svg>` element whose ids no other figure of the page has."""
    buffer = io.StringIO()
    empty = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # text stays text, so the reader's own fonts draw it
        figure.savefig(buffer, format="svg", transparent=True, metadata=empty)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", svg)
    svg = svg.replace(INK, "currentColor")
    for number, colour in enumerate(SERIES):
        svg = svg.replace(colour, f"var(--series-{number})")
    return svg.replace("<svg ", f'<svg role="img" aria-label="{escape(safe_text(label))}" ', 1)
