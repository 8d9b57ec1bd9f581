"""One training in a process of its own, ours or a bare script's, measured alike. Reads its job from a file and writes
what it measured beside it."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from pipeline.engine.events import Emitter
from pipeline.engine.rows import Row, read_json, write_json
from pipeline.engine.stage import Context
from pipeline.stages import grpo, sft
from pipeline.training.settings import MODULES
from tests.benchmarks.training_data import examples, prompts, reward

WARM_UP = 3
"""Steps before the clock starts; memory is looked at in the last of them."""


def settings(job: Row) -> dict[str, Any]:
    """What all contestants are asked for, in our words."""
    shared = {
        "load_in_4bit": True, "gradient_checkpointing": True, "optimizer": "adamw_8bit", "learning_rate": 1e-4,
        "max_seq_length": job["length"], "batch_size": job["batch"], "gradient_accumulation": job["accumulation"],
        "max_steps": job["steps"], "epochs": 99.0, "warmup_steps": 0, "weight_decay": 0.0, "save_every": 10**6,
    }  # fmt: skip
    own = {"num_generations": job["group"], "max_completion_length": job["completion"]} if job["task"] == "grpo" else {}
    return {**shared, **own}


def arguments(job: Row, out: Path) -> dict[str, Any]:
    """The same in the words of TRL, as a person would write them."""
    import torch

    bf16 = torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    return {
        "output_dir": str(out), "per_device_train_batch_size": job["batch"], "learning_rate": 1e-4, "bf16": bf16,
        "gradient_accumulation_steps": job["accumulation"], "max_steps": job["steps"], "optim": "adamw_8bit",
        "gradient_checkpointing": True, "report_to": "none", "disable_tqdm": True, "logging_steps": 1,
        "save_strategy": "no", "seed": 3407, "dataloader_pin_memory": torch.cuda.is_available(),
    }  # fmt: skip


def ours(job: Row, backend: str) -> None:
    from pipeline.training.grpo import train_grpo
    from pipeline.training.sft import train_sft

    stage = sft if job["task"] == "sft" else grpo
    config = stage.Config(**settings(job), backend=backend)
    emit = Emitter(lambda _kind, _data: None)
    context = Context(config=config, inputs={}, out=Path(job["out"]), seed=1, emit=emit)
    model = Path(job["model"])
    if job["task"] == "sft":
        train_sft(context, model, examples(rows(job), job["length"]))
    else:
        asked = prompts(rows(job), job["length"] - job["completion"], model)
        train_grpo(context, model, asked, lambda _, texts: [(reward(text), {}) for text in texts])


def rows(job: Row) -> int:
    step = job["batch"] * job["accumulation"]
    return int(job["steps"] * step) if job["task"] == "sft" else int(job["steps"] * step // job["group"])


def bare(job: Row, backend: str) -> None:
    """A script as TRL's or Unsloth's own guides have it."""
    model, tokenizer, adapter = _unsloth(job) if backend == "unsloth" else _hugging_face(job)
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer, SFTConfig, SFTTrainer

    out = Path(job["out"])
    if job["task"] == "sft":
        made = examples(rows(job), job["length"])
        data = Dataset.from_dict({"input_ids": [row.input_ids for row in made], "labels": [row.labels for row in made]})
        config = SFTConfig(**arguments(job, out), max_length=job["length"])
        trainer = SFTTrainer(
            model=model, args=config, train_dataset=data, processing_class=tokenizer, peft_config=adapter
        )
    else:
        asked = prompts(rows(job), job["length"] - job["completion"], Path(job["model"]))
        config = GRPOConfig(
            **arguments(job, out), num_generations=job["group"], max_completion_length=job["completion"],
            cache_implementation=None if model.device.type == "cuda" else "static",
        )  # fmt: skip
        trainer = GRPOTrainer(
            model=model,
            reward_funcs=lambda completions, **_: [reward(one[0]["content"]) for one in completions],
            args=config,
            train_dataset=Dataset.from_list([{"prompt": row["messages"]} for row in asked]),
            processing_class=tokenizer,
            peft_config=adapter,
        )
    trainer.train()
    trainer.save_model(str(out))


def _hugging_face(job: Row) -> tuple[Any, Any, Any]:
    import torch
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

    cuda = torch.cuda.is_available()
    kind = torch.bfloat16 if cuda else torch.float32
    small = BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=kind
    )
    model = AutoModelForCausalLM.from_pretrained(
        job["model"], dtype=kind, quantization_config=small, device_map={"": 0 if cuda else "cpu"}
    )
    adapter = LoraConfig(r=16, lora_alpha=16, target_modules=list(MODULES), task_type="CAUSAL_LM")
    return model, AutoTokenizer.from_pretrained(job["model"]), adapter


def _unsloth(job: Row) -> tuple[Any, Any, Any]:
    import torch
    from unsloth import FastLanguageModel

    kind = torch.bfloat16 if torch.cuda.is_available() else torch.float32
    model, tokenizer = FastLanguageModel.from_pretrained(
        model_name=job["model"], max_seq_length=job["length"], dtype=kind, load_in_4bit=True
    )
    model = FastLanguageModel.get_peft_model(
        model, r=16, lora_alpha=16, lora_dropout=0, target_modules=list(MODULES), bias="none",
        use_gradient_checkpointing="unsloth", random_state=3407,
    )  # fmt: skip
    return model, tokenizer, None


class Measured:
    """When each step ended, by the clock and by the processor's; tokens and losses as TRL counts them, memory as
    PyTorch does."""

    def __init__(self) -> None:
        self.ends: list[float] = []
        self.cpu: list[float] = []
        self.tokens: list[int] = []
        self.losses: list[float] = []
        self.peak = self.reserved = self.standing = 0
        self._profile: Any = None

    def as_row(self) -> Row:
        return {
            "seconds": self.ends[-1] - self.ends[WARM_UP - 1],
            "cpu": self.cpu[-1] - self.cpu[WARM_UP - 1],
            "steps": len(self.ends) - WARM_UP,
            "tokens": self.tokens[-1] - self.tokens[WARM_UP - 1],
            "losses": self.losses,
            "peak": self.peak,
            "reserved": self.reserved,
        }

    def callback(self) -> Any:
        import torch
        from transformers import TrainerCallback

        measured, cuda = self, torch.cuda.is_available()

        class Callback(TrainerCallback):  # type: ignore[misc]
            def on_step_begin(self, args: Any, state: Any, control: Any, **now: Any) -> None:  # noqa: ARG002
                if not cuda and state.global_step == WARM_UP - 1:
                    measured.standing = held(now["model"], now["optimizer"])
                    measured._profile = torch.profiler.profile(profile_memory=True)
                    measured._profile.__enter__()

            def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
                if cuda:
                    if state.global_step > 1:  # the first one's peak may be that of loading
                        measured.peak = max(measured.peak, torch.cuda.max_memory_allocated())
                    measured.reserved = torch.cuda.max_memory_reserved()
                elif measured._profile is not None:
                    measured._profile.__exit__(None, None, None)
                    measured.peak = measured.standing + highest(measured._profile)
                    measured._profile = None
                measured.ends.append(time.perf_counter())
                measured.cpu.append(time.process_time())

            def on_log(self, args: Any, state: Any, control: Any, logs: Any, **_: Any) -> None:  # noqa: ARG002
                if "loss" in logs:
                    measured.losses.append(logs["loss"])
                    measured.tokens.append(int(logs["num_tokens"]))

        return Callback()


def held(model: Any, optimizer: Any) -> int:
    """Bytes of weights, of what reads those in 4 bits, and of the optimizer's state."""
    import torch

    tensors = [*model.parameters(), *model.buffers()]
    for state in [getattr(weight, "quant_state", None) for weight in model.parameters()]:
        if state is not None:
            tensors += [state.absmax, state.code, state.state2.absmax, state.state2.code]
    optimizer = getattr(optimizer, "optimizer", optimizer)
    tensors += [tensor for state in optimizer.state.values() for tensor in state.values() if torch.is_tensor(tensor)]
    storages = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in tensors}
    return sum(storages.values())


def highest(profile: Any) -> int:
    """The most that was allocated above what stood at the start, by PyTorch's own profiler, in bytes."""
    events = [event for event in profile.profiler.kineto_results.events() if event.name() == "[memory]"]
    now = most = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        now += event.nbytes()
        most = max(most, now)
    return most


def main(path: Path) -> None:
    job = read_json(path)
    backend = "unsloth" if "Unsloth" in job["who"] else "standard"
    if backend == "unsloth":
        from pipeline.training.load import import_unsloth

        import_unsloth()
    from transformers import Trainer

    measured, train = Measured(), Trainer.train

    def watched(self: Any, *words: Any, **named: Any) -> Any:
        self.add_callback(measured.callback())
        return train(self, *words, **named)

    Trainer.train = watched
    began = time.perf_counter()
    (ours if job["who"].startswith("ours") else bare)(job, backend)
    write_json(path.with_suffix(".done.json"), {**measured.as_row(), "wall": time.perf_counter() - began})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
