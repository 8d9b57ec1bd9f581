from __future__ import annotations

from typing import Any

import pytest

from pipeline.commands.doctor import torch_and_gpu

CUDA = {
    "version": "2.13.0",
    "cuda": "12.8",
    "available": True,
    "archs": ["sm_80", "sm_90", "sm_120"],
    "capability": [12, 0],
}


@pytest.mark.parametrize(
    ("gpu", "torch", "state", "said"),
    [
        ("RTX 5070 Ti", CUDA, "good", ""),
        (
            "RTX 5070 Ti",
            {**CUDA, "cuda": None, "available": False, "archs": [], "capability": None},
            "broken",
            "CPU build",
        ),
        ("RTX 5070 Ti", {**CUDA, "archs": ["sm_80", "sm_90"]}, "broken", "too old for a GPU of sm_120"),
        ("RTX 5070 Ti", {**CUDA, "available": False, "capability": None}, "broken", "cannot use the GPU"),
        ("", {**CUDA, "cuda": None, "available": False, "archs": [], "capability": None}, "good", "GPU: none"),
        ("", None, "missing", "not installed"),
        ("", {"error": "ImportError: libfoo"}, "broken", "libfoo"),
    ],
)
def test_torch_and_gpu(gpu: str, torch: dict[str, Any] | None, state: str, said: str) -> None:
    row = torch_and_gpu(gpu, torch)[0]
    assert row["state"] == state and said in row["found"]
    assert row["mend"] or row["state"] == "good"
