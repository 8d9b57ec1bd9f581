"""What a loaded file says of itself, read out of llama.cpp's buffers."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any


def read_metadata(api: Any, model: Any) -> dict[str, str]:
    """Every key of the file but its arrays, as text."""
    return {
        read_text(api.llama_model_meta_key_by_index, model, index): read_text(
            api.llama_model_meta_val_str_by_index, model, index
        )
        for index in range(api.llama_model_meta_count(model))
    }


def read_text(ask: Callable[..., int], *of: Any) -> str:
    """What a function of llama.cpp writes into a buffer; it returns the length that it would need."""
    room = 1024
    while True:
        buffer = ctypes.create_string_buffer(room)
        needed = ask(*of, buffer, room)
        if needed < room:
            return buffer.value.decode("utf-8", "replace")
        room = needed + 1
