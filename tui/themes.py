"""Themes of our own: two plain ones, one for the colour-blind (Okabe and Ito's palette), one without colour."""

from __future__ import annotations

from textual.theme import Theme

THEMES = (
    Theme("night", primary="#7aa2f7", secondary="#9d7cd8", accent="#e0af68", success="#9ece6a", warning="#e0af68",
          error="#f7768e", foreground="#c8d0e8", background="#15161e", surface="#1a1b26", panel="#24283b", dark=True),
    Theme("day", primary="#2e5bb8", secondary="#7847bd", accent="#9c5b00", success="#33700f", warning="#8f5e00",
          error="#b3213a", foreground="#23262f", background="#f5f5f2", surface="#ffffff", panel="#e6e6e1", dark=False),
    Theme("okabe-ito", primary="#56b4e9", secondary="#cc79a7", accent="#f0e442", success="#009e73", warning="#e69f00",
          error="#d55e00", foreground="#e8e8e8", background="#101010", surface="#181818", panel="#262626", dark=True),
    Theme("grey", primary="#d0d0d0", secondary="#b0b0b0", accent="#ffffff", success="#d0d0d0", warning="#e8e8e8",
          error="#ffffff", foreground="#d0d0d0", background="#000000", surface="#0c0c0c", panel="#1c1c1c", dark=True),
)  # fmt: skip
NAMES = tuple(theme.name for theme in THEMES)
SERIES = ("$primary", "$accent", "$success", "$secondary", "$error", "$warning")
"""Colours of lines in a chart, in turn; each has a sign of its own beside it, so that none is told by colour alone."""
