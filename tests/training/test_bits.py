from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.training import bits

torch = pytest.importorskip("torch")


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    for probe in (bits.no_nf4, bits.no_adamw_8bit):
        probe.cache_clear()
    yield
    for probe in (bits.no_nf4, bits.no_adamw_8bit):
        probe.cache_clear()


class FakeLayer(torch.nn.Module):
    """A layer of ones in place of one in 4 bits; its gradient is `wrong` by that factor."""

    wrong = 1.0

    def __init__(self, inputs: int, outputs: int, **_: Any) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(outputs, inputs), requires_grad=False)
        self.weight.quant_state = None

    def forward(self, inputs: Any) -> Any:
        return inputs @ self.weight.T * self.wrong


class FakeAdamW(torch.optim.Optimizer):
    """Takes the step that AdamW would; its state is `kind`."""

    kind = torch.uint8

    def __init__(self, weights: list[Any], lr: float, weight_decay: float) -> None:
        super().__init__(weights, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # noqa: ARG002
        for weight in self.param_groups[0]["params"]:
            weight -= self.param_groups[0]["lr"]
            self.state[weight]["state1"] = torch.zeros(weight.shape, dtype=self.kind)


@pytest.fixture
def bitsandbytes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A bitsandbytes of version 9.9, found, imported and asked for its version as the real one would be."""
    fake = tmp_path / "bitsandbytes-9.9.dist-info"
    fake.mkdir()
    (fake / "METADATA").write_text("Metadata-Version: 2.1\nName: bitsandbytes\nVersion: 9.9\n", encoding="utf-8")
    (tmp_path / "bitsandbytes.py").write_text("", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    for name, parts in {
        "bitsandbytes": {},
        "bitsandbytes.functional": {"dequantize_4bit": lambda data, _: data},
        "bitsandbytes.nn": {"Linear4bit": FakeLayer},
        "bitsandbytes.optim": {"AdamW8bit": FakeAdamW},
    }.items():
        module = types.ModuleType(name)
        vars(module).update(parts)
        module.__spec__ = types.SimpleNamespace(name=name)  # type: ignore[assignment]
        monkeypatch.setitem(sys.modules, name, module)


def test_without_bitsandbytes_nothing_is_held_in_fewer_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bits.importlib.util, "find_spec", lambda _: None)
    assert bits.no_nf4() == bits.no_adamw_8bit() == "bitsandbytes is not installed"


@pytest.mark.usefixtures("bitsandbytes")
def test_what_works_when_tried_is_taken() -> None:
    assert bits.no_nf4() == bits.no_adamw_8bit() == ""


@pytest.mark.usefixtures("bitsandbytes")
def test_what_raises_is_told_in_its_own_words_with_version_and_device(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> None:
        raise RuntimeError("All input tensors need to be on the same GPU\nand more")

    monkeypatch.setattr(FakeLayer, "forward", fails)
    monkeypatch.setattr(FakeAdamW, "step", fails)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    said = f"bitsandbytes 9.9 cannot do it on {device}: All input tensors need to be on the same GPU"
    assert bits.no_nf4() == bits.no_adamw_8bit() == said


@pytest.mark.usefixtures("bitsandbytes")
def test_what_works_and_is_wrong_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeLayer, "wrong", 0.9)
    monkeypatch.setattr(FakeAdamW, "kind", torch.float32)
    assert "gradient of a layer in NF4 is wrong" in bits.no_nf4()
    assert "step of AdamW in 8 bits is wrong" in bits.no_adamw_8bit()
