"""The Traces screen over 100,000 traces of 2 kB: index, first paint, jump, search.

Run: python -m tests.benchmarks.traces [a folder to keep them in]
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import shutil
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from textual.widgets import Input

from pipeline.engine.rows import dump, read_rows, write_json
from pipeline.tasks.dimensions import DIMENSIONS
from pipeline.tasks.index import Filter, Index, open_index
from pipeline.tasks.records import CATEGORIES, TRACE_TYPES
from tui.app import Cockpit
from tui.screens.traces import TracesScreen
from tui.widgets.record_list import RecordList
from tui.widgets.trace_list import TraceList

COUNT = 100_000
ROUNDS = 7
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
                "reward": round(chance.random(), 4), "spread": {DIMENSIONS[number % 9]: number % 40 / 100},
            }  # fmt: skip
            file.write(dump(row) + "\n")


def indexed(root: Path, rows: Path) -> Index:
    """Build the index; rows a second of this process's own time, beside reading the same rows as JSON alone."""
    began, cpu = time.perf_counter(), time.process_time()
    index = open_index(root, rows)
    took, own = time.perf_counter() - began, time.process_time() - cpu
    assert index is not None
    cpu = time.process_time()
    for _ in read_rows(rows):
        pass
    read = time.process_time() - cpu
    size = rows.stat().st_size / len(index)
    print(f"index: {len(index) / own:,.0f} rows of {size:,.0f} bytes a second of CPU time (at least 10,000),")
    print(f"  {len(index) / took:,.0f} by the clock; reading them alone takes {read / own:.0%} of that")
    return index


SEARCHES = {
    "a word": Filter("{word}"), "two words": Filter("{word} {other}"), "beginnings": Filter("{start}*"),
    "a category": Filter(equal={"category": "conflict"}), "a type": Filter(equal={"type": "chosen"}),
    "a dimension": Filter(between={"helpfulness": (0.2, 0.4)}), "spread": Filter(between={"spread": (0.1, 0.2)}),
    "finish": Filter(equal={"finish": "stop"}), "unmarked": Filter(mark="none"),
    "all at once": Filter("{word}", equal={"category": "safety"}, between={"helpfulness": (0.0, 0.5)}, mark="none"),
    "a part of the narrowed": Filter(parts=("{middle}",), equal={"category": "safety", "type": "chosen"}),
    "a part of all": Filter(parts=("{middle}",)),
}  # fmt: skip


def searched(index: Index) -> None:
    """Milliseconds of CPU time of each kind of filter, median of several words from the rows themselves."""
    chance = random.Random(3)
    for name, kind in SEARCHES.items():
        times, found = [], 0
        for _ in range(ROUNDS):
            words = str(index.row(chance.randrange(len(index)))["answer"]).split()
            word, other = (chance.choice([word for word in words if len(word) > 3]) for _ in range(2))
            said = {"word": word, "other": other, "start": word[:3], "middle": word[1:]}
            asked = replace(kind, words=kind.words.format(**said), parts=[part.format(**said) for part in kind.parts])
            cpu = time.process_time()
            found = len(index.find(asked, {}))
            times.append(1000 * (time.process_time() - cpu))
        print(f"  {name:<24} {statistics.median(times):7.1f} ms, at most {max(times):7.1f}; the last found {found:,}")


def first(index: Index) -> None:
    """Milliseconds by the clock until a scan of all rows tells what it has found so far, and until its end."""
    chance, times, ends = random.Random(4), [], []
    for _ in range(ROUNDS):
        words = str(index.row(chance.randrange(len(index)))["answer"]).split()
        part, began, told = chance.choice([word for word in words if len(word) > 3])[1:], time.perf_counter(), []
        index.find(Filter(parts=(part,)), told=lambda _, told=told: told.append(time.perf_counter()))
        ends.append(1000 * (time.perf_counter() - began))
        times.append(1000 * (told[0] - began) if told else ends[-1])
    print(f"a part of all, by the clock: first found {statistics.median(times):.0f} ms, at most {max(times):.0f} "
          f"(under 200); all {statistics.median(ends):.0f} ms")  # fmt: skip


async def screen(root: Path) -> None:
    """The screen itself: from the key to the first rows, and from a key to the row that it jumps to."""
    app = Cockpit(root, home=root / "home")
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        began, cpu = time.perf_counter(), time.process_time()
        app.action_go("traces")
        while not (
            isinstance(app.screen, TracesScreen) and app.screen.ready and app.screen.query_one(TraceList).places
        ):
            await pilot.pause(0.005)
        await pilot.pause()
        print(f"first paint: {time.perf_counter() - began:.2f} s, {time.process_time() - cpu:.2f} of CPU (under 1)")
        times: list[float] = []
        rows, chance = app.screen.query_one(RecordList), random.Random(5)
        for _ in range(5 * ROUNDS):
            cpu = time.process_time()
            rows.cursor = chance.randrange(len(rows))
            await pilot.pause()
            times.append(1000 * (time.process_time() - cpu))
        print(f"jump: {statistics.median(times):.1f} ms of CPU time, at most {max(times):.1f} (under 50)")
        field = app.screen.query_one("#filter", Input)
        cpu, began = time.process_time(), time.perf_counter()
        field.value = "category=conflict helpfulness<0.4 type=chosen"
        while len(rows) == COUNT:
            await pilot.pause(0.005)
        took = time.process_time() - cpu
        print(f"filter on the screen: {took:.3f} s of CPU, {time.perf_counter() - began:.3f} by the clock (under 0.2)")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(folder)
        rows = root / "data" / "judge-000000000001" / "rows.jsonl"
        if not rows.is_file():
            write(rows)
            write_json(rows.with_name("made.json"), {"kind": "scores", "files": {}, "digest": "", "inputs": {}})
        shutil.rmtree(root / "data" / "index", ignore_errors=True)
        with contextlib.closing(indexed(root, rows)) as index:
            searched(index)
            first(index)
        asyncio.run(screen(root))


if __name__ == "__main__":
    main()
