"""Workspaces with rows made by hand, and the Traces screen opened on them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from pipeline.engine.rows import Row, write_json, write_rows
from pipeline.tasks.dimensions import DIMENSIONS
from tests.tui.settle import until
from tui.app import Cockpit
from tui.screens.traces import TracesScreen
from tui.widgets.trace_list import TraceList

BAD = (
    "[INST] a [/INST] [/x]", "[@click=app.quit]x[/]", "\x1b]0;title\x07\x1b[2J", "\x9b31m", "a\u202eb\u2066c",
    "nul\x00",
    "lone \ud800 one", "line\u2028para\u2029", "漢字" * 40, "e\u0301\u200b\u200d" * 40, "tab\tand\nnewline",
    "$x {y} \\[",
    "x" * 1_000_000,
)  # fmt: skip
Script = Callable[[Pilot[Any], Cockpit], Awaitable[None]]


def trace(number: int, answer: str = "", **more: Any) -> Row:
    """The three traces of prompt `number // 3`; the reward grows from one to the next."""
    return {
        "id": f"p{number // 3}/{number % 3}", "prompt_id": f"p{number // 3}", "split": "train", "sample": number % 3,
        "category": ("safety", "conflict")[number // 3 % 2], "type": ("rejected", "adequate", "chosen")[number % 3],
        "messages": [{"role": "user", "content": f"Question {number // 3}?"}], "thought": f"thinking of {number}",
        "answer": answer or f"answer {number}", "finish": "stop", "provider": "offline", "model": "made",
        "scores": dict.fromkeys(DIMENSIONS, number % 10 / 10), "reasons": {"helpfulness": f"because {number}"},
        "spread": {"helpfulness": number / 100}, "reward": (number % 100) / 100, **more,
    }  # fmt: skip


def poisoned() -> list[Row]:
    """Each bad text in each field, and each field of a wrong type."""
    rows = [trace(number, text, thought=text, category=text, type=text, model=text, prompt_id=text, id=text,
                  messages=[{"role": text, "content": text}], reasons=dict.fromkeys(DIMENSIONS, text))
            for number, text in enumerate(BAD)]  # fmt: skip
    for wrong in (None, 7, "text", [1], {"a": {}}, True):
        for name in trace(0):
            rows.append({**trace(0), name: wrong, "id": f"{name} {wrong}"} | ({"id": wrong} if name == "id" else {}))
    return [*rows, {}, {"id": "prompt", "messages": [{"role": "user", "content": "no answer"}]}]


def space(root: Path, rows: Sequence[Row], name: str = "judge-000000000001", kind: str = "") -> Path:
    """A workspace with one artifact of rows more; the rows file of it."""
    folder = root / "data" / name
    folder.mkdir(parents=True)
    write_rows(folder / "rows.jsonl", rows)
    write_json(folder / "made.json", {"kind": kind or name.partition("-")[0], "inputs": {}, "files": {}, "digest": ""})
    return folder / "rows.jsonl"


def on_traces(root: Path, script: Script, size: tuple[int, int] = (120, 40), plain: bool = False) -> None:
    """Run a script on the Traces screen, once it has settled on an artifact, or found that there is none."""

    async def run() -> None:
        app = Cockpit(root, home=root / "home", plain=plain)
        async with app.run_test(size=size, notifications=True, tooltips=True) as pilot:
            await pilot.press("4")
            await until(pilot, lambda: isinstance(app.screen, TracesScreen) and app.screen.ready)
            rows = app.screen.query_one(TraceList)
            await until(pilot, lambda: rows.path is None or rows.places or "cannot" in str(rows.border_title))
            await script(pilot, app)

    asyncio.run(run())


def seen(app: Cockpit) -> str:
    """The letters on the screen."""
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())
