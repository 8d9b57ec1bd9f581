"""A provider that does what a test tells it to, and an account over it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.engine.events import Emitter
from pipeline.engine.ledger import Ledger
from pipeline.engine.rows import Row
from pipeline.engine.stage import Context
from pipeline.providers.account import Account
from pipeline.providers.prices import load_prices
from pipeline.providers.provider import ProviderSettings, Reply, Request, Usage

PRICES = """
[models."m"]
input = 1.0
output = 10.0
"""


def body(text: str = "fine", finish: str = "stop") -> bytes:
    return json.dumps({"text": text, "finish": finish}).encode()


class Scripted:
    """`script(request, number)` gives a body or raises; `number` counts the sends from 0."""

    account = "scripted"

    def __init__(self, script: Callable[[Request, int], bytes]) -> None:
        self.script = script
        self.sent: list[Request] = []
        self.checks = 0
        self.fault: Exception | None = None
        self._lock = threading.Lock()

    def check(self) -> None:
        self.checks += 1
        if self.fault:
            raise self.fault

    def send(self, request: Request) -> bytes:
        with self._lock:
            number = len(self.sent)
            self.sent.append(request)
        return self.script(request, number)

    def read(self, raw: bytes) -> Reply:
        reply = json.loads(raw)
        return Reply(reply["text"], "", reply["finish"], "m-1", Usage(input=1000, output=100))

    def close(self) -> None:
        pass


class Desk:
    """An account in a folder, its provider and the events it sends; `account` opens another one on the same ledger."""

    def __init__(self, folder: Path, script: Callable[[Request, int], bytes] = lambda *_: body()) -> None:
        self.folder = folder
        self.provider = Scripted(script)
        self.events: list[tuple[str, Row]] = []
        self.ledger = Ledger(folder / "ledger.sqlite")
        (folder / "prices.toml").write_text(PRICES, encoding="utf-8")

    def account(self, **settings: Any) -> Account:
        emit = Emitter(lambda kind, data: self.events.append((kind, data)))
        context = Context(None, {}, self.folder, 1, emit, stop_file=self.folder / "stop", run="r", step="s")
        asked = ProviderSettings(kind="openai", model="m", **settings)
        return Account(asked, self.provider, self.ledger, load_prices([self.folder]), context)

    def alerts(self) -> list[str]:
        return [data["text"] for kind, data in self.events if kind == "alert"]
