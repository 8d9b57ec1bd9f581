from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from pipeline.engine.errors import DataError
from pipeline.gguf.convert import Kind, convert
from tests.gguf.tiny import save_tiny_model

HF_OF_BLOCK = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
HF_OF = {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight"} | {
    f"blk.{layer}.{ours}.weight": f"model.layers.{layer}.{theirs}.weight"
    for layer in range(2)
    for ours, theirs in HF_OF_BLOCK.items()
}


def read_tensors(path: Path) -> dict[str, tuple[str, Any]]:
    """Name -> (type, values as float32) of every tensor in the file."""
    values = {}
    for tensor in gguf.GGUFReader(path).tensors:
        shape = tuple(int(size) for size in reversed(tensor.shape))
        decoded = gguf.quants.dequantize(np.array(tensor.data), tensor.tensor_type).reshape(shape)
        values[tensor.name] = (tensor.tensor_type.name, decoded)
    return values


def changed(source: Path, folder: Path, **settings: Any) -> Path:
    shutil.copytree(source, folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8")) | settings
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


@pytest.mark.parametrize("kind", ["F32", "F16", "BF16", "Q8_0"])
def test_every_tensor_reads_back_as_it_was(tiny: Path, tmp_path: Path, kind: Kind) -> None:
    convert(tiny, tmp_path / "a.gguf", kind)
    weights, tensors = load_file(tiny / "model.safetensors"), read_tensors(tmp_path / "a.gguf")
    assert set(tensors) == set(HF_OF)
    for name, (stored, values) in tensors.items():
        theirs = weights[HF_OF[name]].float()
        if theirs.ndim == 1:
            assert stored == "F32"
            assert np.array_equal(values, theirs.numpy()), name
            continue
        assert stored == kind
        if kind == "Q8_0":
            blocks = theirs.reshape(-1, 32)
            step = blocks.abs().amax(dim=1, keepdim=True) / 127
            assert torch.all((torch.from_numpy(values).reshape(-1, 32) - blocks).abs() <= step * 0.6), name
        else:
            exact = theirs.to({"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}[kind]).float()
            assert np.array_equal(values, exact.numpy()), name


def test_an_untied_model_keeps_its_output_and_bf16_goes_out_bit_for_bit(wide: Path, tmp_path: Path) -> None:
    convert(wide, tmp_path / "a.gguf", "BF16")
    weights, tensors = load_file(wide / "model.safetensors"), read_tensors(tmp_path / "a.gguf")
    assert set(tensors) == {*HF_OF, "output.weight"}
    for name, (_, values) in tensors.items():
        assert np.array_equal(values, weights[HF_OF.get(name, "lm_head.weight")].float().numpy()), name
    assert not np.array_equal(tensors["output.weight"][1], tensors["token_embd.weight"][1])


def test_metadata(plain: Path) -> None:
    fields = {name: field.contents() for name, field in gguf.GGUFReader(plain).fields.items()}
    assert fields["general.architecture"] == "qwen3"
    assert fields["general.name"] == "tiny"
    assert fields["general.base_model.0.name"] == "nobody/nothing"
    assert fields["general.license"] == "mit"
    assert fields["general.file_type"] == gguf.LlamaFileType.MOSTLY_F16
    assert (fields["training_cockpit.run"], fields["training_cockpit.artifact"]) == ("r1", "sft-1")
    assert fields["qwen3.block_count"] == 2
    assert fields["qwen3.context_length"] == 512
    assert fields["qwen3.embedding_length"] == 128
    assert fields["qwen3.feed_forward_length"] == 256
    assert (fields["qwen3.attention.head_count"], fields["qwen3.attention.head_count_kv"]) == (4, 2)
    assert fields["qwen3.attention.key_length"] == fields["qwen3.attention.value_length"] == 64
    assert fields["qwen3.attention.layer_norm_rms_epsilon"] == pytest.approx(1e-5)
    assert fields["qwen3.rope.freq_base"] == 20000.0
    assert (fields["tokenizer.ggml.model"], fields["tokenizer.ggml.pre"]) == ("gpt2", "qwen2")


def test_shards_make_the_same_bytes_as_one_file(tiny: Path, tmp_path: Path) -> None:
    sharded = save_tiny_model(tmp_path / "sharded", shards=3)
    assert len(list(sharded.glob("*.safetensors"))) >= 3
    convert(tiny, tmp_path / "one.gguf", "F16")
    convert(sharded, tmp_path / "many.gguf", "F16")
    assert (tmp_path / "one.gguf").read_bytes() == (tmp_path / "many.gguf").read_bytes()


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"model_type": "gemma"}, "gemma"),
        ({"attention_bias": True}, "attention_bias"),
        ({"rope_parameters": {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 4.0}}, "dynamic"),
        ({"rope_parameters": {"rope_type": "yarn", "rope_theta": 1e4, "factor": 4.0}}, "original_max"),
        ({"quantization_config": {"load_in_4bit": True}}, "quantization_config"),
        ({"num_key_value_heads": None}, "num_key_value_heads"),
    ],
)
def test_a_model_that_llama_cpp_would_run_otherwise_is_refused(
    tiny: Path, tmp_path: Path, settings: dict[str, Any], named: str
) -> None:
    source = changed(tiny, tmp_path / "odd", **settings)
    with pytest.raises(DataError, match=named):
        convert(source, tmp_path / "a.gguf", "F16")
    assert not list(tmp_path.glob("a.gguf*"))


def change_weights(source: Path, folder: Path, **tensors: torch.Tensor | None) -> Path:
    shutil.copytree(source, folder)
    weights = {**load_file(source / "model.safetensors"), **tensors}
    save_file({name: one for name, one in weights.items() if one is not None}, folder / "model.safetensors")
    return folder


@pytest.mark.parametrize(
    ("tensors", "named"),
    [
        ({"model.norm.weight": torch.tensor([float("nan")] * 128)}, "model.norm.weight"),
        ({"model.layers.1.mlp.up_proj.weight": torch.full((256, 128), 1e6)}, "up_proj.*F16"),
        ({"model.norm.weight": None}, "output_norm.weight"),
        ({"base_model.model.q_proj.lora_A.weight": torch.zeros(2, 2)}, "lora_A"),
    ],
)
def test_weights_that_cannot_be_right_are_refused(
    tiny: Path, tmp_path: Path, tensors: dict[str, torch.Tensor | None], named: str
) -> None:
    source = change_weights(tiny, tmp_path / "odd", **tensors)
    with pytest.raises(DataError, match=named):
        convert(source, tmp_path / "a.gguf", "F16")
    assert not list(tmp_path.glob("a.gguf*"))


def test_a_missing_or_torn_weight_file_is_named(tiny: Path, tmp_path: Path) -> None:
    source = tmp_path / "torn"
    shutil.copytree(tiny, source)
    weights = source / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(DataError, match=r"model\.safetensors"):
        convert(source, tmp_path / "a.gguf", "F16")
    weights.unlink()
    with pytest.raises(DataError, match=r"model\.safetensors"):
        convert(source, tmp_path / "a.gguf", "F16")
