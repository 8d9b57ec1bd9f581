"""What a person may set in a chat, before it and in the middle of it."""

from __future__ import annotations

from typing import Any

from pydantic import Field, ValidationError

from pipeline.engine.errors import ConfigError
from pipeline.engine.presets import nearest
from pipeline.engine.settings import Settings


class ChatSettings(Settings):
    system: str = ""
    """The system prompt; empty: none. A change is seen from the next message on."""
    thinking: bool = True
    """Whether the model may think first, where its chat template knows how to ask for it."""
    raw: bool = False
    """Send each message as it stands, without a chat template and without the turns before it: for models that are
    spoken to in tags, such as <myPT_user>Hello</myPT_user><myPT_assistant>. A GGUF file only."""
    temperature: float = Field(0.6, ge=0, le=2)
    """0 takes the likeliest token every time."""
    top_p: float = Field(0.95, gt=0, le=1)
    """Only the likeliest tokens that together have this probability are drawn from."""
    top_k: int = Field(20, ge=0)
    """Only so many of the likeliest tokens are drawn from; 0: no such limit."""
    min_p: float = Field(0.0, ge=0, le=1)
    """Only tokens at least so likely, as a share of the likeliest, are drawn from."""
    max_tokens: int = Field(1024, ge=1)
    """Longest answer in tokens, thought included."""
    seed: int = Field(0, ge=0, lt=2**32)
    """The same conversation with the same seed gets the same answers, on the same machine."""
    context: int = Field(0, ge=0)
    """Tokens that prompt and answer may take together. A GGUF file: 0 is what it was trained with, at most 4096. A
    server: for the figures alone, since no server says what it has; 0 is unknown."""
    idle: float = Field(0.0, ge=0)
    """Seconds without a message after which a GGUF file's memory is given back until the next one; 0: never."""


def change(settings: ChatSettings, given: dict[str, Any]) -> ChatSettings:
    """The settings with some of them changed; a text is read as what the setting needs. Raises ConfigError."""
    try:
        return ChatSettings.model_validate({**settings.model_dump(exclude_unset=True), **given})
    except ValidationError as error:
        faults = []
        for fault in error.errors():
            name = str(fault["loc"][0]) if fault["loc"] else ""
            if fault["type"] == "extra_forbidden":
                faults.append(f"There is no setting `{name}`{nearest(name, ChatSettings.model_fields)}")
            else:
                faults.append(f"`{name}`: {fault['msg'][0].lower()}{fault['msg'][1:]}, not {fault['input']!r}")
        raise ConfigError("\n".join(faults), "", f"Settings: {', '.join(ChatSettings.model_fields)}.") from None
