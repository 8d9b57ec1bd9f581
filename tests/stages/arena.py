"""Answers of contestants written by hand, and a judge of pairs that says what a test wants."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pipeline.engine.events import Emitter
from pipeline.engine.rows import Row, read_json, read_rows, write_json, write_rows
from pipeline.engine.stage import Context, PlanContext
from pipeline.stages.tournament import STAGE, Config
from tests.servers.openai import MODEL, OpenAIServer, prompt_of

LIMITS = {"heldout": 1, "temperature": 0.7, "top_p": 1.0, "max_tokens": 64, "thinking": True}


def answer(prompt: int, text: str, finish: str = "stop", sample: int = 0, **changed: Any) -> Row:
    return {
        "id": f"heldout/p{prompt}/{sample}",
        "set": "heldout",
        "prompt_id": f"p{prompt}",
        "category": "complexity",
        "sample": sample,
        "messages": [{"role": "user", "content": f"Question {prompt}?"}],
        "truth": None,
        "thought": "A thought that nobody judges.",
        "answer": text,
        "finish": finish,
        "outcome": "answered",
        "tokens": 9,
    } | changed


def prefers(better: Callable[[str, str], str]) -> Callable[[Any], tuple[str, str]]:
    """A judge that says `better(text of the first answer, text of the second)`: first, second or tie."""

    def judge(body: Any) -> tuple[str, str]:
        first, second = (_section(prompt_of(body), name) for name in ("answer first", "answer second"))
        return json.dumps({"reason": "It is so.", "winner": better(first, second)}), ""

    return judge


def _section(case: str, name: str) -> str:
    """What stands between the tags of that name."""
    return case.split(f"\n<{name} ")[1].split(f"\n</{name} ")[0].partition(">\n")[2]


def shorter(first: str, second: str) -> str:
    return "first" if len(first) < len(second) else "second"


class Arena:
    """A root in which contestants meet; with a server, its judge decides, else the embedded one."""

    def __init__(self, root: Path, server: OpenAIServer | None = None) -> None:
        self.root, self.server = root, server
        self.events: list[tuple[str, Row]] = []
        self.answers: dict[str, Path] = {}

    def enter(self, name: str, rows: list[Row], **limits: Any) -> None:
        folder = self.answers[name] = self.root / name
        folder.mkdir(exist_ok=True)
        write_rows(folder / "rows.jsonl", rows)
        prompts = len({row["prompt_id"] for row in rows if row["set"] == "heldout"})
        sheet = {
            "format": 1,
            "contestant": {"kind": "model", "model": name, "system_prompt": ""},
            "limits": LIMITS | limits,
            "sets": {"heldout": {"prompts": prompts, "answers": len(rows), "outcomes": {}}},
        }
        write_json(folder / "answers.json", sheet)

    def config(self, **settings: Any) -> Config:
        judge: Row = {"kind": "offline"}
        if self.server:
            judge = {"kind": "openai", "model": MODEL, "base_url": self.server.base_url, "workers": 4, "timeout": 20}
        return Config.model_validate({"judge": judge, "rounds": 100} | settings)

    def run(self, name: str = "out", stop: Path | None = None, **settings: Any) -> tuple[Row, list[Row]]:
        """(tournament.json, battles) of a run into the folder `name`."""
        out = self.root / name
        out.mkdir(exist_ok=True)
        context = Context(
            self.config(**settings), {"answers": self.answers}, out, 7,
            Emitter(lambda *event: self.events.append(event)), stop_file=stop, root=self.root, run="run", step="t",
        )  # fmt: skip
        self.summary = STAGE.run(context)
        return read_json(out / "tournament.json"), list(read_rows(out / "battles.jsonl"))

    def plan(self, several: Mapping[str, Row] | None = None, **settings: Any) -> list[tuple[str, str, Row]]:
        """(level, text, data) of what `plan` finds; `several`: what the makers say of answers that are not there."""
        given = {"answers": self.answers} if several is None else {}
        told = {name: read_json(path / "answers.json") for name, path in self.answers.items()}
        context = PlanContext(
            self.config(**settings), given, 7, self.root, several={"answers": told if several is None else several}
        )
        return [(found.level, found.text, dict(found.data)) for found in STAGE.plan(context)]

    @property
    def answered(self) -> int:
        """What the server would bill."""
        assert self.server
        return int(self.server.record.summary()["answered"])
