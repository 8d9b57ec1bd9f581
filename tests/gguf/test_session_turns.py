"""What a conversation needs of a session: earlier turns reused, a stop that is heard at once, memory given back."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import pytest

from pipeline.engine.errors import DataError
from pipeline.gguf.answer import Answer
from pipeline.gguf.room import ContextFull
from pipeline.gguf.sampling import Sampling
from pipeline.gguf.session import Session, SessionDied
from tests.gguf.endless import CONTEXT, TOKENS, make_endless


def ask(session: Session, prompt: str, tokens: int = 4, reuse: bool = True) -> tuple[str, Answer]:
    stream = session.generate(prompt, Sampling(tokens), reuse=reuse)
    text = "".join(stream)
    assert stream.answer is not None
    return text, stream.answer


def test_what_prompts_have_in_common_is_not_run_again(session: Session, plain: Path) -> None:
    session.load(plain)
    first = "Name three rivers, please. " * 4
    text, answer = ask(session, first)
    assert answer.reused == 0
    for second in (first + text + " Why is the sky blue?", "Name three lakes.", first):
        continued, answer = ask(session, second)
        assert 0 < answer.reused < answer.prompt_tokens == len(session.tokenize(second))
        fresh, answer = ask(session, second, reuse=False)
        assert (continued, answer.reused) == (fresh, 0)
    # The same prompt again: its last token is run, for its logits are wanted.
    again, answer = ask(session, first)
    assert (again, answer.reused) == (text, answer.prompt_tokens - 1)


def test_a_prompt_is_not_reused_unasked_nor_after_logits(session: Session, plain: Path) -> None:
    session.load(plain)
    ask(session, "the sky is blue")
    assert ask(session, "the sky is blue", reuse=False)[1].reused == 0
    list(session.logits(session.tokenize("of many kinds")))
    assert ask(session, "of many kinds")[0] == ask(session, "of many kinds", reuse=False)[0]


def test_an_answer_that_was_stopped_can_be_gone_on_from(session: Session, endless: Path) -> None:
    session.load(endless, CONTEXT)
    stream = session.generate("the sky is blue", Sampling(TOKENS), reuse=True)
    said = [next(stream) for _ in range(5)]
    stream.stop()
    said += stream
    prompt = "the sky is blue" + "".join(said)[:40]
    assert ask(session, prompt)[0] == ask(session, prompt, reuse=False)[0]


def test_room_for_an_answer_can_be_asked_for(session: Session, plain: Path) -> None:
    session.load(plain, context=64)
    prompt = "the sky " * 10
    taken = len(session.tokenize(prompt))
    assert list(session.generate(prompt, Sampling(4), room=64 - taken))
    with pytest.raises(ContextFull, match=rf"(?s){taken} tokens, the context holds 64.*{64 - taken} tokens would be"):
        list(session.generate(prompt, Sampling(4), room=65 - taken))


def test_a_stop_from_another_thread_is_heard(session: Session, endless: Path) -> None:
    session.load(endless, CONTEXT)
    stream = session.generate("the", Sampling(TOKENS))
    next(stream)
    thread = threading.Thread(target=stream.stop)
    thread.start()
    list(stream)
    thread.join()
    assert stream.answer is not None
    assert stream.answer.finish == "stopped"


@pytest.fixture(scope="module")
def endless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_endless(tmp_path_factory.mktemp("endless"))


def test_a_stop_breaks_a_long_prompt_off(session: Session, endless: Path) -> None:
    session.load(endless, context=32768)
    prompt = "the sky is blue, don't they? " * 2500
    tokens = len(session.tokenize(prompt))
    stream = session.generate(prompt, Sampling(5))
    time.sleep(0.3)
    began = time.monotonic()
    stream.stop()
    assert list(stream) == []
    seconds = time.monotonic() - began
    assert stream.answer is not None
    assert (stream.answer.finish, stream.answer.tokens) == ("stopped", 0)
    assert tokens > 15_000
    assert seconds < 1, "a stop to silence in under 0.2 s is what the benchmark measures"
    for reuse in (True, False):  # what was broken off stands in nobody's way
        assert ask(session, "the sky", reuse=reuse)[1].tokens == 4


def test_more_context_than_memory_is_told(session: Session, endless: Path, plain: Path) -> None:
    with pytest.raises(DataError, match=r"(?s)context of 1000000000 tokens.*would take 1024\.0 GB of memory, and"):
        session.load(endless, context=1_000_000_000)
    assert session.load(plain).context == 512


def test_a_model_that_is_idle_gives_its_memory_back(session: Session, plain: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.gguf"
    path.write_bytes(plain.read_bytes())
    before = session.load(path, idle=0.2)
    time.sleep(0.8)
    moved = path.rename(tmp_path / "b.gguf")
    with pytest.raises(DataError, match=r"a\.gguf cannot be loaded"):
        session.info()
    moved.rename(path)
    assert session.info() == before
    assert ask(session, "the sky", reuse=False)[0]
    session.unload()
    with pytest.raises(DataError, match="No model is loaded"):
        session.info()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not let go of a loaded file")
def test_a_file_deleted_while_it_is_loaded(session: Session, plain: Path, tmp_path: Path) -> None:
    path = tmp_path / "gone.gguf"
    path.write_bytes(plain.read_bytes())
    session.load(path)
    text = ask(session, "the sky", reuse=False)[0]
    path.unlink()
    assert ask(session, "the sky", reuse=False)[0] == text
    with pytest.raises(DataError, match="cannot be read"):
        session.load(path)
    assert session.load(plain).vocabulary > 300


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not let a loaded file be cut")
def test_a_file_cut_while_it_is_loaded_ends_the_child_alone(plain: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.gguf"
    path.write_bytes(plain.read_bytes())
    with Session(timeout=60) as session:
        session.load(path)
        with path.open("rb+") as file:
            file.truncate(5000)
        with pytest.raises((SessionDied, DataError)):
            ask(session, "the sky " * 30)
        assert session.load(plain).vocabulary > 300
        assert ask(session, "the sky")[0]
