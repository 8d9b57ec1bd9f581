"""Tells when the screen has done all it was asked: by the loop itself, not by a clock or by how busy the CPU is.

A pilot of Textual pauses until the process uses little CPU. On a machine with other work to do the CPU is taken away,
which looks the same: tests went on before a screen was composed. What threads and processes do, `until` waits for.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from textual._context import active_app
from textual.app import App
from textual.pilot import Pilot
from textual.widget import Widget

PATIENCE = 120.0
"""Seconds; on a machine with ten other programs at work, a process that talks to a server took 70 to start."""


async def settle(app: App[Any]) -> None:
    """Wait until every widget of every screen is mounted, every message handled and the screen drawn."""
    end = time.monotonic() + PATIENCE
    loop: Any = asyncio.get_running_loop()
    while app._exception is None:
        assert time.monotonic() < end, "the screen never came to rest"
        await asyncio.sleep(0)
        if loop._ready:  # somebody's turn: a message, a callback, a task
            continue
        if not all(node.is_mounted for node in app._registry if isinstance(node, Widget)):
            await asyncio.sleep(0.001)
        elif app._screen_stack and _stale(app):
            app.screen._on_timer_update()  # else in the next sixtieth of a second
        else:
            return


def _stale(app: App[Any]) -> bool:
    screen = app.screen
    waits = screen._layout_required or screen._scroll_required or screen._repaint_required or screen._recompose_required
    drawn = screen.is_current and not app._batch_count
    return bool(screen._callbacks or (drawn and (waits or screen._dirty_widgets)))


async def until(pilot: Pilot[Any], true: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait until something is so, and the screen has settled on it; it fails after so many seconds."""
    end = time.monotonic() + seconds
    await settle(pilot.app)
    while not true():
        assert time.monotonic() < end, "it never came to be"
        await asyncio.sleep(0.005)
        await settle(pilot.app)


async def waited(pilot: Pilot[Any], _seconds: float = 0.0) -> bool:
    """Stands for a pilot's wait for its screen."""
    await settle(pilot.app)
    return pilot.app._exception is None


async def idle(_least: float = 0.0, _most: float = 0.0) -> None:
    """Stands for Textual's wait for a CPU that is idle."""
    await settle(active_app.get())
