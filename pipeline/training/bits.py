"""What bitsandbytes can do on the device that is here, found by trying.

Its versions differ in what they do on a CPU, and one built for another CUDA imports well and fails in its first call.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable
from importlib import metadata
from typing import Any


@functools.cache
def no_nf4() -> str:
    """Why no weights can be held in NF4 here and trained through; empty where they can."""
    return _why_not(_try_nf4)


@functools.cache
def no_adamw_8bit() -> str:
    """Why AdamW cannot hold its state in 8 bits here; empty where it can."""
    return _why_not(_try_adamw_8bit)


def nf4(compute_dtype: Any) -> Any:
    """NF4 with doubly quantised constants, multiplied in `compute_dtype`.

    Source: Dettmers et al., QLoRA (2023), section 3.
    """
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=compute_dtype,
    )


def keep_unpacked(model: Any) -> None:
    """Have bitsandbytes leave 4-bit weights as they are on a CPU.

    Version 0.50 lays them out anew for AVX512 in the first forward pass of an evaluation, and from then on no gradient
    passes through them, without a word; and it fails on weights narrower than 64.
    """
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False


def _why_not(attempt: Callable[[str], None]) -> str:
    if importlib.util.find_spec("bitsandbytes") is None:
        return "bitsandbytes is not installed"
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        attempt(device)
    except Exception as error:
        said = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        return f"bitsandbytes {metadata.version('bitsandbytes')} cannot do it on {device}: {said}"
    return ""


def _try_nf4(device: str) -> None:
    """One layer forward and backward, its gradient compared with that of the same weights in full."""
    import torch
    from bitsandbytes.functional import dequantize_4bit
    from bitsandbytes.nn import Linear4bit

    layer = Linear4bit(64, 64, bias=False, compute_dtype=torch.float32, quant_type="nf4").to(device)
    inputs = torch.linspace(-1, 1, 64, device=device)[None].requires_grad_()
    layer(inputs).sum().backward()
    full = dequantize_4bit(layer.weight.data, layer.weight.quant_state).float().sum(0, keepdim=True)
    if inputs.grad is None or not torch.allclose(inputs.grad, full, atol=1e-2):
        raise ArithmeticError("the gradient of a layer in NF4 is wrong")


def _try_adamw_8bit(device: str) -> None:
    """One step on just enough weights for a state in 8 bits."""
    import torch
    from bitsandbytes.optim import AdamW8bit

    weight = torch.nn.Parameter(torch.zeros(4096, device=device))
    weight.grad = torch.ones_like(weight)
    optimizer = AdamW8bit([weight], lr=0.1, weight_decay=0.0)
    optimizer.step()
    if optimizer.state[weight]["state1"].dtype != torch.uint8 or not torch.allclose(
        weight, torch.full_like(weight, -0.1), atol=1e-2
    ):
        raise ArithmeticError("a step of AdamW in 8 bits is wrong")
