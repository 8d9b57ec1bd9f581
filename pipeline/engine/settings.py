"""Settings: the base of every Config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """Frozen; an unknown key is an error; the docstring under a field is its description."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=True, allow_inf_nan=False
    )

    @classmethod
    def spell_out(cls, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """The settings as given, with what a file among them holds. Raises ValueError for a file of no use."""
        return given


def aside(default: Any, **limits: Any) -> Any:
    """A setting that does not change the result (workers, device, logging): the fingerprint leaves it out."""
    return Field(default, json_schema_extra={"aside": True}, **limits)
