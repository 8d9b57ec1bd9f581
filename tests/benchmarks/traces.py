"""The Traces screen over 100,000 traces of 2 kB: index, first paint, jump, search. Run it with -m"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from pathlib import Path

from pipeline.engine.rows import dump
from pipeline.tasks.dimensions import DIMENSIONS
from pipeline.tasks.index import open_index
from pipeline.tasks.records import CATEGORIES, TRACE_TYPES

COUNT = 100_000
SIZE = 2_000
"""Bytes of a row, about."""


def vocabulary(count: int = 30_000, seed: int = 0) -> list[str]:
    """Words of three to ten letters; no word twice."""
    chance, words = random.Random(seed), set()
    while len(words) < count:
        words.add("".join(chance.choices("aeioustrnlmdpcbghk", k=chance.randint(3, 10))))
    return sorted(words)


def write(path: Path, count: int = COUNT, size: int = SIZE) -> None:
    """Judged traces, words as frequent as Zipf has them, eight to a prompt."""
    chance, words = random.Random(1), vocabulary()
    chance.shuffle(words)
    weights = [1 / (rank + 3) for rank in range(len(words))]
    stock = chance.choices(words, weights, k=400_000)

    def said(letters: int) -> str:
        start = chance.randrange(len(stock) - 400)
        return " ".join(stock[start : start + letters // 6])[:letters]

    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for number in range(count):
            prompt = f"{CATEGORIES[number // 8 % 5]}-{number // 8:05}"
            scores = {name: round(chance.random(), 4) for name in DIMENSIONS}
            row = {
                "id": f"{prompt}/{number % 8}", "prompt_id": prompt, "category": CATEGORIES[number // 8 % 5],
                "split": "train", "type": TRACE_TYPES[number % 3], "sample": number % 8,
                "messages": [{"role": "user", "content": said(size // 6)}], "thought": said(size // 5),
                "answer": said(size // 4), "finish": "stop", "provider": "offline", "model": "made",
                "scores": scores, "reasons": {name: said(20) for name in DIMENSIONS},
                "reward": round(chance.random(), 4),
            }  # fmt: skip
            file.write(dump(row) + "\n")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        rows = root / "data" / "judge-000000000001" / "rows.jsonl"
        began = time.perf_counter()
        write(rows, int(sys.argv[1]) if len(sys.argv) > 1 else COUNT)
        print("written", time.perf_counter() - began, rows.stat().st_size)
        began = time.perf_counter()
        index = open_index(root, rows)
        took = time.perf_counter() - began
        print("index", took, len(index) / took)


if __name__ == "__main__":
    main()
