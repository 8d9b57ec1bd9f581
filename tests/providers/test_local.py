from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from pipeline.engine.errors import ProviderError
from pipeline.gguf.answer import Info
from pipeline.gguf.convert import convert
from pipeline.gguf.sampling import Sampling
from pipeline.gguf.session import Stream
from pipeline.providers.local import Local, find_file
from pipeline.providers.provider import ProviderSettings, Refused, Request, Unavailable
from tests.gguf.tiny import save_tiny_model

QUESTION = Request([{"role": "user", "content": "Why is the sky blue?"}], system="You are brief.", max_tokens=24)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds one GGUF file and what else an artifact holds."""
    source = save_tiny_model(tmp_path_factory.mktemp("tiny"))
    folder = tmp_path_factory.mktemp("export")
    convert(source, folder / "tiny-F16.gguf", "F16")
    (folder / "made.json").write_text("{}", encoding="utf-8")
    return folder


def settings(model: Path, **given: Any) -> ProviderSettings:
    return ProviderSettings(kind="local", model=str(model), **{"timeout": 60.0, "max_tokens": 64, **given})


@pytest.fixture(scope="module")
def local(model: Path) -> Iterator[Local]:
    provider = Local(settings(model))
    yield provider
    provider.close()


def test_it_answers_and_counts(local: Local) -> None:
    local.check()
    raw = local.send(QUESTION)
    reply = local.read(raw)
    body = json.loads(raw)
    assert (reply.finish, reply.reason) == ("length", "length")
    assert reply.usage.output == body["tokens"] == 24
    assert reply.usage.input == body["prompt_tokens"] > 20
    assert f"{reply.thought}{reply.text}"
    assert reply.model.startswith("tiny-F16.gguf@")
    assert reply.model in local.account


def test_the_same_question_gets_the_same_answer_and_another_sample_another(local: Local) -> None:
    other, again = (Request(QUESTION.messages, QUESTION.system, max_tokens=24, **more) for more in (
        {"sample": 1}, {"attempt": 1}))  # fmt: skip
    answers = [json.loads(local.send(request))["text"] for request in (QUESTION, QUESTION, other, again)]
    assert answers[0] == answers[1]
    assert len(set(answers)) == 3


def test_a_schema_is_asked_for_in_words(local: Local) -> None:
    plain = local.read(local.send(QUESTION))
    schema = {"type": "object", "properties": {"score": {"type": "integer"}}}
    asked = Request(QUESTION.messages, QUESTION.system, max_tokens=24, schema=schema)
    assert local.read(local.send(asked)).usage.input > plain.usage.input + 20


def test_threads_take_turns(local: Local) -> None:
    raws: dict[int, bytes] = {}

    def ask(number: int) -> None:
        raws[number] = local.send(Request([{"role": "user", "content": f"Question {number}"}], max_tokens=8))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [local.read(raws[number]).usage.output for number in range(4)] == [8] * 4


def test_a_prompt_that_is_too_long_is_refused(local: Local) -> None:
    with pytest.raises(Refused, match="the context holds 512"):
        local.send(Request([{"role": "user", "content": "the sky " * 900}]))
    assert local.read(local.send(QUESTION)).usage.output == 24


def test_after_the_death_of_the_process_the_next_question_starts_another(model: Path) -> None:
    provider = Local(settings(model))
    provider.check()
    child = psutil.Process(provider._session.pid)
    child.suspend()
    provider._session.timeout = 0.5
    with pytest.raises(Unavailable, match="died") as caught:
        provider.send(QUESTION)
    assert not caught.value.perhaps_billed
    provider._session.timeout = 60
    assert provider.read(provider.send(QUESTION)).usage.output == 24
    provider.close()


class Session:
    """Stands in for a model trained with a context of 40,960 tokens, whose template opens the thought itself."""

    pid: int | None = None

    def __init__(self) -> None:
        self.loads: list[int] = []
        self.asked: list[Any] = []

    def load(self, path: Path, context: int = 0) -> Info:
        self.loads.append(context)
        self.pid = 1
        return Info(path.name, 1, 1, context or 4096, 40_960, 100, 0, True, {})

    def render(self, messages: list[dict[str, str]]) -> str:
        self.asked.append(messages)
        return "".join(message["content"] for message in messages) + "<think>\n"

    def generate(self, _: str, sampling: Sampling) -> Any:
        self.asked.append(sampling)
        stream = Stream(self, 0)  # type: ignore[arg-type]
        self._pieces = iter(["hm</th", "ink>yes"])
        return stream

    def _receive(self, _: int) -> Any:
        if piece := next(self._pieces, None):
            return {"piece": piece}
        answer = {"finish": "stop", "prompt_tokens": 7, "tokens": 4, "first_seconds": 0.1, "seconds": 0.2}
        return {"result": answer}

    def close(self) -> None:
        self.pid = None


@pytest.mark.parametrize(
    ("max_tokens", "loads"), [(0, []), (64, [0, 4160]), (8192, [0, 12_288]), (100_000, [0, 40_960])]
)
def test_the_context_holds_the_longest_reply_and_a_prompt(model: Path, max_tokens: int, loads: list[int]) -> None:
    provider = Local(settings(model, max_tokens=max_tokens or 1))
    session: Any = Session()
    provider._session = session
    if loads:
        provider.check()
        provider.check()
    assert session.loads == loads


def test_a_thought_that_the_template_opened_and_letters_made_of_two(model: Path) -> None:
    provider = Local(settings(model, temperature=0))
    session: Any = Session()
    provider._session = session
    reply = provider.read(provider.send(Request([{"role": "user", "content": "u\u0308"}], max_tokens=5)))
    assert (reply.thought, reply.text, reply.finish) == ("hm", "yes", "stop")
    messages, sampling = session.asked
    assert messages == [{"role": "user", "content": "\u00fc"}]
    assert (sampling.max_tokens, sampling.temperature, sampling.top_k) == (5, 0, 20)
    assert sampling.top_p == 0.95


def test_a_file_or_a_folder_with_one(model: Path, tmp_path: Path) -> None:
    file = model / "tiny-F16.gguf"
    assert find_file(str(model)) == find_file(str(file)) == file
    for wrong, says in ((tmp_path, "no GGUF file"), (tmp_path / "none.gguf", "no GGUF file")):
        with pytest.raises(ProviderError, match=says):
            Local(settings(wrong))
    for name in ("a.gguf", "b.gguf"):
        (tmp_path / name).write_bytes(b"GGUF")
    with pytest.raises(ProviderError, match="holds 2 GGUF files") as caught:
        Local(settings(tmp_path))
    assert caught.value.why == "They are a.gguf, b.gguf."


def test_another_content_is_another_account(model: Path, tmp_path: Path) -> None:
    good = (model / "tiny-F16.gguf").read_bytes()
    names = set()
    for place in (None, 0, len(good) // 2, len(good) - 1):
        content = bytearray(good)
        if place is not None:
            content[place] ^= 1
        path = tmp_path / "tiny-F16.gguf"
        path.write_bytes(content)
        names.add(Local(settings(path)).account)
    assert len(names) == 4
    path.write_bytes(good)
    assert Local(settings(path)).account == Local(settings(model)).account


def test_a_file_that_is_no_model_ends_the_step(tmp_path: Path) -> None:
    path = tmp_path / "bad.gguf"
    path.write_bytes(b"no model at all")
    provider = Local(settings(path))
    for ask in (provider.check, lambda: provider.send(QUESTION)):
        with pytest.raises(ProviderError, match="not a GGUF file") as caught:
            ask()
        assert type(caught.value) is ProviderError
    path.write_bytes(b"GGUF" + b"\xff" * 100)
    for _ in range(2):  # the second time too, and not that a child has no model
        with pytest.raises(ProviderError, match="cannot be loaded") as caught:
            provider.send(QUESTION)
        assert type(caught.value) is ProviderError
    provider.close()


@pytest.mark.parametrize(
    ("text", "finish", "read"),
    [
        ("<think>\nhm\n</think>\n\nyes", "stop", ("hm", "yes", "stop", "")),
        ("<think>\nhm", "length", ("hm", "", "length", "length")),
        ("yes", "stop", ("", "yes", "stop", "")),
    ],
)
def test_a_body_is_read_without_a_model(local: Local, text: str, finish: str, read: tuple[str, ...]) -> None:
    body = {"model": "m", "text": text, "finish": finish, "prompt_tokens": 3, "tokens": 4, "seconds": 0.1}
    reply = local.read(json.dumps(body).encode())
    assert (reply.thought, reply.text, reply.finish, reply.reason) == read


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b"null", b'{"text":3}', b"\xff", b'{"text":"a","tokens":{}}'])
def test_what_is_no_body_is_told_and_never_raises(local: Local, raw: bytes) -> None:
    reply = local.read(raw)
    assert (reply.finish, reply.text) == ("invalid", "")
    assert reply.reason
