from __future__ import annotations

from typing import Any

import pytest

from pipeline.engine.errors import DataError
from pipeline.tasks.estimate.shape import read_shape
from tests.tasks.estimate.tiny import ALL, QWEN3_8B, configured, shape_of, tuned

torch = pytest.importorskip("torch")


@pytest.mark.parametrize(
    ("family", "changes"),
    [
        ("qwen3", {}),
        ("qwen3", {"tie_word_embeddings": True, "attention_bias": True}),
        ("qwen2", {}),
        ("llama", {}),
        ("llama", {"attention_bias": True, "mlp_bias": True, "head_dim": 24}),
    ],
)
def test_parameters_are_those_of_the_real_model(family: str, changes: dict[str, Any]) -> None:
    config = configured(family, **changes)
    shape = shape_of(config)
    for modules in (ALL, frozenset({"q_proj", "v_proj"}), frozenset({"down_proj"})):
        parameters = list(tuned(config, modules, rank=5).parameters())
        trainable = sum(entry.numel() for entry in parameters if entry.requires_grad)
        assert shape.adapter(5, modules) == trainable
        assert shape.linear() + shape.rest() == sum(entry.numel() for entry in parameters) - trainable


def test_qwen3_8b_with_an_adapter_of_rank_16() -> None:
    shape = read_shape(QWEN3_8B)
    assert shape.adapter(16, ALL) == 43_646_976
    with torch.device("meta"):
        parameters = list(tuned(configured("qwen3", **QWEN3_8B), ALL, rank=16).parameters())
    assert sum(entry.numel() for entry in parameters if entry.requires_grad) == 43_646_976
    assert shape.linear() + shape.rest() + 43_646_976 == sum(entry.numel() for entry in parameters)


@pytest.mark.parametrize(
    ("config", "word"),
    [
        ({**QWEN3_8B, "model_type": "gpt2"}, "gpt2"),
        ({**QWEN3_8B, "hidden_size": "4096"}, "hidden_size"),
        ({**QWEN3_8B, "num_hidden_layers": -1}, "num_hidden_layers"),
        ({**QWEN3_8B, "vocab_size": True}, "vocab_size"),
        ({"model_type": ["qwen3"]}, "qwen3"),
        ([], "None"),
    ],
)
def test_a_config_without_a_known_shape_is_an_error(config: Any, word: str) -> None:
    with pytest.raises(DataError, match=word):
        read_shape(config)
