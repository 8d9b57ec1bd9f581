"""Ours against a bare TRL script and a bare Unsloth script: QLoRA, SFT and GRPO, on Qwen3-shaped random weights.

    python -m tests.benchmarks.training                                    tiny, on a CPU
    python -m tests.benchmarks.training --shape 8B --length 2048           on a GPU; no network is needed

Each training is a process of its own; each round swaps who begins. Beside the peak stands what `plan` foretells.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pipeline.engine.memory import Device
from pipeline.engine.rows import Row, read_json, write_json
from pipeline.stages import grpo, sft
from pipeline.tasks.estimate.advice import plan_work
from pipeline.tasks.estimate.memory import estimate
from pipeline.tasks.estimate.shape import read_shape
from tests.benchmarks.training_child import settings
from tests.benchmarks.training_data import SHAPES

PAIRS = {"standard": ("ours, standard", "bare TRL"), "unsloth": ("ours, Unsloth", "bare Unsloth")}


def read_words() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--shape", choices=sorted(SHAPES), default="tiny")
    parser.add_argument("--task", nargs="+", choices=("sft", "grpo"), default=["sft", "grpo"])
    parser.add_argument("--backend", nargs="+", choices=sorted(PAIRS), default=sorted(PAIRS))
    parser.add_argument("--length", type=int, default=256, help="tokens in a sequence")
    parser.add_argument("--completion", type=int, default=0, help="tokens in a completion; 0: half of the length")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--accumulation", type=int, default=8)
    parser.add_argument("--group", type=int, default=4, help="completions of a prompt")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tokenizer", type=Path, help="a folder with a tokenizer; else a small one is made")
    return parser.parse_args()


def main() -> None:
    words = read_words()
    backends = [name for name in words.backend if name == "standard" or importlib.util.find_spec("unsloth")]
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        make = f"make_model(Path({str(root / 'model')!r}), {words.shape!r}, {_quoted(words.tokenizer)})"
        head = "from pathlib import Path; from tests.benchmarks.training_data import make_model; "
        subprocess.run([sys.executable, "-c", head + make], check=True)  # elsewhere, to leave the GPU empty
        for task in words.task:
            job = {
                "task": task, "model": str(root / "model"), "length": words.length, "batch": words.batch,
                "accumulation": words.accumulation, "group": words.group, "steps": words.steps,
                "completion": words.completion or words.length // 2,
            }  # fmt: skip
            found = measure(job, [who for backend in backends for who in PAIRS[backend]], words.rounds, root)
            show(job, found, words.shape, backends)


def measure(job: Row, contestants: Sequence[str], rounds: int, root: Path) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {who: [] for who in contestants}
    for number in range(rounds):
        for who in contestants if number % 2 else reversed(contestants):
            folder = root / f"{job['task']}-{number}-{who.replace(', ', '-').replace(' ', '-')}"
            folder.mkdir()
            write_json(folder / "job.json", {**job, "who": who, "out": str(folder)})
            command = [sys.executable, "-m", "tests.benchmarks.training_child", str(folder / "job.json")]
            with (folder / "log.txt").open("w+", encoding="utf-8") as log:
                done = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, check=False)
            if done.returncode:
                sys.exit(f"{who} failed:\n" + (folder / "log.txt").read_text("utf-8", "replace")[-4000:])
            found[who].append(read_json(folder / "job.done.json"))
    return found


def show(job: Row, found: dict[str, list[Row]], shape: str, backends: Sequence[str]) -> None:
    import torch

    unit = "GiB" if torch.cuda.is_available() else "MiB"
    scale = 2**30 if unit == "GiB" else 2**20
    rates = {who: [row["tokens"] / row["seconds"] for row in rows] for who, rows in found.items()}
    batch = f"{job['batch']} x {job['accumulation']}"
    print(f"\n{shape}, {job['task'].upper()}, {job['length']} tokens, batch {batch}, {job['steps']} steps")
    print(
        f"\n| median of {len(next(iter(found.values())))} | tokens/s | s/step | whole, s | peak, {unit} | last loss |"
    )
    print("|---|---|---|---|---|---|")
    for who, rows in found.items():
        rate, step, wall, peak = (
            statistics.median(values)
            for values in (
                rates[who],
                [row["seconds"] / row["steps"] for row in rows],
                [row["wall"] for row in rows],
                [row["peak"] / scale for row in rows],
            )
        )
        print(f"| {who} | {rate:.0f} | {step:.3f} | {wall:.1f} | {peak:.2f} | {rows[0]['losses'][-1]:.4f} |")
    for backend in backends:
        mine, bare = PAIRS[backend]
        each = [one / other for one, other in zip(rates[mine], rates[bare], strict=True)]
        ratio = statistics.median(rates[mine]) / statistics.median(rates[bare])
        print(
            f"\n{mine} over {bare}, tokens a second: {ratio:.3f} ({', '.join(f'{one:.3f}' for one in each)} by round)"
        )
        if unit == "MiB":  # a busy machine stretches the clock, and the processor's own much less
            mean = {who: statistics.median(row["cpu"] for row in found[who]) for who in (mine, bare)}
            print(f"the same by seconds of the processor: {mean[bare] / mean[mine]:.3f}")
    foretold(job, shape, found, scale, unit)


def foretold(job: Row, shape: str, found: dict[str, list[Row]], scale: int, unit: str) -> None:
    """What `plan` says of the same training by Hugging Face and PEFT, against its measured peak."""
    import torch

    cuda = torch.cuda.is_available()
    stage = sft if job["task"] == "sft" else grpo
    known = read_shape({"model_type": "qwen3", "max_position_embeddings": 40960, **SHAPES[shape]})
    work = plan_work(stage.Config(**settings(job)), known, Device("here", 0, cuda), job["length"], named=True)
    whole = estimate(known, work)
    overhead = sum(part.bytes for part in whole.parts if part.name == "CUDA overhead")
    tensors = (whole.total - overhead) / scale
    print(f"\nforetold for {PAIRS['standard'][0]}: {tensors:.2f} {unit} of tensors", end="")
    print(f", {whole.total / scale:.2f} with CUDA's own (most: {whole.peak})" if cuda else f" (most: {whole.peak})")
    if rows := found.get(PAIRS["standard"][0]):
        peak = statistics.median(row["peak"] / scale for row in rows)
        reserved = statistics.median(row["reserved"] / scale for row in rows)
        print(f"measured: {peak:.2f} {unit}" + (f", {reserved:.2f} reserved" if cuda else ""), end="")
        print(f"; foretold over measured {tensors / peak - 1:+.1%}")


def _quoted(path: Path | None) -> str:
    return f"Path({str(path)!r})" if path else "None"


if __name__ == "__main__":
    main()
