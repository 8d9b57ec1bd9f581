from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.engine.errors import DataError, StageFailed
from pipeline.engine.rows import read_json, write_json
from pipeline.engine.stage import PlanContext
from pipeline.stages import merge
from tests.training.rig import Recorder, context_of
from tests.training.tiny_qwen import save_tiny_qwen

ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def inputs_of(model: Path, *adapters: Path) -> dict[str, Any]:
    return {"model": model, "adapter": {adapter.name: adapter for adapter in adapters}}


def make_adapter(model: Path, folder: Path, scale: float = 0.2, rank: int = 4, seed: int = 3) -> Path:
    """An adapter whose product is not zero, as a training would leave it."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base = AutoModelForCausalLM.from_pretrained(model)
    torch.manual_seed(seed)
    tuned = get_peft_model(base, LoraConfig(r=rank, lora_alpha=8, target_modules=ALL, task_type="CAUSAL_LM"))
    for name, parameter in tuned.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=scale)
    tuned.save_pretrained(folder)
    AutoTokenizer.from_pretrained(model).save_pretrained(folder)
    return folder


@pytest.fixture
def given(tmp_path: Path) -> dict[str, Any]:
    model = save_tiny_qwen(tmp_path / "model")
    return inputs_of(model, make_adapter(model, tmp_path / "adapter"))


def logits(model: Any, text: str = "Name three rivers") -> Any:
    import torch

    with torch.inference_mode():
        return model(torch.tensor([list(text.encode())])).logits


def test_the_merged_model_says_what_the_adapter_says(given: dict[str, Any], tmp_path: Path) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

    out = tmp_path / "merged"
    summary = merge.run(context_of(merge.Config(), given, out))
    assert summary["dtype"] == "float32"
    assert (summary["method"], summary["weights"]) == ("linear", {"adapter": 1.0})
    assert summary["max_logit_difference"] < 1e-4 < 0.1 < summary["adapter_effect"]
    base = AutoModelForCausalLM.from_pretrained(given["model"])
    plain = logits(base)
    adapted = logits(PeftModel.from_pretrained(base, given["adapter"]["adapter"]))
    merged = logits(AutoModelForCausalLM.from_pretrained(out))
    assert torch.allclose(merged, adapted, atol=1e-4)
    assert not torch.allclose(merged, plain, atol=1e-2)
    tokenizer = AutoTokenizer.from_pretrained(out)
    assert tokenizer.chat_template == AutoTokenizer.from_pretrained(given["model"]).chat_template
    assert tokenizer.eos_token_id in GenerationConfig.from_pretrained(out).eos_token_id
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= {path.name for path in out.iterdir()}


def test_weights_of_16_bits_stay_so_and_a_lost_adapter_is_told(given: dict[str, Any], tmp_path: Path) -> None:
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
    merge.run(context_of(merge.Config(), inputs_of(half, faint), tmp_path / "lost", recorder))
    assert "much of what it learnt may be lost" in recorder.of("alert")[0]["text"]


def test_a_difference_beyond_the_tolerance_fails_the_step(given: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(StageFailed, match="differs from its adapter"):
        merge.run(context_of(merge.Config(tolerance=0), given, tmp_path / "merged"))


def test_an_adapter_of_another_model_is_refused(given: dict[str, Any], tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    config = AutoModelForCausalLM.from_pretrained(given["model"]).config
    config.intermediate_size = 96
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path / "other")
    AutoTokenizer.from_pretrained(given["model"]).save_pretrained(tmp_path / "other")
    with pytest.raises(DataError, match="does not fit the model"):
        merge.run(context_of(merge.Config(), {**given, "model": tmp_path / "other"}, tmp_path / "merged"))


def test_quantised_weights_are_refused(given: dict[str, Any], tmp_path: Path) -> None:
    config = read_json(given["model"] / "config.json")
    write_json(given["model"] / "config.json", {**config, "quantization_config": {"load_in_4bit": True}})
    with pytest.raises(DataError, match="quantised"):
        merge.run(context_of(merge.Config(), given, tmp_path / "merged"))


@pytest.fixture
def two(tmp_path: Path) -> dict[str, Any]:
    """Adapters of unequal rank, and so of unequal scale."""
    model = save_tiny_qwen(tmp_path / "model")
    first = make_adapter(model, tmp_path / "first")
    return inputs_of(model, first, make_adapter(model, tmp_path / "second", rank=2, seed=4))


def merged_weights(given: dict[str, Any], out: Path, **settings: Any) -> dict[str, Any]:
    from safetensors.torch import load_file

    merge.run(context_of(merge.Config(**settings), given, out))
    return dict(load_file(out / "model.safetensors"))


def deltas_by_hand(adapter: Path) -> dict[str, Any]:
    """Name of a weight -> lora_alpha / r * B @ A, from the adapter's files alone."""
    from safetensors.torch import load_file

    tensors, config = load_file(adapter / "adapter_model.safetensors"), read_json(adapter / "adapter_config.json")
    return {
        name.removeprefix("base_model.model.").replace("lora_A.weight", "weight"): config["lora_alpha"]
        / config["r"]
        * tensors[name.replace("lora_A", "lora_B")]
        @ down
        for name, down in tensors.items()
        if "lora_A" in name
    }


