"""The command line: `python -m pipeline COMMAND`. Its commands stand in `commands/`."""

from __future__ import annotations

import sys

from pipeline.commands import driving, looking, talking
from pipeline.commands.app import app

__all__ = ["app", "driving", "looking", "main", "talking"]


def main() -> None:
    """Entry point: an error of ours is shown as what, why and how to mend it, with its exit code."""
    from pipeline.engine.errors import PipelineError

    try:
        app()
    except (PipelineError, OSError) as error:
        from pipeline.commands.terminal import show_error
        from pipeline.engine.execution import plain_error

        plain = plain_error(error)
        show_error(plain)
        sys.exit(plain.exit_code)
