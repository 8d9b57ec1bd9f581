from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.engine.errors import DataError, StageFailed
from pipeline.engine.rows import read_json, write_json
from pipeline.stages import merge
from tests.training.rig import Recorder, context_of
from tests.training.tiny_qwen import save_tiny_qwen

ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def make_adapter(model: Path, folder: Path, scale: float = 0.2) -> Path:
    """An adapter whose product is not zero, as a training would leave it."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base = AutoModelForCausalLM.from_pretrained(model)
    torch.manual_seed(3)
    tuned = get_peft_model(base, LoraConfig(r=4, lora_alpha=8, target_modules=ALL, task_type="CAUSAL_LM"))
    for name, parameter in tuned.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=scale)
    tuned.save_pretrained(folder)
    AutoTokenizer.from_pretrained(model).save_pretrained(folder)
    return folder


@pytest.fixture
def given(tmp_path: Path) -> dict[str, Path]:
    model = save_tiny_qwen(tmp_path / "model")
    return {"model": model, "adapter": make_adapter(model, tmp_path / "adapter")}


def logits(model: Any, text: str = "Name three rivers") -> Any:
    import torch

    with torch.inference_mode():
        return model(torch.tensor([list(text.encode())])).logits


def test_the_merged_model_says_what_the_adapter_says(given: dict[str, Path], tmp_path: Path) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

    out = tmp_path / "merged"
    summary = merge.run(context_of(merge.Config(), given, out))
    assert summary["dtype"] == "float32"
    assert summary["max_logit_difference"] < 1e-4 < 0.1 < summary["adapter_effect"]
    base = AutoModelForCausalLM.from_pretrained(given["model"])
    plain = logits(base)
    adapted = logits(PeftModel.from_pretrained(base, given["adapter"]))
    merged = logits(AutoModelForCausalLM.from_pretrained(out))
    assert torch.allclose(merged, adapted, atol=1e-4)
    assert not torch.allclose(merged, plain, atol=1e-2)
    tokenizer = AutoTokenizer.from_pretrained(out)
    assert tokenizer.chat_template == AutoTokenizer.from_pretrained(given["model"]).chat_template
    assert tokenizer.eos_token_id in GenerationConfig.from_pretrained(out).eos_token_id
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= {path.name for path in out.iterdir()}


def test_weights_of_16_bits_stay_so_and_a_lost_adapter_is_told(given: dict[str, Path], tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    half = tmp_path / "half"
    AutoModelForCausalLM.from_pretrained(given["model"]).to(torch.bfloat16).save_pretrained(half)
    AutoTokenizer.from_pretrained(given["model"]).save_pretrained(half)
    recorder = Recorder()
    summary = merge.run(context_of(merge.Config(), {**given, "model": half}, tmp_path / "merged", recorder))
    assert summary["dtype"] == "bfloat16"
    assert AutoModelForCausalLM.from_pretrained(tmp_path / "merged").dtype == torch.bfloat16
    assert not recorder.of("alert")
    faint = make_adapter(given["model"], tmp_path / "faint", scale=1e-4)
    merge.run(context_of(merge.Config(), {"model": half, "adapter": faint}, tmp_path / "lost", recorder))
    assert "much of what it learnt may be lost" in recorder.of("alert")[0]["text"]


def test_a_difference_beyond_the_tolerance_fails_the_step(given: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(StageFailed, match="differs from its adapter"):
        merge.run(context_of(merge.Config(tolerance=0), given, tmp_path / "merged"))


def test_an_adapter_of_another_model_is_refused(given: dict[str, Path], tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    config = AutoModelForCausalLM.from_pretrained(given["model"]).config
    config.intermediate_size = 96
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path / "other")
    AutoTokenizer.from_pretrained(given["model"]).save_pretrained(tmp_path / "other")
    with pytest.raises(DataError, match="does not fit the model"):
        merge.run(context_of(merge.Config(), {**given, "model": tmp_path / "other"}, tmp_path / "merged"))


def test_quantised_weights_are_refused(given: dict[str, Path], tmp_path: Path) -> None:
    config = read_json(given["model"] / "config.json")
    write_json(given["model"] / "config.json", {**config, "quantization_config": {"load_in_4bit": True}})
    with pytest.raises(DataError, match="quantised"):
        merge.run(context_of(merge.Config(), given, tmp_path / "merged"))
