"""What a person may set for the screen, in `settings.toml` of their own folder: the bell and the webhook."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import ValidationError, field_validator

from pipeline.engine.settings import Settings


class Preferences(Settings):
    bell: bool = True
    """Ring the terminal's bell when a run ends, fails, or waits for long."""
    webhook: str = ""
    """Address that is sent the same news as JSON, by POST, while the screen is open; empty: none."""

    @field_validator("webhook")
    @classmethod
    def _an_address(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("an address that begins with http:// or https:// is needed")
        return value


def read_preferences(path: Path) -> tuple[Preferences, str]:
    """What stands there, and what is wrong with it, in words; the defaults where it cannot be used."""
    try:
        return Preferences.model_validate(tomllib.loads(path.read_text("utf-8"))), ""
    except FileNotFoundError:
        return Preferences(), ""
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        return Preferences(), f"{path} is not used: {faults}"
    except (OSError, ValueError) as error:
        return Preferences(), f"{path} is not used: {error}"
