"""Whether a context fits into memory, asked before llama.cpp takes it: Linux would say yes and then end a process."""

from __future__ import annotations

from typing import Any

import psutil

from pipeline.engine.errors import DataError

CELL_BYTES = 2
"""Of a key's or value's element: llama.cpp keeps them as f16 unless told otherwise."""


class ContextFull(DataError):
    """The prompt and the room asked for an answer do not fit into the context."""


def context_bytes(api: Any, model: Any, metadata: dict[str, str], context: int) -> int:
    """Bytes of the keys and values of a full context: layers x tokens x KV heads x (key + value width) x 2.

    0 where it is not known: of models with a sliding window, which keep less, and of those without attention.
    """
    heads, width = int(api.llama_model_n_head(model)), int(api.llama_model_n_embd(model))
    if heads <= 0 or api.llama_model_n_swa(model) > 0:
        return 0
    name = metadata.get("general.architecture", "")
    key, value = (int(metadata.get(f"{name}.attention.{which}_length", width // heads)) for which in ("key", "value"))
    cells = int(api.llama_model_n_layer(model)) * context * max(0, int(api.llama_model_n_head_kv(model)))
    return cells * (key + value) * CELL_BYTES


def check_room(needed: int, path: str, context: int) -> None:
    """Raise DataError where that many bytes are not free in this machine's memory."""
    free = psutil.virtual_memory().available
    if needed > free:
        raise DataError(
            f"{path} cannot be given a context of {context} tokens.",
            f"It would take {needed / 1e9:.1f} GB of memory, and {free / 1e9:.1f} GB are free.",
            "Ask for a shorter context, or free memory.",
        )
