from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pipeline.engine.errors import ConfigError
from pipeline.gpt import model as gpt

SMALL = gpt.Shape(2, 2, 16, 32, 64)


def test_750m_has_the_seeds_shape_and_695_million_parameters_on_the_meta_device() -> None:
    shape = gpt.Shape(*gpt.SIZES["750M"], 1024, 50304)
    model = gpt.build(shape, 0, "meta")
    assert next(model.parameters()).device.type == "meta"
    assert model.num_parameters() == shape.parameters()
    assert 694e6 < shape.parameters() < 697e6


@pytest.mark.parametrize("tied", [True, False])
def test_parameters_are_counted_as_the_model_has_them(tied: bool) -> None:
    shape = gpt.Shape(2, 2, 16, 32, 64, tied)
    assert gpt.build(shape, 0).num_parameters() == shape.parameters()


def test_fresh_weights_follow_from_the_seed_and_leave_the_random_state() -> None:
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    first, second, other = (gpt.build(SMALL, seed).transformer.wte.weight for seed in (1, 1, 2))
    assert torch.equal(first, second) and not torch.equal(first, other)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_an_untied_base_is_averaged_once_where_it_becomes_tied(tmp_path: Path) -> None:
    untied = gpt.build(gpt.Shape(1, 2, 16, 32, 64, tie_weights=False), 1)
    untied.save_pretrained(tmp_path)
    tied = gpt.load(tmp_path, tie=True)
    expected = (untied.transformer.wte.weight + untied.lm_head.weight) / 2
    assert torch.equal(tied.lm_head.weight, expected)
    assert tied.lm_head.weight is tied.transformer.wte.weight
    tied.save_pretrained(tmp_path / "tied")
    again = gpt.load(tmp_path / "tied", tie=True)
    assert torch.equal(again.transformer.wte.weight, expected)


def test_a_tied_base_is_copied_where_it_becomes_untied(tmp_path: Path) -> None:
    gpt.build(SMALL, 1).save_pretrained(tmp_path)
    model = gpt.load(tmp_path, tie=False)
    assert model.lm_head.weight is not model.transformer.wte.weight
    assert torch.equal(model.lm_head.weight, model.transformer.wte.weight)


def test_without_biases_they_are_zero_and_frozen_unless_they_say_something() -> None:
    model = gpt.build(SMALL, 1)
    assert gpt.go_without_biases(model) == ""
    assert not any(bias.requires_grad or bias.any() for _, bias in gpt.biases(model))
    model.transformer.ln_f.bias.data += 1
    assert "transformer.ln_f.bias" in gpt.go_without_biases(model)


def test_dropout_is_set_wherever_anything_is_dropped() -> None:
    model = gpt.build(SMALL, 1)
    gpt.set_dropout(model, 0.25)
    assert {module.p for module in model.modules() if isinstance(module, torch.nn.Dropout)} == {0.25}
    assert model.config.attn_pdrop == 0.25


def test_what_is_no_gpt2_is_refused() -> None:
    with pytest.raises(ConfigError, match="no GPT-2"):
        gpt.read_shape({"model_type": "qwen3"})
    with pytest.raises(ConfigError, match="no multiple of n_head"):
        gpt.build(gpt.Shape(1, 3, 16, 32, 64), 0)
