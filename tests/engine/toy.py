"""A catalog of toy stages, and the worker and runner processes that drive it: the engine tested without any model."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import psutil

from pipeline.engine.errors import ConfigError, FreshProcess, ProcessDied
from pipeline.engine.fanout import fanout
from pipeline.engine.launch import Launch
from pipeline.engine.rows import Row, read_json, read_rows, write_json
from pipeline.engine.runner import Runner
from pipeline.engine.runs import Run
from pipeline.engine.settings import Settings, aside
from pipeline.engine.stage import Catalog, Context, Finding, Inputs, Marks, PlanContext, Stage
from pipeline.worker import take, work


class Resource(Settings):
    kind: str = "plain"
    """What it is."""
    workers: int = aside(1)
    """Threads."""


class CountConfig(Settings):
    count: int = 20
    """Rows to write."""
    pause: float = aside(0.0)
    """Seconds a row takes."""
    resource: Resource = Resource()
    """What writes them."""
    file: Path | None = None
    """Named content."""


def count(context: Context) -> dict[str, Any]:
    def square(row: Row) -> Row:
        time.sleep(context.config.pause)
        return {**row, "square": int(row["id"]) ** 2 + context.seed}

    rows = ({"id": str(number)} for number in range(context.config.count))
    done = fanout(context, rows, square, context.out / "rows.jsonl", workers=context.config.resource.workers)
    return {"rows": len(done)}


class SumConfig(Settings):
    times: int = 1
    """Factor."""
    pause: float = aside(0.0)
    """Seconds of work, in small parts."""
    trouble: str = ""
    """"raise", "config", "exit", "holds" (GPU memory, or so it says),
    "fresh" (three times, then well), "again" (always the same) or "dies" (once)."""
    met: bool = True
    """The verdict."""


def total(context: Context) -> dict[str, Any]:
    match context.config.trouble:
        case "raise":
            raise ValueError("no such luck")
        case "config":
            raise ConfigError("what", "why", "mend")
        case "fresh" if len(tried := tries(context.out)) < 3:
            (context.out / "tried").write_text(" ".join([*tried, str(os.getpid())]), encoding="utf-8")
            raise FreshProcess(f"spoilt {len(tried)}", "for a reason", "")
        case "again":
            raise FreshProcess("spoilt", "", "")
        case "dies" if not tries(context.out):
            print("last words", flush=True)
            os._exit(9)
        case "holds":
            gpu = SimpleNamespace(
                is_initialized=lambda: True,
                is_available=lambda: False,
                device_count=lambda: 1,
                get_device_properties=lambda _: SimpleNamespace(uuid="1-2-3"),
                memory_reserved=lambda _: 250,
            )
            sys.modules["torch"] = cast(Any, SimpleNamespace(cuda=gpu))
        case "exit":
            print("last words", flush=True)
            os._exit(9)
    until = time.monotonic() + context.config.pause
    while time.monotonic() < until:
        time.sleep(0.02)
        context.emit.progress(1)
        context.check_stop()
    result = context.config.times * sum(row["square"] for row in read_rows(context.inputs["numbers"] / "rows.jsonl"))
    write_json(context.out / "total.json", {"total": result})
    return {"total": result, "pid": os.getpid(), "verdict": {"met": context.config.met}}


def tries(out: Path) -> list[str]:
    """Process ids of the attempts that failed."""
    return (out / "tried").read_text("utf-8").split() if (out / "tried").exists() else []


def way_on(config: SumConfig, out: Path, death: ProcessDied) -> str:
    if config.trouble != "dies" or tries(out):
        return ""
    (out / "tried").write_text("once", encoding="utf-8")
    return f"{death.what} Another way."


def find(context: PlanContext) -> list[Finding]:
    return [Finding("note", f"times {context.config.times}", data={"inputs": sorted(context.inputs)})]


def fetch(context: Context) -> dict[str, Any]:
    write_json(context.out / "fetched.json", {"source": context.config.source})
    return {}


class FetchConfig(Settings):
    source: str = ""
    """Hub id."""


def weighed(context: Context) -> dict[str, Any]:
    marks = context.marks.get("numbers", {})
    rows = read_rows(context.inputs["numbers"] / "rows.jsonl")
    return {"total": sum(row["square"] * marks.get(row["id"], 1) for row in rows)}


def weights_of(root: Path, inputs: Inputs) -> Marks:
    """What stands in `marks.json` {id: factor} of the rows that are there."""
    file = root / "marks.json"
    if "numbers" not in inputs or not file.exists():
        return Marks()
    marks: Row = read_json(file)
    ids = {row["id"] for row in read_rows(inputs["numbers"] / "rows.jsonl")}
    found = {key: factor for key, factor in marks.items() if key in ids}
    return Marks({"numbers": found} if found else {}, {key: f"row {key}" for key in marks if key not in ids})


def plan_weighed(context: PlanContext) -> list[Finding]:
    return [Finding("note", f"{len(context.marks.get('numbers', {}))} marks")]


class TogetherConfig(Settings):
    devices: int = aside(2)
    """Processes."""
    file: Path | None = aside(None)
    """Accelerate config."""
    machines: int = aside(1)
    """Machines that the file names."""
    pause: float = aside(0.0)
    """Seconds of work."""
    trouble: str = ""
    """"raise", "kill", "linger" or "fresh" (once): what the last rank does."""


def together(context: Context) -> dict[str, Any]:
    rank, world = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    write_json(context.out / f"{rank}.json", {"pid": os.getpid(), "launcher": os.getppid()})
    print(f"said by rank {rank}", flush=True)
    context.emit.log(f"told by rank {rank}")
    if rank == world - 1:
        match context.config.trouble:
            case "raise":
                raise ValueError("no such luck")
            case "kill":
                time.sleep(1)  # the others are at work by then
                psutil.Process().kill()
            case "fresh" if not tries(context.out):
                (context.out / "tried").write_text("once", encoding="utf-8")
                raise FreshProcess("spoilt", "for a reason", "")
            case "linger":
                time.sleep(600)
    until = time.monotonic() + context.config.pause
    while time.monotonic() < until:
        time.sleep(0.02)
        context.check_stop()
    return {"rank": rank, "world": world, "pid": os.getpid()}


def launch(config: TogetherConfig) -> Launch:
    return Launch(config.devices, config.file, config.machines)


COUNT = Stage("count", CountConfig, {}, "numbers", count)
SUM = Stage(
    "sum", SumConfig, {"numbers": "numbers", "model": "model?"}, "total", total, plan=find, libraries="toy",
    way_on=way_on,
)  # fmt: skip
LIGHT_SUM = Stage("light_sum", SumConfig, {"numbers": "numbers"}, "total", total, plan=find)
WEIGHED = Stage(
    "weighed", SumConfig, {"numbers": "numbers|total"}, "total", weighed, plan=plan_weighed, marks=weights_of
)
TOGETHER = Stage("together", TogetherConfig, {}, "total", together, libraries="toy", launch=launch)
GATHER = Stage("gather", FetchConfig, {"totals": "total*"}, "gathering", lambda context: {"n": len(context.inputs)})
FETCH = Stage("fetch", FetchConfig, {}, "model", fetch, home="models")

CATALOG = Catalog(
    stages={stage.name: stage for stage in (COUNT, SUM, LIGHT_SUM, WEIGHED, TOGETHER, GATHER, FETCH)},
    resources={"resources": Resource},
    defaults={"resources": {"plain": {}}},
    fetch="fetch",
    worker="tests.engine.toy",
)

if __name__ == "__main__":
    if sys.argv[1:] and sys.argv[1].endswith(".json"):
        take(CATALOG, Path(sys.argv[1]))
        sys.exit()
    if len(sys.argv) > 1:
        sys.exit(Runner(Run(Path(sys.argv[1])), CATALOG).drive())
    work(CATALOG)
