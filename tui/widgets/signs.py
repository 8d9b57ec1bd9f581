"""A sign for every state of a run or a step: it tells the state without its colour."""

from __future__ import annotations

from textual.content import Content

STATES = {
    "new": ("·", "$foreground-muted"), "running": ("▶", "$primary"), "waiting": ("◷", "$warning"),
    "stalled": ("!", "$warning"), "done": ("✓", "$success"), "unmet": ("≠", "$warning"), "stopped": ("■", "$warning"),
    "failed": ("✗", "$error"), "died": ("✗", "$error"), "cached": ("=", "$foreground-muted"),
    "edited": ("✗", "$error"), "stale": ("~", "$warning"), "partial": ("…", "$primary"),
    "pending": ("·", "$foreground-muted"), "note": ("·", "$foreground-muted"), "warning": ("!", "$warning"),
    "error": ("✗", "$error"), "fault": ("✗", "$error"),
}  # fmt: skip
"""State or level -> its sign and its colour."""
PLAIN = {"▶": ">", "◷": "w", "✓": "+", "≠": "#", "■": "s", "✗": "x", "·": ".", "…": "-"}
"""The signs in ASCII."""


def sign(state: str, plain: bool = False) -> Content:
    mark, colour = STATES.get(state, ("?", "$warning"))
    return Content.styled(PLAIN.get(mark, mark) if plain else mark, colour)
