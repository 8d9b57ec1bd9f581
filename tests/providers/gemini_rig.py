"""What the tests of Gemini share: a provider on a fake service, with a key or through Vertex."""

from __future__ import annotations

import socket
from typing import Any

from pipeline.providers.gemini import Gemini
from pipeline.providers.provider import ProviderSettings, Request
from tests.servers.gemini import KEY, PROJECT, TOKEN
from tests.servers.script import Script

MODEL = "gemini-3-pro-preview"
QUESTION = Request([{"role": "user", "content": "Should I move?"}], system="Think first.")
ENVIRON = {"GEMINI_API_KEY": KEY, "TOKEN": TOKEN}
VERTEX = {"project": PROJECT, "key_env": "TOKEN"}


def gemini(url: str, environ: dict[str, str] = ENVIRON, **settings: Any) -> Gemini:
    values = {"kind": "gemini", "model": MODEL, "base_url": url, "timeout": 5.0, **settings}
    return Gemini(ProviderSettings(**values), environ)


def scripted(*actions: str) -> Script:
    return Script(lambda number, _: actions[number - 1] if number <= len(actions) else None)


def refusing_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
