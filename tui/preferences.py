"""What a person may set for the screen, in `settings.toml` of their own folder: the bell and the webhook.

No pydantic for two values: it would take a third of the time to the first paint.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Preferences:
    bell: bool = True
    """Ring the terminal's bell when a run ends, fails, or waits for long."""
    webhook: str = ""
    """Address that is sent the same news as JSON, by POST, while the screen is open; empty: none."""


def read_preferences(path: Path) -> tuple[Preferences, str]:
    """What stands there, and what is wrong with it, in words; the defaults where it cannot be used."""
    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return Preferences(), ""
    except (OSError, ValueError) as error:
        return Preferences(), f"{path} is not used: {error}"
    if fault := "; ".join(_faults(found)):
        return Preferences(), f"{path} is not used: {fault}"
    return Preferences(**found), ""


def _faults(found: Mapping[str, Any]) -> list[str]:
    known = [field.name for field in fields(Preferences)]
    faults = [f"{name}: there is no such setting, only {' and '.join(known)}" for name in found if name not in known]
    if not isinstance(found.get("bell", True), bool):
        faults.append("bell: true or false is needed")
    webhook = found.get("webhook", "")
    if not isinstance(webhook, str) or (webhook and not webhook.startswith(("http://", "https://"))):
        faults.append("webhook: an address that begins with http:// or https:// is needed")
    return faults
