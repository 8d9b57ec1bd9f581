"""What our SFT and GRPO cost over a bare TRL script with the same settings. Run: python -m tests.benchmarks.overhead

Both train the same tiny model on the same rows in one process, in turn, and each round swaps who begins.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from pipeline.engine.events import Emitter
from pipeline.engine.rows import Row, read_rows
from pipeline.engine.stage import Context
from pipeline.stages import base, grpo, judge, prompts, sft, traces
from pipeline.tasks.offline_judge.judge import score_completion
from pipeline.training.settings import MODULES

STEPS = 100
ROUNDS = 3
SHARED = {"backend": "standard", "load_in_4bit": False, "optimizer": "adamw_torch", "gradient_checkpointing": False,
          "gradient_accumulation": 1, "max_steps": STEPS, "epochs": 99.0, "save_every": 50}  # fmt: skip


def run(stage: ModuleType, inputs: dict[str, Any], out: Path, **settings: Any) -> Path:
    out.mkdir(parents=True)
    emit = Emitter(lambda _kind, _data: None)
    stage.STAGE.run(Context(config=stage.STAGE.Config(**settings), inputs=inputs, out=out, seed=1, emit=emit))
    return out


def bare(folder: Path, batch: int, **more: Any) -> dict[str, Any]:
    """The arguments that a person would write for the same training."""
    return {
        "output_dir": str(folder), "per_device_train_batch_size": batch, "gradient_accumulation_steps": 1,
        "max_steps": STEPS, "optim": "adamw_torch", "gradient_checkpointing": False, "bf16": False,
        "report_to": "none", "disable_tqdm": True, "logging_steps": 1, "save_strategy": "steps", "save_steps": 50,
        "save_total_limit": 2, "seed": 3407, "dataloader_pin_memory": False, **more,
    }  # fmt: skip


def model_and_tokenizer(folder: Path) -> tuple[Any, Any]:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32), AutoTokenizer.from_pretrained(folder)


def lora() -> Any:
    from peft import LoraConfig

    return LoraConfig(r=16, lora_alpha=16, target_modules=list(MODULES), task_type="CAUSAL_LM")


def bare_sft(model_dir: Path, rows: list[Row], out: Path) -> None:
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    def completion(row: Row) -> list[Row]:
        return [{"role": "assistant", "content": f"<think>\n{row['thought']}\n</think>\n\n{row['answer']}"}]

    data = Dataset.from_list([{"prompt": row["messages"], "completion": completion(row)} for row in rows])
    model, tokenizer = model_and_tokenizer(model_dir)
    config = SFTConfig(**bare(out, 8, learning_rate=2e-4, warmup_steps=5, weight_decay=0.01, max_length=2048))
    trainer = SFTTrainer(model=model, args=config, train_dataset=data, processing_class=tokenizer, peft_config=lora())
    trainer.train()
    trainer.save_model(str(out / "adapter"))


def bare_grpo(model_dir: Path, rows: list[Row], out: Path) -> None:
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    def reward(completions: list[Any], place: list[int], **_: Any) -> list[float]:
        return [
            score_completion(rows[at]["truth"], rows[at]["messages"], completion[0]["content"])[0]
            for at, completion in zip(place, completions, strict=True)
        ]

    data = Dataset.from_list([{"prompt": row["messages"], "place": place} for place, row in enumerate(rows)])
    model, tokenizer = model_and_tokenizer(model_dir)
    config = GRPOConfig(
        **bare(out, 8, learning_rate=5e-6, num_generations=4, max_completion_length=32, cache_implementation="static")
    )
    trainer = GRPOTrainer(
        model=model,
        reward_funcs=reward,
        args=config,
        train_dataset=data,
        processing_class=tokenizer,
        peft_config=lora(),
    )
    trainer.train()
    trainer.save_model(str(out / "adapter"))


def timed(work: Callable[[Path], Any], out: Path) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    work(out)
    return time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        asked = run(prompts, {}, root / "prompts")
        tiny = run(base, {"prompts": asked}, root / "base", steps=1)
        scores = run(
            judge, {"prompts": asked, "traces": run(traces, {"prompts": asked}, root / "traces")}, root / "scores"
        )
        chosen = [
            row for row in read_rows(scores / "rows.jsonl") if row["split"] == "train" and row["type"] == "chosen"
        ]
        train = [row for row in read_rows(asked / "rows.jsonl") if row["split"] == "train"]
        pairs: dict[str, tuple[Callable[[Path], Any], Callable[[Path], Any]]] = {
            "SFT": (
                lambda out: run(sft, {"scores": scores, "model": tiny}, out, batch_size=8, **SHARED),
                lambda out: bare_sft(tiny, chosen, out),
            ),
            "GRPO": (
                lambda out: run(
                    grpo, {"prompts": asked, "model": tiny}, out, batch_size=8, max_completion_length=32, **SHARED
                ),
                lambda out: bare_grpo(tiny, train, out),
            ),
        }
        print(f"| {STEPS} steps, median of {ROUNDS} | ours, s | bare TRL, s | ratio of CPU | ratio of wall |")
        print("|---|---|---|---|---|")
        for what, (ours, theirs) in pairs.items():
            times: dict[str, list[tuple[float, float]]] = {"ours": [], "bare": []}
            for number in range(ROUNDS + 1):  # the first round warms up imports and caches
                for who, work in sorted({"ours": ours, "bare": theirs}.items(), reverse=bool(number % 2)):
                    found = timed(work, root / f"{what}-{who}-{number}")
                    if number:
                        times[who].append(found)
            wall, cpu = ({who: statistics.median(t[i] for t in times[who]) for who in times} for i in (0, 1))
            print(
                f"| {what} | {wall['ours']:.1f} | {wall['bare']:.1f} "
                f"| {cpu['ours'] / cpu['bare']:.3f} | {wall['ours'] / wall['bare']:.3f} |"
            )


if __name__ == "__main__":
    main()
