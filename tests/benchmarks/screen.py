"""The terminal window: its first paint, what it costs idle and while a run writes, its lag, its memory over a day.

Run: python -m tests.benchmarks.screen [paint idle busy load day]
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from pipeline.engine.runs import Run
from tests.tui.made import made, trained
from tests.tui.terminal import Pty
from tui.app import Cockpit

BARE = """
from textual.app import App
from textual.widgets import Footer, Static
class Bare(App):
    def compose(self):
        yield Static("the first paint"); yield Footer()
Bare().run()
"""
ROUNDS, SECONDS = 9, 20.0
DAY = 20 * 86_400
"""Events of a day at 20 a second."""


def folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="screen-"))


def paint(root: Path) -> None:
    """Seconds from the start of the process to the first letters on a terminal, in turn: an empty project, one run.
    A first round, which is not counted, compiles all modules, as anybody's Python does once."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = str(root / "compiled")
    made(root / "run", trained(200))
    (root / "empty").mkdir()
    programs = {
        "bare": (["-c", BARE], "the first paint"),
        "an empty project": (["-m", "tui", "--root", str(root / "empty")], "Nothing has run here yet"),
        "a finished run": (["-m", "tui", "--root", str(root / "run")], "done"),
    }
    times: dict[str, list[float]] = {name: [] for name in programs}
    for turn in range(ROUNDS + 1):
        for name, (words, first) in programs.items():
            began = time.perf_counter()
            window = Pty(words, root / "home")
            while first not in window.text:
                time.sleep(0.002)
            if turn:
                times[name].append(time.perf_counter() - began)
            window.kill(signal.SIGKILL)
            window.ended()
    bare, *ours = (statistics.median(found) for found in times.values())
    print(f"first paint: a bare Textual app {bare:.3f} s; the cockpit (at most 2.5 times, under 0.6 s)")
    for name, found in zip(list(programs)[1:], ours, strict=True):
        print(f"  {name} {found:.3f} s, {found / bare:.2f} times")


async def over(app: Cockpit, seconds: float) -> float:
    """Share of a core that this process takes, in per cent."""
    await asyncio.sleep(2.0)
    cpu, wall = time.process_time(), time.perf_counter()
    await asyncio.sleep(seconds)
    assert app.is_running
    return 100 * (time.process_time() - cpu) / (time.perf_counter() - wall)


async def shown(run: Run, root: Path, measure: Callable[[Cockpit], Awaitable[None]]) -> None:
    app = Cockpit(root, run, home=root / "home")
    async with app.run_test(size=(120, 40), notifications=True, tooltips=True):
        await measure(app)


async def idle(root: Path) -> None:
    async def measure(app: Cockpit) -> None:
        print(f"idle at a finished run: {await over(app, SECONDS):.2f} % of a core (under 2)")

    await shown(made(root, trained(200), name="idle"), root, measure)


WRITER = """
import json, sys, time
names = {names!r}
with open(sys.argv[1], "a", buffering=1, encoding="utf-8") as file:
    for step in range(10_000):
        kind = "item" if step % 10 == 9 else "progress" if step % 2 else "metric"
        data = {{"done": step, "total": 10_000, "unit": "steps"}} if kind == "progress" else {{
            "what": "completion", "step": step, "text": "said " * 200, "scores": dict.fromkeys(names, 0.5)}}
        if kind == "metric":
            data = {{"step": step, "loss": 1 / (step + 1), "reward": 0.5}}
            data.update((f"score/{{name}}", 0.5) for name in names)
        file.write(json.dumps({{"seq": step, "t": time.time(), "attempt": 1, "step": "grpo", "kind": kind,
                               "data": data}}) + "\\n")
        time.sleep(0.05)
"""


async def busy(root: Path) -> None:
    from pipeline.tasks.dimensions import DIMENSIONS

    run = made(root, trained(2000, state=None), name="busy")

    async def measure(app: Cockpit) -> None:
        print(f"a run that writes 20 events a second: {await over(app, SECONDS):.1f} % of a core (under 15)")

    writer = subprocess.Popen([sys.executable, "-c", WRITER.format(names=list(DIMENSIONS)), str(run.events)])
    try:
        with run.lock():
            await shown(run, root, measure)
    finally:
        writer.kill()
        writer.wait()


async def load(root: Path) -> None:
    """Lag of the loop, by a heartbeat of 50 ms, while 100,000 events are read."""
    run = made(root, trained(25_000, state=None), name="load")
    lags: list[float] = []

    async def measure(app: Cockpit) -> None:
        began = time.perf_counter()
        while app.snapshot is None or app.snapshot.behind or time.perf_counter() - began < 1:
            before = time.perf_counter()
            await asyncio.sleep(0.05)
            lags.append(time.perf_counter() - before - 0.05)
        lags.sort()
        print(f"100,000 events in {time.perf_counter() - began:.1f} s: lag of the loop median "
              f"{1000 * statistics.median(lags):.0f} ms, p95 {1000 * lags[int(0.95 * len(lags))]:.0f} ms "
              f"(under 50), worst {1000 * lags[-1]:.0f} ms")  # fmt: skip

    await shown(run, root, measure)


def held() -> float:
    """MB of memory that this process holds now."""
    import psutil

    return float(psutil.Process().memory_info().rss) / 1e6


async def day(root: Path) -> None:
    """Memory after a day of events against that after its first tenth."""
    run = made(root, trained(8, state=None), name="day")
    found: list[float] = []

    def write(first: int, last: int) -> None:
        with run.events.open("a", encoding="utf-8") as file:
            for step in range(first, last):
                data: dict[str, object] = {"step": step, "loss": 1 / step, "reward": 0.5}
                kind = "metric" if step % 4 else "item"
                if kind == "item":
                    data = {"what": "completion", "step": step, "text": f"said {step} " * 100}
                file.write(json.dumps({"seq": step, "t": 1e9 + step / 20, "attempt": 1, "step": "grpo", "kind": kind,
                                       "data": data}) + "\n")  # fmt: skip

    async def measure(app: Cockpit) -> None:
        for tenth in range(10):
            first, last = 9 + tenth * DAY // 10, 9 + (tenth + 1) * DAY // 10
            writer = threading.Thread(target=write, args=(first, last))
            writer.start()
            newest = 1e9 + (last - 1) / 20
            while writer.is_alive() or app.snapshot is None or app.snapshot.last < newest:
                await asyncio.sleep(0.1)
            found.append(held())
        print(f"memory after a tenth of a day's {DAY:,} events {found[0]:.0f} MB, after all {found[-1]:.0f} MB: "
              f"{found[-1] - found[0]:+.0f} MB (within 50)")  # fmt: skip

    await shown(run, root, measure)
    run.events.unlink()


def main(names: list[str]) -> None:
    for name in names or ["paint", "idle", "busy", "load", "day"]:
        root = folder()
        if name == "paint":
            paint(root)
        else:
            asyncio.run({"idle": idle, "busy": busy, "load": load, "day": day}[name](root))


if __name__ == "__main__":
    main(sys.argv[1:])
