from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.stages import sft
from pipeline.training.bits import no_adamw_8bit, no_nf4
from pipeline.training.generate import Sampling, generate
from pipeline.training.load import load
from tests.training.rig import context_of
from tests.training.tiny_qwen import save_tiny_qwen


def test_bitsandbytes_does_here_what_the_other_tests_rest_on() -> None:
    assert (no_nf4(), no_adamw_8bit()) == ("", "")


def gradients(model: Any) -> dict[str, Any]:
    import torch

    model.zero_grad()
    model(input_ids=torch.arange(20)[None], labels=torch.arange(20)[None]).loss.backward()
    return {name: entry.grad.clone() for name, entry in model.named_parameters() if entry.grad is not None}


def test_an_evaluation_in_between_changes_no_gradient(given: dict[str, Path], tmp_path: Path) -> None:
    """Left alone, bitsandbytes lays its weights out anew for a processor with AVX512: no gradient from then on."""
    import torch
    from peft import get_peft_model

    context = context_of(sft.Config(backend="standard"), given, tmp_path / "out")
    loaded = load(context, given["model"], "standard")
    assert loaded.model.is_loaded_in_4bit and context.effective == {}
    model = get_peft_model(loaded.model, loaded.adapter).train()
    before = gradients(model)
    assert len(before) == 2 * 2 * 7  # A and B of seven modules in two layers
    with torch.no_grad():
        model.eval()(input_ids=torch.arange(20)[None])
    after = gradients(model.train())
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("width", [32, 64])
def test_answers_are_drawn_from_a_model_in_4_bits(width: int, tmp_path: Path) -> None:
    """However narrow it is; and other weights give other answers, so that it is in 4 bits indeed."""
    model = save_tiny_qwen(tmp_path / "model", width=width)
    asked = [[{"role": "user", "content": "Name three rivers, please."}]]
    sampling = Sampling(max_new_tokens=24, temperature=0)
    whole, small = (
        generate(model, asked, sampling, seed=1, batch_size=1, in_4bit=in_4bit)[0][0] for in_4bit in (False, True)
    )
    assert small.tokens > 0 and small.text != whole.text
