"""The fast tests share the cores. The long ones, which kill and measure, do not; nor does what is asked for by name."""

from __future__ import annotations

import os

import pytest

MOST = 4
"""Processes at once: each holds a torch of its own, about 1 GB."""


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """`pytest` alone is as `pytest -n CORES --dist loadfile`, where pytest-xdist is installed and no `-n` says else."""
    if hasattr(config, "workerinput"):
        return  # one of those processes, which would start as many itself
    asked = config.option
    is_whole = config.args == config.getini("testpaths") and asked.markexpr == "not slow and not unsloth"
    if is_whole and not asked.usepdb and getattr(asked, "numprocesses", 0) is None:
        asked.numprocesses, asked.dist = min(MOST, os.cpu_count() or 1), "loadfile"
        os.environ.setdefault("OMP_NUM_THREADS", "1")  # or each would take all the cores
