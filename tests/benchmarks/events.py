"""Events: 100,000 read, and the time from a write to its reader. Run: python -m tests.benchmarks.events"""

from __future__ import annotations

import json
import statistics
import tempfile
import threading
import time
from pathlib import Path

from pipeline.engine.events import EventLog, Tail
from pipeline.engine.view import fold

COUNT = 100_000


def read_all(path: Path) -> tuple[float, float, float]:
    """Seconds to read, to read and fold, and for a bare loop over json.loads."""
    log = EventLog(path)
    log.write("sft", "step.started", {"stage": "sft", "artifact": "models/sft"})
    for step in range(COUNT - 1):
        log.write("sft", "metric", {"step": step, "loss": 1.31, "learning_rate": 2e-4, "grad_norm": 0.4})
    log.close()
    began = time.perf_counter()
    events = Tail(path).read()
    read = time.perf_counter() - began
    assert len(events) == COUNT
    fold(events)
    folded = time.perf_counter() - began
    began = time.perf_counter()
    with path.open("rb") as file:
        bare = [json.loads(line) for line in file]
    assert len(bare) == COUNT
    return read, folded, time.perf_counter() - began


def latencies(path: Path, count: int = 200) -> list[float]:
    """Seconds from a write to a reader that looks every 10 ms, as the command line's follower may."""
    log, tail, seen = EventLog(path), Tail(path), []
    written: dict[int, float] = {}
    done = threading.Event()

    def read() -> None:
        while len(seen) < count and not done.wait(0.01):
            now = time.perf_counter()
            seen.extend((event.data["n"], now) for event in tail.read())

    reader = threading.Thread(target=read)
    reader.start()
    for n in range(count):
        written[n] = time.perf_counter()
        log.write("", "log", {"n": n})
        time.sleep(0.005)
    reader.join(timeout=10)
    done.set()
    log.close()
    return [at - written[n] for n, at in seen]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        rounds = [read_all(Path(folder) / f"{number}.jsonl") for number in range(5)]
        waits = sorted(latencies(Path(folder) / "latency.jsonl"))
    read, folded, bare = (statistics.median(column) for column in zip(*rounds, strict=True))
    print(f"| {COUNT:,} events, median of 5 | seconds | over bare json.loads |\n|---|---|---|")
    print(f"| Tail.read | {read:.3f} | {read / bare:.2f} |")
    print(f"| Tail.read and fold | {folded:.3f} | {folded / bare:.2f} |")
    print(f"| bare json.loads | {bare:.3f} | 1.00 |")
    print("\n| from write to reader, 200 events | milliseconds |\n|---|---|")
    print(f"| median | {1000 * statistics.median(waits):.1f} |")
    print(f"| 99th percentile | {1000 * waits[int(0.99 * len(waits))]:.1f} |")


if __name__ == "__main__":
    main()
