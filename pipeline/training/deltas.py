"""What LoRA adapters add to the weights of a model, combined module by module: linear, TIES, DARE-TIES.

On the deltas, scale * B @ A, and not on A and B as PEFT's `add_weighted_adapter("ties")`: signs and magnitudes of a
factor say nothing of those of the product, and ranks would have to be equal.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Any, Literal

from pipeline.engine.errors import DataError
from pipeline.engine.rows import read_json

Method = Literal["linear", "ties", "dare_ties"]


def check(adapters: Sequence[Path], method: Method) -> None:
    """Raises DataError for adapters of different models, and for parts of an adapter that the method cannot combine."""
    if len(adapters) == 1 and method == "linear":
        return  # PEFT merges whatever it trains
    configs = [read_json(adapter / "adapter_config.json") for adapter in adapters]
    models = [str(config.get("base_model_name_or_path") or "") for config in configs]
    named = {PureWindowsPath(model).name for model in models if model}  # a workspace may have moved: names, not paths
    if len(named) > 1:
        raise DataError(
            "The adapters were trained on different models.",
            f"They name {' and '.join(sorted(named))}; what an adapter adds means nothing to another model.",
            "Merge adapters of one model, and name that model.",
        )
    for adapter, config in zip(adapters, configs, strict=True):
        more = [key for key in ("modules_to_save", "use_dora", "trainable_token_indices") if config.get(key)]
        more += ["bias"] if config.get("bias", "none") != "none" else []
        if more:
            raise DataError(
                f"The adapter in {adapter} holds more than LoRA factors: {', '.join(more)}.",
                "These have no sum, and no TIES either.",
                "Merge it alone with method linear, or train it without them.",
            )


def load(model: Any, directory: Path, adapters: Sequence[Path], weights: Sequence[float]) -> Any:
    """The model under all adapters, each scaled by lora_alpha / r and its weight. Raises DataError for a misfit."""
    from peft import PeftModel

    tuned, names = model, [str(number) for number in range(len(adapters))]
    for name, adapter, weight in zip(names, adapters, weights, strict=True):
        try:
            if tuned is model:
                tuned = PeftModel.from_pretrained(model, adapter, adapter_name=name)
            else:
                tuned.load_adapter(adapter, adapter_name=name)
        except (RuntimeError, ValueError) as error:
            raise DataError(
                f"The adapter in {adapter} does not fit the model in {directory}.",
                str(error),
                "Merge it into the model that it was trained on.",
            ) from None
        for layer in _layers(tuned):
            if name in layer.scaling:
                layer.scaling[name] *= weight
    tuned.base_model.set_adapter(names, inference_mode=True)
    return tuned


def combine(deltas: Sequence[Any], method: Method, density: float, seed: int) -> Any:
    """One delta of those of a module, each already times its weight; all of one shape, float32.

    linear: their sum. ties (Yadav et al. 2023): each keeps the share `density` of its entries that is largest in
    magnitude, the sign of the sum is elected entry by entry, and the mean is taken of what agrees with it.
    dare_ties (Yu et al. 2023): entries are kept by chance and divided by `density` in place of the first step.
    The weights come before the election, so that a weight of 0 has no vote and a negative one votes the other way.
    Entries are trimmed within a module, not over the whole model: so one module at a time is in memory.
    """
    import torch
    from peft.utils.merge_utils import dare_ties, ties

    if method == "linear":
        return torch.stack(list(deltas)).sum(dim=0)
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")  # PEFT warns where a density of 1 prunes nothing, as asked
        torch.manual_seed(seed)
        return (ties if method == "ties" else dare_ties)(list(deltas), torch.ones(len(deltas)), density)


@dataclass(frozen=True)
class Combined:
    """A method on the adapters of a model that `load` gave."""

    method: Method
    density: float
    seed: int
    adapters: int

    def logits(self, model: Any, tokens: Any) -> Any:
        """Those of the model with the combined deltas beside its weights, not in them: what a merge has to give."""
        import torch

        def beside(number: int) -> Any:
            def hook(layer: Any, given: Any, output: Any) -> Any:
                added = torch.nn.functional.linear(given[0].float(), self._delta(layer, number))
                return output + added.to(output.dtype)

            return hook

        hooks = [layer.register_forward_hook(beside(number)) for number, layer in enumerate(_layers(model))]
        with torch.inference_mode(), model.disable_adapter():
            result = model(tokens).logits.float()
        for hook in hooks:
            hook.remove()
        return result

    def merge(self, model: Any) -> Any:
        """The model with the combined deltas in its weights. Raises ValueError for what is not a number."""
        import torch

        with torch.no_grad():
            for number, layer in enumerate(_layers(model)):
                weight = layer.get_base_layer().weight
                merged = weight.float() + self._delta(layer, number)
                if not torch.isfinite(merged).all():
                    raise ValueError("NaNs or infinities detected in the merged weights.")
                weight.copy_(merged)
        return model.unload()

    def _delta(self, layer: Any, number: int) -> Any:
        """Of one module; `number` gives each its own draw."""
        if not hasattr(layer.get_base_layer(), "in_features"):
            raise DataError(
                f"An adapter changes a {type(layer.get_base_layer()).__name__}.",
                f"{self.method} combines those of linear modules.",
                "Use method linear, or train the adapter on linear modules alone.",
            )
        names = [str(name) for name in range(self.adapters) if str(name) in layer.lora_A]
        parts = [
            layer.lora_B[name].weight.float() @ layer.lora_A[name].weight.float() * layer.scaling[name]
            for name in names
        ]
        return combine(parts, self.method, self.density, self.seed + number)


def _layers(model: Any) -> Iterator[Any]:
    from peft.tuners.lora import LoraLayer

    return (module for module in model.modules() if isinstance(module, LoraLayer))
