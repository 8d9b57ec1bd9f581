from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.engine.errors import ConfigError
from pipeline.engine.memory import Device, device, read_size
from pipeline.engine.stage import Finding, PlanContext
from pipeline.stages import grpo, sft
from pipeline.tasks.estimate import advice
from pipeline.tasks.estimate.memory import NF4
from tests.tasks.estimate.tiny import QWEN3_8B

GIB = 2**30


def told(folder: Path, config: Any, gpu: int | None, shape: Any = QWEN3_8B, longest: int = 0) -> Finding:
    (folder / "config.json").write_text(json.dumps(shape), "utf-8")
    found = advice.foresee(PlanContext(config, {"model": folder}, 7, folder, gpu=gpu), longest)
    return found[0]


@pytest.mark.parametrize("config", [sft.Config(), grpo.Config()])
def test_what_fits_is_a_note_with_its_parts(tmp_path: Path, config: Any) -> None:
    found = told(tmp_path, config, 16 * GIB)
    assert (found.level, found.data["fits"], found.data["knobs"]) == ("note", True, [])
    assert found.data["trainable"] == 43_646_976
    assert all(part["bytes"] > 0 and part["assumption"] for part in found.data["parts"])
    there = [part["bytes"] for part in found.data["parts"] if found.data["peak"] in part["moments"]]
    assert sum(there) == found.data["total"]
    json.dumps(found.data)
    assert "Unsloth needs less" in found.text
    assert "Unsloth" not in told(tmp_path, config.model_copy(update={"backend": "standard"}), 16 * GIB).text


def test_what_does_not_fit_names_the_knobs_in_order_and_what_each_saves(tmp_path: Path) -> None:
    config = sft.Config(load_in_4bit=False, batch_size=4, gradient_checkpointing=False)
    found = told(tmp_path, config, 16 * GIB)
    assert found.level == "warning"
    changes = [knob["change"].split(",")[0] for knob in found.data["knobs"]]
    assert changes == ["batch_size = 2", "batch_size = 1", "gradient_checkpointing = true", "load_in_4bit = true"]
    total = found.data["total"]
    for knob in found.data["knobs"]:
        total -= knob["saves"]
        assert (knob["total"], knob["saves"] > 0) == (total, True)
    assert total <= 16 * GIB
    turned = told(tmp_path, sft.Config(batch_size=1), 16 * GIB)
    assert turned.data["total"] == total


def test_the_knobs_of_grpo_keep_its_groups_whole(tmp_path: Path) -> None:
    found = told(tmp_path, grpo.Config(), 8 * GIB)
    changes = [knob["change"] for knob in found.data["knobs"]]
    assert changes[0] == "max_completion_length = 512, and max_seq_length = 1536"
    assert [change for change in changes if "num_gen" in change] == [
        "num_generations = 2, and gradient_accumulation = 4"
    ]
    grpo.Config(num_generations=2, gradient_accumulation=4)


def test_weights_that_cannot_fit_are_a_fault(tmp_path: Path) -> None:
    found = told(tmp_path, sft.Config(), 4 * GIB)
    assert found.level == "fault"
    assert "weights alone" in found.text


def test_the_longest_example_counts_where_it_is_known(tmp_path: Path) -> None:
    whole, known = (told(tmp_path, sft.Config(), 16 * GIB, longest=longest) for longest in (0, 100))
    assert known.data["total"] < whole.data["total"]


def test_without_a_gpu_all_is_in_32_bits_in_the_machines_own_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(advice, "device", lambda _: Device("this machine", 64 * GIB, cuda=False))
    monkeypatch.setattr(advice, "find_spec", lambda _: None)
    found = told(tmp_path, sft.Config(), None)
    parts = {part["name"]: part["bytes"] for part in found.data["parts"]}
    assert parts["weights"] == 4 * 8_190_735_360
    assert parts["optimizer"] == 8 * 43_646_976
    assert "CUDA overhead" not in parts


def test_with_bitsandbytes_a_cpu_holds_4_bits_too_and_the_rest_in_32(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(advice, "device", lambda _: Device("this machine", 64 * GIB, cuda=False))
    monkeypatch.setattr(advice, "find_spec", lambda _: object())
    parts = {part["name"]: part["bytes"] for part in told(tmp_path, sft.Config(), None).data["parts"]}
    tables_and_norms = 2 * 151936 * 4096 + 36 * (2 * 4096 + 2 * 128) + 4096
    projections = 8_190_735_360 - tables_and_norms
    assert parts["weights"] == round(NF4 * projections) + 4 * tables_and_norms
    assert parts["weight being multiplied"] == 4 * 4096 * 12288
    assert "adapter in 16 bits" not in parts


def test_what_cannot_be_estimated_is_said(tmp_path: Path) -> None:
    (absent,) = advice.foresee(PlanContext(sft.Config(), {}, 7, tmp_path))
    assert (absent.level, "not known yet" in absent.text) == ("note", True)
    assert "gpt2" in told(tmp_path, sft.Config(), None, {"model_type": "gpt2"}).text
    assert "lm_head" in told(tmp_path, sft.Config(lora_modules=("q_proj", "lm_head")), None).text


@pytest.mark.parametrize(("text", "size"), [("16GB", 16), ("16", 16), ("8 gib", 8), ("0.5g", 0.5)])
def test_sizes_are_read_as_cards_are_sold(text: str, size: float) -> None:
    assert read_size(text) == size * GIB
    assert device(read_size(text)).total == size * GIB


@pytest.mark.parametrize("text", ["", "big", "-4GB", "0", "16MB", "nan", "16GB\n; x"])
def test_what_is_no_size_is_an_error(text: str) -> None:
    with pytest.raises(ConfigError, match="--gpu"):
        read_size(text)
