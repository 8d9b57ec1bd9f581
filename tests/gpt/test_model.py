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


def test_the_gelu_in_one_kernel_is_the_one_the_config_names() -> None:
    from transformers import GPT2LMHeadModel

    ours = gpt.build(SMALL, 1).eval()
    theirs = GPT2LMHeadModel(ours.config).eval()
    theirs.load_state_dict(ours.state_dict())
    ids = torch.arange(32)[None]
    assert type(ours.transformer.h[0].mlp.act) is not type(theirs.transformer.h[0].mlp.act)
    torch.testing.assert_close(ours(ids).logits, theirs(ids).logits, rtol=0, atol=1e-6)


def test_a_base_with_another_activation_keeps_it(tmp_path: Path) -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(**SMALL.describe(), activation_function="relu", bos_token_id=None, eos_token_id=None)
    GPT2LMHeadModel(config).save_pretrained(tmp_path)
    assert isinstance(gpt.load(tmp_path, tie=True).transformer.h[0].mlp.act, torch.nn.ReLU)


def test_fresh_weights_are_as_wide_as_gpt2s_at_its_widths_and_wider_in_a_narrow_model() -> None:
    width = {size: gpt.Shape(*shape, 1024, 50304).starts() for size, shape in gpt.SIZES.items()}
    assert width["124M"] == pytest.approx(0.0228, abs=1e-4) and width["750M"] == pytest.approx(0.0177, abs=1e-4)
    weight = gpt.build(gpt.Shape(1, 2, 128, 64, 512), 1).transformer.h[0].attn.c_attn.weight
    assert float(weight.detach().std()) == pytest.approx(width["tiny"], rel=0.02)
