"""python -m tui [RUN]: the terminal window."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

cli = typer.Typer(add_completion=False)


@cli.command()
def main(
    run: Annotated[str, typer.Argument(help="A run to open at: an id, a part of it, or last.")] = "",
    root: Annotated[Path, typer.Option(help="The folder that holds data/, models/ and configs/.")] = Path(),
    ascii_only: Annotated[bool, typer.Option("--ascii", help="Letters of ASCII alone, for poor terminals.")] = False,
    serve: Annotated[bool, typer.Option("--serve", help="Show it in a browser, on this machine alone.")] = False,
    port: Annotated[int, typer.Option(help="Port of --serve.")] = 8000,
) -> None:
    """Operate all of the pipeline from one terminal window. Closing it stops no run."""
    from pipeline.engine.artifacts import Workspace
    from pipeline.engine.errors import PipelineError
    from pipeline.engine.runs import find_run
    from tui.app import Cockpit

    if serve:
        raise typer.Exit(_serve(sys.argv[1:], port))
    try:
        found = find_run(Workspace(root.resolve()), run) if run else None
    except PipelineError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(error.exit_code) from None
    app = Cockpit(root, found, plain=ascii_only)
    _leave_well(app)
    app.run()
    sys.stdout.flush()
    os._exit(app.return_code or 0)  # a thread that waits for a child must not hold the terminal


def _leave_well(app: Any) -> None:
    """A terminal that closes, or a polite kill: give the screen back and end. Textual installs no handler."""

    def leave(number: int, _frame: Any) -> None:
        if not app.is_running or number == getattr(signal, "SIGHUP", None):
            os._exit(128 + number)  # the terminal is gone: nothing is left to restore
        app.call_later(app.exit, None, 128 + number)

    for name in ("SIGTERM", "SIGHUP"):
        if number := getattr(signal, name, None):
            signal.signal(number, leave)


def _serve(words: list[str], port: int) -> int:
    try:
        from textual_serve.server import Server
    except ImportError:
        typer.echo('textual-serve is not installed. Mend it with: pip install -e ".[serve]"', err=True)
        return 2
    kept = [word for word in words if word != "--serve"]
    command = " ".join([f'"{sys.executable}"', "-m", "tui", *(f'"{word}"' for word in kept)])
    Server(command, host="localhost", port=port, title="Training cockpit").serve()
    return 0


if __name__ == "__main__":
    cli()
