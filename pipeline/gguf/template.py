"""Chat templates, rendered as transformers renders them, in a sandbox: the template of a file is untrusted."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pipeline.engine.errors import DataError

Message = Mapping[str, Any]
"""`role` and `content`."""


def render(
    template: str,
    messages: Sequence[Message],
    *,
    thinking: bool = True,
    turn: bool = True,
    bos: str = "",
    eos: str = "",
) -> str:
    """The prompt for `messages`; with `turn` it ends where the assistant's next turn begins.

    Raises DataError where the template is broken, refuses the messages, or reaches for what the sandbox forbids.
    """
    from jinja2 import TemplateError
    from jinja2.ext import loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def raise_exception(message: str) -> None:
        raise TemplateError(message)

    def tojson(value: Any, **options: Any) -> str:
        return json.dumps(value, **{"ensure_ascii": False, **options})

    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
    environment.filters["tojson"] = tojson
    environment.globals["raise_exception"] = raise_exception
    environment.globals["strftime_now"] = lambda form: datetime.now().strftime(form)
    try:
        return environment.from_string(template).render(
            messages=[dict(message) for message in messages],
            tools=None,
            documents=None,
            add_generation_prompt=turn,
            enable_thinking=thinking,
            bos_token=bos,
            eos_token=eos,
        )
    except Exception as error:  # whatever a template can be made to raise, the template is at fault
        raise DataError(
            "The chat template cannot be rendered.",
            f"{type(error).__name__}: {error}",
            "Mend chat_template.jinja of the model and export it again.",
        ) from None
