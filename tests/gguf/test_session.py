from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from pipeline.engine.errors import DataError
from pipeline.gguf.sampling import Sampling
from pipeline.gguf.session import Session, SessionDied


def test_a_loaded_file_tells_what_it_is(session: Session, plain: Path) -> None:
    info = session.load(plain)
    assert (info.context, info.trained_context) == (512, 512)
    assert info.metadata["general.name"] == "tiny"
    assert info.vocabulary == int(info.vocabulary) > 300
    assert info.parameters > 300_000
    assert session.info() == info


def test_answers_are_those_of_the_seed(session: Session, plain: Path) -> None:
    session.load(plain)

    def answer(seed: int) -> str:
        return "".join(session.generate("Why", Sampling(40, temperature=1.0, top_p=0.95, top_k=50, seed=seed)))

    assert answer(1) == answer(1) != answer(2)


def test_logits_are_those_of_the_answer(session: Session, plain: Path) -> None:
    session.load(plain)
    tokens = session.tokenize("Name three rivers")
    rows = [np.frombuffer(row, np.float32) for row in session.logits(tokens)]
    assert len(rows) == len(tokens)
    assert {row.shape for row in rows} == {(session.info().vocabulary,)}
    first = "".join(session.generate("Name three rivers", Sampling(1)))
    best = session.tokenize(first)
    assert best == [int(rows[-1].argmax())] or not first.isascii()


def test_a_stream_tells_how_it_ended_and_stops_when_told(session: Session, plain: Path) -> None:
    session.load(plain)
    stream = session.generate("the", Sampling(30))
    text = "".join(stream)
    assert stream.answer is not None
    assert (stream.answer.finish, stream.answer.tokens) == ("length", 30)
    assert text
    stream = session.generate("the", Sampling(500))
    next(stream)
    stream.stop()
    rest = list(stream)
    assert stream.answer is not None
    assert stream.answer.finish == "stopped"
    assert len(rest) < 400
    stream.stop()  # of no effect any more
    assert session.tokenize("on") == session.tokenize("on")


def test_the_next_request_ends_a_stream_that_nobody_reads(session: Session, plain: Path) -> None:
    session.load(plain)
    stream = session.generate("the", Sampling(500))
    next(stream)
    assert session.tokenize("on") == session.tokenize("on")
    logits = session.logits(session.tokenize("the sky"))
    next(logits)
    assert session.info().vocabulary > 0


def test_a_context_that_is_full_ends_the_answer(session: Session, plain: Path) -> None:
    session.load(plain, context=64)
    stream = session.generate("the sky", Sampling(500))
    list(stream)
    assert stream.answer is not None
    assert stream.answer.finish == "length"
    assert stream.answer.prompt_tokens + stream.answer.tokens == 64


@pytest.mark.parametrize(("prompt", "why"), [("", "empty"), ("the sky " * 400, "512")])
def test_a_prompt_that_cannot_be_answered(session: Session, plain: Path, prompt: str, why: str) -> None:
    session.load(plain)
    with pytest.raises(DataError, match=why):
        list(session.generate(prompt, Sampling(5)))
    assert session.tokenize("on")


def test_a_path_may_hold_any_letters(session: Session, plain: Path, tmp_path: Path) -> None:
    path = tmp_path / "mödel ✓ 日本.gguf"
    path.write_bytes(plain.read_bytes())
    assert session.load(path).metadata["general.name"] == "tiny"


def test_a_killed_child_is_told_and_replaced(plain: Path) -> None:
    with Session(timeout=60) as session:
        session.load(plain)
        stream = session.generate("the", Sampling(500))
        next(stream)
        assert session.pid is not None
        psutil.Process(session.pid).kill()
        with pytest.raises(SessionDied, match=r"died: (killed by SIGKILL|exit code)"):
            list(stream)
        stream.stop()
        with pytest.raises(DataError, match="No model is loaded"):
            session.tokenize("x")
        assert session.load(plain).vocabulary > 300


def test_a_child_that_gives_no_sign_is_ended(plain: Path) -> None:
    with Session(timeout=60) as session:
        session.load(plain)
        assert session.pid is not None
        child = psutil.Process(session.pid)
        child.suspend()
        session.timeout = 0.5
        with pytest.raises(SessionDied, match=r"no sign for 0\.5 s"):
            session.tokenize("x")
        assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_on_the_terminal_does_not_reach_the_child(session: Session, plain: Path) -> None:
    session.load(plain)
    assert session.pid is not None
    os.kill(session.pid, signal.SIGINT)
    assert os.getsid(session.pid) != os.getsid(0)
    assert session.tokenize("on")


def test_the_child_ends_with_its_parent(plain: Path) -> None:
    script = (
        "import sys, time, pathlib\n"
        "from pipeline.gguf.session import Session\n"
        "session = Session(); session.load(pathlib.Path(sys.argv[1])); print(session.pid, flush=True); time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script, str(plain)], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 60
    while child.is_running() and child.status() != psutil.STATUS_ZOMBIE and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
    parent.stdout.close()


def test_importing_loads_nothing_heavy() -> None:
    script = (
        "import sys, pipeline.gguf.verify, pipeline.gguf.quantize, pipeline.stages.export\n"
        "import pipeline.chat.file, pipeline.chat.server, pipeline.chat.line_mode, pipeline.chat.protocol\n"
        "heavy = {'llama_cpp', 'gguf', 'torch', 'transformers', 'numpy', 'jinja2', 'openai', 'httpx2'}\n"
        "print(heavy & set(sys.modules))\n"
    )
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "set()"
