"""A root with traces in it, and a remote judge that says what a test wants."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.engine.events import Emitter
from pipeline.engine.rows import Row, read_rows, write_rows
from pipeline.engine.stage import Context
from pipeline.stages.judge import STAGE, Config
from pipeline.tasks.dimensions import DIMENSIONS
from pipeline.tasks.records import TRACE_TYPES
from tests.servers.gemini import GeminiServer
from tests.servers.openai import MODEL, OpenAIServer

REPORTED = f"{MODEL}-2026-01-01"


def trace(number: int, **changed: Any) -> Row:
    return {
        "id": f"conflict-{number // 3:04d}/{number % 3}",
        "prompt_id": f"conflict-{number // 3:04d}",
        "category": "conflict",
        "split": "train",
        "type": TRACE_TYPES[number % 3],
        "sample": number % 3,
        "messages": [{"role": "user", "content": f"Rent or loan first, in case {number // 3}?"}],
        "thought": f"Case {number}: rent and loan cannot both be paid.",
        "answer": f"Case {number}: pay the rent, for you live there.",
        "finish": "stop",
        "provider": "openai",
        "model": "teacher",
    } | changed


def verdict(level: int | None, **levels: int | None) -> str:
    given = dict.fromkeys(DIMENSIONS, level) | levels
    return json.dumps({name: {"reason": f"Level {at}.", "score": at} for name, at in given.items()})


def answering(text: str) -> Callable[[Any], tuple[str, str]]:
    return lambda _: (text, "")


class Desk:
    """A root with traces in it, from which a judge is asked."""

    def __init__(self, root: Path, server: OpenAIServer | GeminiServer, traces: list[Row] | None = None) -> None:
        self.root, self.server = root, server
        self.events: list[tuple[str, Row]] = []
        (root / "traces").mkdir()
        self.write([trace(number) for number in range(6)] if traces is None else traces)

    def write(self, traces: list[Row]) -> None:
        write_rows(self.root / "traces" / "rows.jsonl", traces)

    def config(self, **settings: Any) -> Config:
        judge = {"kind": "openai", "model": MODEL, "base_url": self.server.base_url, "workers": 4, "timeout": 20}
        return Config.model_validate({"judge": judge} | settings)

    def run(self, name: str = "out", stop: Path | None = None, **settings: Any) -> tuple[Row, list[Row]]:
        """(summary, rows) of a run into the folder `name`."""
        out = self.root / name
        out.mkdir(exist_ok=True)
        context = Context(
            self.config(**settings), {"traces": self.root / "traces"}, out, 7,
            Emitter(lambda *event: self.events.append(event)), stop_file=stop, root=self.root, run="run", step="judge",
        )  # fmt: skip
        summary = STAGE.run(context)
        return summary, list(read_rows(out / "rows.jsonl"))

    def quarantine(self, name: str = "out") -> list[Row]:
        return list(read_rows(self.root / name / "quarantine.jsonl"))

    @property
    def answered(self) -> int:
        """What the server would bill."""
        return int(self.server.record.summary()["answered"])
