"""python -m tui [RUN]: the terminal window."""

from __future__ import annotations

import argparse
import gc
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textual.app import App

LEAVING = 2.0
"""Seconds that the window has to restore the screen."""


def main(words: list[str]) -> int:
    """Operate all of the pipeline from one terminal window. Closing it stops no run."""
    asked = _parser().parse_args(words)
    if asked.serve:
        from tui.serve import serve

        return serve(words, asked.port)
    gc.disable()  # nothing of what is made until the window stands is garbage; looking for it is a tenth of the time
    from pipeline.engine.artifacts import Workspace
    from pipeline.engine.errors import PipelineError
    from pipeline.engine.runs import find_run
    from tui.app import Cockpit

    try:
        found = find_run(Workspace(asked.root.resolve()), asked.run) if asked.run else None
    except PipelineError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    app = Cockpit(asked.root, found, plain=asked.ascii)
    _leave_well(app)
    app.run()
    sys.stdout.flush()
    os._exit(app.return_code or 0)  # a thread that waits for a child must not hold the terminal


def _parser() -> argparse.ArgumentParser:
    """argparse, for Typer's import takes a tenth of the time to the first paint."""
    parser = argparse.ArgumentParser("python -m tui", description=main.__doc__)
    parser.add_argument("run", nargs="?", default="", help="a run to open at: an id, a part of it, or last")
    parser.add_argument("--root", type=Path, default=Path(), help="the folder that holds data/, models/ and configs/")
    parser.add_argument("--ascii", action="store_true", help="letters of ASCII alone, for poor terminals")
    parser.add_argument("--serve", action="store_true", help="show it in a browser, on this machine alone")
    parser.add_argument("--port", type=int, default=8000, help="port of --serve")
    return parser


def _leave_well(app: App[None]) -> None:
    """A polite kill or a terminal that closes: give the screen back and end. Textual installs no handler, and reads on
    from a terminal that is gone as fast as it can."""

    def leave(number: int, _frame: Any) -> None:
        threading.Thread(target=_leave, args=(app, 128 + number), daemon=True).start()

    for name in ("SIGTERM", "SIGHUP"):
        if number := getattr(signal, name, None):
            signal.signal(number, leave)
    if sys.stdin.isatty():
        threading.Thread(target=_watch, args=(app,), daemon=True).start()


def _leave(app: App[None], code: int) -> None:
    """In a thread, since only that wakes a loop that waits."""
    if app.is_running:
        app.call_later(app.exit, None, code)
        time.sleep(LEAVING)
    os._exit(code)


def _watch(app: App[None]) -> None:
    """In a thread: a terminal may go without SIGHUP, or with nobody to hear it."""
    while sys.stdin.isatty():
        time.sleep(1.0)
    _leave(app, 128 + 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
