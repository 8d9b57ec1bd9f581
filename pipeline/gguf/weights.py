"""The safetensors of an HF directory, mapped into memory: pages come from the file as they are read, and go again."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from pipeline.engine.errors import DataError
from pipeline.engine.rows import read_json

INDEX = "model.safetensors.index.json"
STORED = {"F32": "<f4", "F16": "<f2", "BF16": "<u2"}
"""Type in a safetensors file -> NumPy's; bfloat16, which NumPy lacks, as its bits."""


class Weights:
    """The tensors of a model, in one file or sharded, by name."""

    def __init__(self, source: Path) -> None:
        import numpy as np
        from gguf.utility import LocalTensor, SafetensorsLocal

        index = source / INDEX
        files = sorted(set(read_json(index)["weight_map"].values())) if index.exists() else ["model.safetensors"]
        self._tensors: dict[str, LocalTensor] = {}
        self._files: dict[Path, Any] = {}
        for file in files:
            try:
                found = SafetensorsLocal(source / file).tensors
            except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
                raise _unreadable(source / file, str(error)) from None
            data = self._files[source / file] = np.memmap(source / file, np.uint8, "r")
            if any(tensor.data_range.offset + tensor.data_range.size > len(data) for tensor in found.values()):
                raise _unreadable(source / file, "It is cut off.")
            self._tensors |= found
        if odd := sorted({tensor.dtype for tensor in self._tensors.values()} - STORED.keys()):
            raise DataError(
                f"{source}: the weights are stored as {', '.join(odd)}.",
                f"Known are {', '.join(STORED)}.",
                "Save the model in 16 or 32 bits.",
            )

    @property
    def names(self) -> list[str]:
        """In the order of the layers, however the files are cut."""
        return sorted(self._tensors, key=lambda name: [int(part) if part.isdigit() else part for part in _cut(name)])

    def shape(self, name: str) -> list[int]:
        return list(self._tensors[name].shape)

    def read(self, name: str) -> Any:
        """A NumPy array that reads from the file where it is looked at: float32, float16, or uint16 for bfloat16."""
        tensor = self._tensors[name]
        start, size = tensor.data_range.offset, tensor.data_range.size
        return (
            self._files[tensor.data_range.filename][start : start + size]
            .view(STORED[tensor.dtype])
            .reshape(tensor.shape)
        )


def as_float32(values: Any) -> Any:
    """Any array of `Weights` as float32."""
    import numpy as np

    if values.dtype != np.uint16:
        return values.astype(np.float32)
    wide = np.zeros((*values.shape, 2), np.uint16)
    wide[..., 1] = values  # bfloat16 is the upper half of a float32
    return wide.view("<f4")[..., 0]


def _cut(name: str) -> list[str]:
    return re.split(r"(\d+)", name)


def _unreadable(file: Path, why: str) -> DataError:
    return DataError(f"{file} cannot be read.", why, "The model must be saved as safetensors, every shard whole.")
