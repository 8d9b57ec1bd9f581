"""`accelerate launch` under an eye: `python -m pipeline.engine.launcher ARGUMENTS`, started by the runner.

It has a line to the runner like the ranks that it starts, so that it ends with the runner even while they start.
"""

from __future__ import annotations

import runpy
import sys

from pipeline.engine.connection import Connection

if __name__ == "__main__":
    Connection(rank=-1, world=0)
    sys.argv[0] = "accelerate launch"
    runpy.run_module("accelerate.commands.launch", run_name="__main__")