def test_linear_is_the_weighted_sum_of_the_deltas(two: dict[str, Any], tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    merged = merged_weights(two, tmp_path / "merged", weights=[0.75, -0.5])
    base = load_file(two["model"] / "model.safetensors")
    first, second = (deltas_by_hand(adapter) for adapter in two["adapter"].values())
    assert first.keys() <= base.keys()
    for name, delta in first.items():
        torch.testing.assert_close(merged[name], base[name] + 0.75 * delta - 0.5 * second[name], atol=1e-5, rtol=1e-5)


def test_one_adapter_of_weight_1_is_the_plain_merge_and_weight_0_is_the_base(
    two: dict[str, Any], tmp_path: Path
) -> None:
    import torch
    from peft import PeftModel
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM

    first = two["adapter"]["first"]
    alone = merged_weights(inputs_of(two["model"], first), tmp_path / "alone", weights=[1])
    tuned = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(two["model"]), first)
    tuned.merge_and_unload(safe_merge=True).save_pretrained(tmp_path / "plain")
    plain, base = (load_file(folder / "model.safetensors") for folder in (tmp_path / "plain", two["model"]))
    assert all(torch.equal(alone[name], plain[name]) for name in plain)
    for method in ("linear", "ties", "dare_ties"):
        nothing = merged_weights(two, tmp_path / f"no_{method}", method=method, weights=[0, 0])
        assert all(torch.equal(nothing[name], base[name]) for name in base)
    without = merged_weights(two, tmp_path / "without", method="ties", density=1, weights=[1, 0])
    assert all(torch.allclose(without[name], plain[name], atol=1e-5) for name in plain)  # weight 0 has no vote


def test_ties_on_the_deltas_of_modules(two: dict[str, Any], tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    merged = merged_weights(two, tmp_path / "merged", method="ties", density=1)
    base = load_file(two["model"] / "model.safetensors")
    first, second = (deltas_by_hand(adapter) for adapter in two["adapter"].values())
    for name, one in first.items():
        both = torch.stack([one, second[name]])
        same = both[0].sign() == both[1].sign()
        largest = torch.where(both[0].abs() > both[1].abs(), both[0], both[1])
        torch.testing.assert_close(
            merged[name] - base[name], torch.where(same, both.mean(0), largest), atol=1e-5, rtol=0
        )


def test_dare_is_drawn_by_the_seed(two: dict[str, Any], tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    def drawn(name: str, seed: int) -> Any:
        torch.manual_seed(len(name))  # not by what was drawn before
        context = context_of(merge.Config(method="dare_ties"), two, tmp_path / name)
        context.seed = seed
        merge.run(context)
        return load_file(tmp_path / name / "model.safetensors")

    first, again, other = drawn("once", 1), drawn("again", 1), drawn("other", 2)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_what_does_not_go_together_is_refused(two: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="1 weights for 2 adapters"):
        merge.run(context_of(merge.Config(weights=[1]), two, tmp_path / "merged"))
    config = two["adapter"]["second"] / "adapter_config.json"
    written = read_json(config)
    write_json(config, {**written, "bias": "all"})
    with pytest.raises(DataError, match="more than LoRA factors: bias"):
        merge.run(context_of(merge.Config(), two, tmp_path / "merged"))
    write_json(config, {**written, "base_model_name_or_path": "elsewhere/other"})
    with pytest.raises(DataError, match="trained on different models"):
        merge.run(context_of(merge.Config(), two, tmp_path / "merged"))


def test_plan_tells_of_a_density_without_effect_and_of_too_few_weights(two: dict[str, Any]) -> None:
    def levels(**settings: Any) -> list[str]:
        found = merge.plan(PlanContext(merge.Config(**settings), two, 0, Path()))
        return [finding.level for finding in found if finding.level != "note"]

    assert levels() == levels(method="ties", density=0.2) == levels(weights=[1, 2]) == []
    assert levels(density=0.2) == ["warning"]
    assert levels(weights=[1]) == ["fault"]
