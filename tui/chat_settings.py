"""The settings of a chat as lines to write in: `name = value`, the value as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def written(settings: Mapping[str, Any]) -> str:
    """One setting a line."""
    return "\n".join(f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in settings.items())


def read_settings(before: str, after: str) -> dict[str, Any]:
    """Those whose line was changed. A value that is no JSON is a text."""
    changed: dict[str, Any] = {}
    for text in after.splitlines():
        name, equals, value = (part.strip() for part in text.partition("="))
        if equals and text not in before.splitlines():
            try:
                changed[name] = json.loads(value)
            except ValueError:
                changed[name] = value
    return changed
