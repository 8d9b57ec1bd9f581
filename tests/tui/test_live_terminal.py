"""A real terminal: a run goes on whatever becomes of the window, and the window leaves the terminal as it was."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.engine.artifacts import Workspace
from pipeline.engine.runs import find_run, list_runs
from tests.tui.made import made, trained
from tests.tui.terminal import Pty, Tmux, await_that
from tests.tui.test_live import processes_of

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")


TERMINAL = Tmux if shutil.which("tmux") else Pty
"""Either costs a run of `nano`, so only one of them has it."""


@pytest.fixture
def nano(tmp_path: Path) -> Iterator[Path]:
    """A workspace whose run is stopped when all is over, whatever came to pass."""
    root = tmp_path / "live"
    root.mkdir()
    yield root
    for run in list_runs(Workspace(root)):
        if run.is_alive():
            run.ask_stop()
            await_that(lambda run=run: not run.is_alive(), 120)


@pytest.mark.slow
def test_nano_is_started_left_found_again_and_stopped(nano: Path, tmp_path: Path) -> None:
    window = TERMINAL(["-m", "tui", "--root", str(nano)], tmp_path / "home")
    window.see("no run yet")
    window.press("3")
    window.see("new run of quickstart", 60)
    window.press("p")
    window.see("A preset to start from")
    window.press("nano\r")
    window.see("new run of nano", 60)
    window.see("no fault", 120)
    window.press("S")
    window.see("running", 120)
    run = find_run(Workspace(nano), "last")
    window.press("q")
    assert window.ended() == 0 and window.is_restored()
    window.close()
    assert run.is_alive()

    window = TERMINAL(["-m", "tui", run.id, "--root", str(nano)], tmp_path / "home")
    window.see("running")
    window.press("x")
    window.see("Stop ")
    window.press("y")
    window.see("stopped", 120)
    await_that(lambda: not run.is_alive(), 10)
    window.press("q")
    assert window.ended() == 0 and window.is_restored()
    window.close()
    await_that(lambda: processes_of(nano) == [], 10, lambda: "\n".join(processes_of(nano)))


@contextlib.contextmanager
def window_on_a_live_run(root: Path, before: str = "") -> Iterator[Pty]:
    """The run's lock is held here. `before`: what the program does first."""
    run = made(root, trained(20, state=None))
    script = f"import runpy, signal, sys\n{before}\nrunpy.run_module('tui', run_name='__main__', alter_sys=True)"
    with run.lock():
        window = Pty(["-c", script, run.id, "--root", str(root)], root / "home")
        try:
            window.see("stalled")
            yield window
        finally:
            if not window.is_gone():
                window.kill(signal.SIGKILL)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_gives_the_screen_back(tmp_path: Path, name: str) -> None:
    number = signal.Signals[name]
    with window_on_a_live_run(tmp_path) as window:
        window.kill(number)
        assert window.ended(5) == 128 + number and window.is_restored()


@pytest.mark.parametrize("before", ["", "signal.signal = lambda *_: None; signal.pthread_sigmask(0, {1})"])
def test_a_terminal_that_is_closed_takes_the_window_with_it(tmp_path: Path, before: str) -> None:
    """With SIGHUP, and where nobody hears it."""
    with window_on_a_live_run(tmp_path, before) as window:
        window.close()
        assert window.ended(5) == 129
        assert processes_of(tmp_path) == []
