"""Which process it is, in a word that no later process with the same number can carry."""

from __future__ import annotations

import os
import socket
from functools import cache

import psutil


@cache
def _of(pid: int) -> str:
    return f"{socket.gethostname()}:{pid}:{psutil.Process(pid).create_time():.2f}"


def this_process() -> str:
    """`host:pid:time of its start`."""
    return _of(os.getpid())


def is_alive(process: str | None) -> bool:
    """Whether that process lives. One on another host cannot be asked and counts as dead."""
    host, _, rest = (process or "").partition(":")
    pid, _, began = rest.partition(":")
    if host != socket.gethostname() or not pid.isdigit():
        return False
    try:
        return f"{psutil.Process(int(pid)).create_time():.2f}" == began
    except psutil.Error:
        return False
