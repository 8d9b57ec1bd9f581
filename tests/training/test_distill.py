from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.training.distill import encode, features, load_frozen
from pipeline.training.template import ChatTemplate
from tests.training.tiny_qwen import save_tiny_qwen

ASKED = [{"role": "user", "content": "Name three rivers, please."}]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_qwen(tmp_path_factory.mktemp("model"))


def test_a_text_is_encoded_as_a_policy_writes_it(folder: Path) -> None:
    template = ChatTemplate(folder)
    prompt, completion = encode(template, ASKED, " the a ", "rivers\n")
    assert template.decode(prompt) == template.prompt(ASKED, thinking=True)
    assert template.decode(completion) == "<think>\nthe a\n</think>\n\nrivers"
    assert template.decode(encode(template, ASKED, "", "rivers")[1]) == "rivers"
    assert encode(template, ASKED, "", "")[1] == []


def test_features_are_means_and_the_last_state(folder: Path) -> None:
    import torch

    template, model = ChatTemplate(folder), load_frozen(folder, False)
    texts = [encode(template, ASKED, "", answer) for answer in ("the a of and to in", "is it", "")]
    found = features(model, texts)
    assert found.shape == (3, 3 * 32) and found.dtype == np.float32
    for row, (prompt, completion) in zip(found, texts, strict=True):
        with torch.no_grad():
            states = model(torch.tensor([[*prompt, *completion]]), output_hidden_states=True).hidden_states[-1][0]
        after = states[len(prompt) :].mean(dim=0) if completion else torch.zeros(32)
        expected = torch.cat([states[: len(prompt)].mean(dim=0), after, states[-1]])
        assert np.abs(row - expected.numpy()).max() < 1e-5


def test_adapters_are_off_and_stay_as_they_were(folder: Path) -> None:
    import torch
    from peft import LoraConfig, get_peft_model

    texts = [encode(ChatTemplate(folder), ASKED, "", "the a of")]
    plain = features(load_frozen(folder, False), texts)
    model = get_peft_model(load_frozen(folder, False), LoraConfig(r=4, lora_dropout=0.5, target_modules=["q_proj"]))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.fill_(0.5)
    ids = torch.tensor([[*texts[0][0], *texts[0][1]]])
    model.eval()
    adapted = model(ids).logits
    assert (adapted - load_frozen(folder, False)(ids).logits).abs().max() > 0.1
    model.train()
    assert np.array_equal(features(model, texts), plain)
    assert model.training
    model.eval()
    assert torch.equal(model(ids).logits, adapted)
