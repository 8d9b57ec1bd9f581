"""Conversion of a model of about 1 GB, ours beside llama.cpp's own converter, in turns: seconds and anonymous memory.

`python -m tests.benchmarks.convert PATH/convert_hf_to_gguf.py [--gigabytes 1.0] [--rounds 5] [--kind f16]`

Each conversion is a process of its own, timed from its start to its end. Memory is the peak of what belongs to no file
(RssAnon on Linux), read every 5 ms: the pages of the mapped weights are the system's to take back.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

TOKENIZERS = Path(__file__).parents[2].parent / "shared" / "tokenizers"
OURS = (
    "import sys; from pathlib import Path; from pipeline.gguf.convert import convert;"
    "convert(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3].upper())"
)


def save_model(folder: Path, tokenizer: Path, gigabytes: float) -> float:
    """A Qwen3 in bfloat16 of the shape of the 0.6B, with as many layers as fill that many GB; returns its GB."""
    import torch
    from transformers import AutoTokenizer, Qwen3Config, Qwen3ForCausalLM

    words = AutoTokenizer.from_pretrained(tokenizer)
    shape = {
        "vocab_size": -(-len(words) // 64) * 64, "hidden_size": 1024, "intermediate_size": 3072, "head_dim": 128,
        "num_attention_heads": 16, "num_key_value_heads": 8, "tie_word_embeddings": True, "dtype": "bfloat16",
    }  # fmt: skip
    layer = 2 * (1024 * 128 * 2 * (16 + 8) + 3 * 1024 * 3072)
    layers = max(1, round((gigabytes * 1e9 - 2 * shape["vocab_size"] * 1024) / layer))
    torch.set_default_dtype(torch.bfloat16)
    model = Qwen3ForCausalLM(Qwen3Config(num_hidden_layers=layers, **shape))
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    return sum(file.stat().st_size for file in folder.glob("*.safetensors")) / 1e9


def anonymous(pid: int) -> int:
    """Bytes of a process that belong to no file; 0 once it is gone."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def measure(command: list[str]) -> tuple[float, float]:
    """Seconds and peak anonymous GB of a process."""
    peak, over = 0, threading.Event()
    began = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env={**os.environ, "HF_HUB_OFFLINE": "1"}
    )

    def watch() -> None:
        nonlocal peak
        while not over.wait(0.005):
            peak = max(peak, anonymous(process.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    _, said = process.communicate()
    seconds = time.perf_counter() - began
    over.set()
    watcher.join()
    if process.returncode:
        raise SystemExit(said.decode("utf-8", "replace")[-2000:])
    return seconds, peak / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("converter", type=Path, help="llama.cpp's convert_hf_to_gguf.py")
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--kind", default="f16", choices=["f32", "f16", "bf16", "q8_0"])
    parser.add_argument("--tokenizer", type=Path, default=TOKENIZERS / "qwen3")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        source, out = Path(name) / "model", Path(name) / "out.gguf"
        size = save_model(source, asked.tokenizer, asked.gigabytes)
        commands = {
            "ours": [sys.executable, "-c", OURS, str(source), str(out), asked.kind],
            "llama.cpp's": [
                sys.executable, str(asked.converter), str(source), "--outfile", str(out), "--outtype", asked.kind,
            ],
        }  # fmt: skip
        found: dict[str, list[tuple[float, float]]] = {who: [] for who in commands}
        for _ in range(asked.rounds):
            for who, command in commands.items():
                found[who].append(measure(command))
                out.unlink()
        print(f"Qwen3 of {size:.2f} GB in bfloat16 to {asked.kind}, medians of {asked.rounds} rounds")
        middle = {who: [statistics.median(column) for column in zip(*rows, strict=True)] for who, rows in found.items()}
        for who, (seconds, memory) in middle.items():
            print(f"{who:12} {seconds:6.2f} s   {memory:6.3f} GB anonymous at its peak")
        ours, theirs = middle["ours"], middle["llama.cpp's"]
        time_, memory = (mine / other for mine, other in zip(ours, theirs, strict=True))
        print(f"time {time_:.2f} of theirs (goal: at most 1), memory {memory:.2f} (goal: at most 0.5)")


if __name__ == "__main__":
    main()
