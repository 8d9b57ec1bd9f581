"""Preparing episodes for the GPT track beside a plain `datasets.map` with the same tokenizer, in turns, in one process.

`python -m tests.benchmarks.prepare [--rows 20000] [--rounds 3] [--gpt2 FOLDER]`

Both begin with the same JSONL file and end with ids and a mask of each row on disk. Theirs renders a row, encodes it
and finds the mask in its ids, row by row, and in batches of 1,000; ours is the stage, its split and checks included.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from pipeline.engine.rows import write_rows
from pipeline.gpt import tokens
from pipeline.gpt.vocabulary import gpt2
from pipeline.stages import prepare
from pipeline.tasks.echo.generate import echo
from pipeline.tasks.episode import SYSTEM, row_of
from tests.training.rig import context_of

GPT2 = Path(__file__).parents[2].parent / "shared" / "tokenizers" / "gpt2"


def write_episodes(path: Path, count: int) -> None:
    pairs = echo("include", count, None, Random(1), anti_echo=0.2, contrast=0.2, templates="all", payloads="all")
    write_rows(path / "rows.jsonl", (row_of(number, pair, SYSTEM) for number, pair in enumerate(pairs)))


def by_map(rows: Path, out: Path, source: str, *, batched: bool) -> None:
    import datasets
    import numpy as np
    from transformers import PreTrainedTokenizerFast

    plain = gpt2(source)
    tokens.add_tags(plain)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=plain)
    tags = tokens.find_tags(plain)

    def one(row: Any) -> Any:
        ids = tokenizer(tokens.render(row["messages"]), add_special_tokens=False)["input_ids"]
        return {"ids": ids, "mask": tokens.loss_mask(np.array(ids), tags).tolist()}

    def many(batch: Any) -> Any:
        texts = [tokens.render(messages) for messages in batch["messages"]]
        found = tokenizer(texts, add_special_tokens=False)["input_ids"]
        return {"ids": found, "mask": [tokens.loss_mask(np.array(ids), tags).tolist() for ids in found]}

    held = datasets.load_dataset(
        "json", data_files=str(rows / "rows.jsonl"), split="train", cache_dir=str(out / "cache")
    )
    held = held.map(many if batched else one, batched=batched, remove_columns=held.column_names)
    held.save_to_disk(str(out / "saved"))


def by_stage(rows: Path, out: Path, source: str) -> None:
    prepare.run(context_of(prepare.Config(gpt2=source), {"rows": rows}, out))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--gpt2", default=str(GPT2))
    asked = parser.parse_args()
    import datasets

    datasets.disable_progress_bars()
    ways: dict[str, Callable[[Path, Path], None]] = {
        "ours": lambda rows, out: by_stage(rows, out, asked.gpt2),
        "datasets.map": lambda rows, out: by_map(rows, out, asked.gpt2, batched=False),
        "datasets.map, batched": lambda rows, out: by_map(rows, out, asked.gpt2, batched=True),
    }
    found: dict[str, list[float]] = {way: [] for way in ways}
    with tempfile.TemporaryDirectory() as name:
        write_episodes(Path(name) / "rows", asked.rows)
        for number in range(asked.rounds + 1):
            for way, work in ways.items():
                began = time.perf_counter()
                work(Path(name) / "rows", Path(name) / f"{way}-{number}")
                if number:  # the first round warms imports and the disk
                    found[way].append(time.perf_counter() - began)
    middle = {way: statistics.median(seconds) for way, seconds in found.items()}
    for way, seconds in middle.items():
        ratio = seconds / middle["ours"]
        print(f"{way:22} {seconds:7.2f} s  {asked.rows / seconds:8.0f} rows/s  {ratio:.1f} times ours")


if __name__ == "__main__":
    main()
