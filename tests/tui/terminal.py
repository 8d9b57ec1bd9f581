"""Real terminals for the tests: a program behind a pseudo-terminal, or in tmux where that is installed."""

from __future__ import annotations

import os
import re
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[PX^_].*?\x1b\\|\x1b[ -~]", re.S)


def await_that(true: Callable[[], object], seconds: float, told: Callable[[], str] = str) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"it never came to be:\n{told()}"
        time.sleep(0.05)


class Pty:
    """A program and the terminal that it believes to have, 120 x 40. What it writes is gathered by a thread."""

    def __init__(self, words: Sequence[str], home: Path) -> None:
        import fcntl
        import pty
        import termios

        environment = {**os.environ, "TERM": "xterm-256color", "COCKPIT_HOME": str(home)}
        self.pid, self._master = pty.fork()
        if self.pid == 0:
            os.execve(sys.executable, [sys.executable, *words], environment)
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        self._said = bytearray()
        self._seen = 0
        self.code: int | None = None
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                said = os.read(self._master, 65536)
            except OSError:
                return  # the program is gone, or the terminal was closed
            if not said:
                return
            self._said += said

    @property
    def raw(self) -> str:
        return self._said.decode("utf-8", "replace")

    @property
    def text(self) -> str:
        """What was written since the last `press`, without its escape sequences."""
        return ESCAPES.sub("", self._said[self._seen :].decode("utf-8", "replace"))

    def press(self, keys: str) -> None:
        self._seen = len(self._said)
        os.write(self._master, keys.encode())

    def see(self, words: str, seconds: float = 120.0) -> None:
        await_that(lambda: words in self.text, seconds, lambda: f"{words!r} in\n{self.text[-6000:]}")

    def is_restored(self) -> bool:
        """Whether the screen of before is back, its cursor shown, and neither mouse nor paste is reported any more."""
        modes = dict(re.findall(r"\x1b\[\?(\d+)([hl])", self.raw))
        return [modes[mode] for mode in ("1049", "25", "1000", "1004", "2004")] == ["l", "h", "l", "l", "l"]

    def close(self) -> None:
        """The window is closed."""
        os.close(self._master)

    def kill(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def is_gone(self) -> bool:
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.code = os.waitstatus_to_exitcode(status) if pid else None
        return self.code is not None

    def ended(self, seconds: float = 60.0) -> int:
        """Its exit code, once it has ended and all that it wrote is read."""
        await_that(self.is_gone, seconds, lambda: self.text[-3000:])
        self._reader.join(5)
        assert self.code is not None
        return self.code


class Tmux:
    """A program in a window of a tmux server of its own, 120 x 40."""

    def __init__(self, words: Sequence[str], home: Path) -> None:
        home.mkdir(exist_ok=True)
        self._socket = str(home / f"tmux-{len(list(home.glob('tmux-*')))}")  # an old server may still be leaving
        program = ["env", f"COCKPIT_HOME={home}", sys.executable, *words]
        self._do("-f", os.devnull, "new-session", "-d", "-x", "120", "-y", "40", "sh")
        self._do("send-keys", "-l", " ".join(f"'{word}'" for word in program) + "; echo code=$?")
        self._do("send-keys", "Enter")

    def _do(self, *words: str) -> str:
        return subprocess.run(["tmux", "-S", self._socket, *words], capture_output=True, text=True, check=True).stdout

    @property
    def text(self) -> str:
        """The letters on the screen."""
        return self._do("capture-pane", "-p")

    def press(self, keys: str) -> None:
        for key in keys:
            self._do("send-keys", *(["Enter"] if key == "\r" else ["-l", key]))

    def see(self, words: str, seconds: float = 120.0) -> None:
        await_that(lambda: words in self.text, seconds, lambda: f"{words!r} in\n{self.text}")

    def is_restored(self) -> bool:
        return self._do("display-message", "-p", "#{alternate_on} #{cursor_flag} #{mouse_any_flag}").split() == [
            "0", "1", "0",
        ]  # fmt: skip

    def ended(self, seconds: float = 60.0) -> int:
        await_that(lambda: re.search(r"code=\d+", self.text), seconds, lambda: self.text)
        return int(re.findall(r"code=(\d+)", self.text)[-1])

    def close(self) -> None:
        self._do("kill-server")
