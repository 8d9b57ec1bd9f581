"""The window in a browser, through textual-serve: on this machine alone, and for the page that it serves alone."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from typing import Any


def serve(words: Sequence[str], port: int) -> int:
    """Serve `python -m tui` with these words until Ctrl-C; exit code 2 where that cannot be."""
    try:
        from aiohttp import web
        from textual_serve.server import Server
    except ImportError:
        print('textual-serve is not installed. Mend it with: pip install -e ".[serve]"', file=sys.stderr)
        return 2

    class Guarded(Server):  # type: ignore[misc]
        async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
            """A browser says from which page a connection comes. Any page that it has open could ask for one here."""
            if not is_ours(request.headers.get("Origin", ""), port):
                raise web.HTTPForbidden(text="This page may not operate the cockpit.")
            answer: Any = await super().handle_websocket(request)
            return answer  # type: ignore[no-any-return]

    command = [sys.executable, "-m", "tui", *(word for word in words if word != "--serve")]
    line = subprocess.list2cmdline(command) if os.name == "nt" else shlex.join(command)
    try:
        Guarded(line, host="localhost", port=port, title="Training cockpit").serve()
    except OSError as error:
        print(f"Port {port} cannot be served: {error.strerror}. Name another with --port.", file=sys.stderr)
        return 2
    return 0


def is_ours(origin: str, port: int) -> bool:
    """Whether a page was served by us, so that neither another site nor a name that now leads here gets in."""
    hosts = ("localhost", "127.0.0.1", "[::1]")
    return origin in [f"http://{host}:{port}" for host in hosts]
