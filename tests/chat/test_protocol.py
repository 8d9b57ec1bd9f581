from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import psutil
import pytest

from pipeline.engine.rows import Row, read_rows
from tests.gguf.endless import CONTEXT, TOKENS

ENDLESS = {"context": CONTEXT, "max_tokens": TOKENS, "temperature": 0}


class Screen:
    """Stands in for a screen: starts the chat as a child process and speaks its protocol."""

    def __init__(self, *words: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pipeline", "chat", "--jsonl", *words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self._timer = threading.Timer(120, self.process.kill)
        self._timer.start()

    @property
    def stdin(self) -> IO[bytes]:
        assert self.process.stdin is not None
        return self.process.stdin

    def do(self, do: str, **fields: Any) -> None:
        self.write(json.dumps({"do": do, **fields}))

    def write(self, line: str) -> None:
        self.stdin.write(line.encode() + b"\n")
        self.stdin.flush()

    def events(self) -> Iterator[Row]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            yield json.loads(line)

    def until(self, *kinds: str) -> list[Row]:
        """Events up to the first of these kinds."""
        seen = []
        for event in self.events():
            seen.append(event)
            if event["event"] in kinds:
                return seen
        assert self.process.stderr is not None
        raise AssertionError(f"it ended after {seen}: {self.process.stderr.read().decode()}")

    def close(self) -> int:
        self.stdin.close()
        code = self.process.wait(timeout=120)
        self._timer.cancel()
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()
        return code


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[Screen]:
    screen = Screen("--root", str(tmp_path), "--max-tokens", "8", "--temperature", "1")
    yield screen
    screen.process.kill()
    screen.close()


def test_a_whole_chat(screen: Screen, model: Path, tmp_path: Path) -> None:
    screen.do("send", text="Why?", id=1)
    (error,) = screen.until("error")
    assert (error["id"], error["what"], error["mend"]) == (1, "Nobody is there to talk to.", "Load one first.")
    screen.do("load", model=str(tmp_path / "none.gguf"), id="a")
    assert "no GGUF file" in screen.until("error")[-1]["what"]
    screen.do("load", model=str(model), settings={"seed": 4})
    (loaded,) = screen.until("loaded")
    assert (loaded["name"], loaded["title"], loaded["context"]) == ("tiny.gguf", "\x1b[31mtiny", 512)
    assert (loaded["settings"]["seed"], loaded["settings"]["max_tokens"]) == (4, 8)

    screen.do("send", text="Why is the sky blue?", id=2)
    events = screen.until("done", "error")
    done = events[-1]
    assert {event["id"] for event in events} == {2}
    assert {event["event"] for event in events[:-1]} <= {"thought", "answer"}
    said = "".join(event["text"] for event in events[:-1])
    assert said
    assert done["tokens"] <= 8 and done["used"] + done["left"] == done["context"] == 512
    assert (done["turns"], done["forgotten"], done["reused"]) == (1, 0, 0)
    assert done["tokens_per_second"] > 0 and 0 < done["first_seconds"] < done["seconds"]

    screen.do("settings", set={"thinking": False, "system": "Be brief."})
    assert screen.until("settings")[-1]["settings"]["thinking"] is False
    screen.do("settings", set={"top_p": 7})
    assert "`top_p`" in screen.until("error")[-1]["what"]
    screen.do("unload")
    screen.until("unloaded")
    screen.do("reset")
    screen.until("reset")
    screen.do("save", path=str(tmp_path / "said.jsonl"))
    assert screen.until("saved")[-1]["conversations"] == len(list(read_rows(tmp_path / "said.jsonl"))) == 1
    screen.do("send", text="And?")
    assert screen.until("done")[-1]["turns"] == 1
    screen.do("quit")
    assert screen.close() == 0
    assert len(list(read_rows(tmp_path / "said.jsonl"))) == 2


def test_a_stop_is_heard_at_once_even_before_the_answer_begins(screen: Screen, endless: Path) -> None:
    screen.do("load", model=str(endless), settings=ENDLESS)
    screen.until("loaded")
    screen.do("send", text="Why?")
    screen.until("answer", "thought")
    screen.do("stop")
    done = screen.until("done")[-1]
    assert (done["finish"], done["turns"]) == ("stopped", 1)
    screen.do("stop")  # of no effect on what comes
    screen.do("settings", set={"max_tokens": 3})
    screen.do("send", text="And?")
    assert screen.until("done")[-1]["finish"] in ("length", "stop")
    screen.do("settings", set=ENDLESS)
    screen.stdin.write(b'{"do": "send", "text": "Again?"}\n{"do": "stop"}\n')
    screen.stdin.flush()
    done = screen.until("done")[-1]
    assert done["finish"] == "stopped"
    assert done.get("tokens", 0) < TOKENS / 2


def test_lines_that_are_no_commands_are_told(screen: Screen) -> None:
    for line, words in (
        ("hello", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[1]", "no command"),
        ('{"do": ["send"]}', "no command"),
        ('{"do": "sned"}', "no command"),
        ('{"do": "send", "txt": "a"}', "`send` has no field `txt`"),
        ('{"do": "send", "text": 3}', "`text` of `send` is no text"),
        ('{"do": "send"}', "needs `text`"),
        ('{"do": "load", "model": "a", "settings": 5}', "`settings` of `load` is no object"),
        ('{"do": "load", "server": "a", "model": "b"}', "`a` is no address"),
    ):
        screen.write(line)
        assert words in screen.until("error")[-1]["what"]
    screen.write("")


def test_the_death_of_the_model_ends_nothing(screen: Screen, endless: Path) -> None:
    screen.do("load", model=str(endless), settings=ENDLESS)
    screen.until("loaded")
    screen.do("send", text="Why?")
    screen.until("answer", "thought")
    (child,) = psutil.Process(screen.process.pid).children()
    child.kill()
    assert screen.until("error", "done")[-1]["type"] == "SessionDied"
    screen.do("load", model=str(endless), settings={"max_tokens": 4})
    screen.until("loaded")
    screen.do("send", text="Why?")
    assert screen.until("done", "error")[-1]["event"] == "done"


def test_the_end_of_input_ends_it_in_mid_answer_with_its_model(screen: Screen, endless: Path) -> None:
    screen.do("load", model=str(endless), settings=ENDLESS)
    screen.until("loaded")
    screen.do("send", text="Why?")
    screen.until("answer", "thought")
    (child,) = psutil.Process(screen.process.pid).children()
    screen.stdin.close()
    assert list(screen.events())[-1]["finish"] == "stopped"
    assert screen.close() == 0
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
