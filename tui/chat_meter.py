"""The line below a chat: what is on its way, how full the context is, the settings that matter most."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textual.content import Content

from tui.text import line
from tui.widgets.score_bars import bar

SHORT = {"temperature": "T", "top_p": "top p", "top_k": "top k", "seed": "seed", "max_tokens": "at most"}


def meter(
    figures: Mapping[str, Any],
    loaded: Mapping[str, Any],
    settings: Mapping[str, Any],
    answering: tuple[float, int] | None,
    room: int,
    plain: bool,
) -> Content:
    """`figures`: of the last answer; `loaded`: the event, empty before it; `answering`: seconds and pieces so far;
    `room`: letters there are."""
    parts = ["RAW: as typed, tags and all"] if settings.get("raw") else []
    if answering and not loaded:
        parts.append("loading")
    elif answering:
        seconds, pieces = answering
        pace = f" · about {pieces / seconds:.0f} tokens/s" if pieces > 1 and seconds > 0 else ""
        parts.append(f"answering, {seconds:.1f} s{pace}")
    used, context = figures.get("used"), figures.get("context") or loaded.get("context")
    if isinstance(context, int) and context > 0:
        known = used if isinstance(used, int) else 0
        parts.append(f"context {bar(known / context, 10, plain)} {known:,} of {context:,}")
    if forgotten := figures.get("forgotten"):
        parts.append(f"{forgotten} turns no longer seen")
    parts += [f"{word} {settings[name]}" for name, word in SHORT.items() if name in settings]
    while len(parts) > 1 and len(" · ".join(parts)) > room:  # whole words or none; F1 on a turn, s: all settings
        parts.pop()
    return line(" · ".join(parts)).truncate(max(1, room), ellipsis=True)
