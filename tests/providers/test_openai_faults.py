"""What goes wrong at or before a server, through the real client library: told apart, and never tried twice."""

from __future__ import annotations

import http.server
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.engine.errors import ProviderError
from pipeline.providers.openai import OpenAI
from pipeline.providers.provider import ProviderSettings, Refused, Throttled, Unavailable
from tests.providers.test_openai import QUESTION, provider
from tests.servers.openai import KEY, OpenAIServer
from tests.servers.script import Rule, Script


def fails(action: str, **settings: Any) -> ProviderError:
    """The error that a server's action comes out as."""
    with OpenAIServer(script=Script([Rule(action)])) as server:
        teacher = provider(server, **settings)
        with pytest.raises(ProviderError) as caught:
            teacher.send(QUESTION)
        teacher.close()
        assert len(server.bodies) == 1  # nothing is tried twice here
        return caught.value


def test_too_many_requests_a_minute() -> None:
    error = fails("429 minute 2")
    assert isinstance(error, Throttled)
    assert (error.delay, error.per_day) == (2.0, False)
    assert "Rate limit reached" in error.what
    error = fails("429 minute")
    assert isinstance(error, Throttled)
    assert error.delay is None


def test_the_quota_of_a_day() -> None:
    error = fails("429 day 3600")
    assert isinstance(error, Throttled)
    assert (error.delay, error.per_day) == (3600.0, True)


def test_an_empty_purse_is_no_limit_of_the_rate() -> None:
    error = fails("429 money")
    assert type(error) is ProviderError
    assert "out of credit" in error.what
    assert "Add credit" in error.mend


@pytest.mark.parametrize("status", ["500", "502", "503", "529", "408", "409"])
def test_a_passing_fault(status: str) -> None:
    error = fails(status)
    assert isinstance(error, Unavailable)
    assert not error.perhaps_billed
    assert f"HTTP {status}" in error.what
    assert "as the script says" in error.what


def test_a_gateway_that_waited_in_vain_may_have_been_billed() -> None:
    error = fails("504")
    assert isinstance(error, Unavailable)
    assert error.perhaps_billed


@pytest.mark.parametrize("action", ["html 200", "html 502"])
def test_a_proxy_that_answers_with_a_page(action: str) -> None:
    error = fails(action)
    assert isinstance(error, Unavailable)
    assert not error.perhaps_billed
    assert "proxy" in error.what
    assert "guest network" not in error.what


@pytest.mark.parametrize("status", ["400", "413", "422"])
def test_a_request_that_is_wrong(status: str) -> None:
    error = fails(status)
    assert isinstance(error, Refused)
    assert error.why == "as the script says"
    assert error.mend


@pytest.mark.parametrize(
    ("status", "what"), [("402", "out of credit"), ("403", "does not allow"), ("418", "answered HTTP 418")]
)
def test_what_no_waiting_mends(status: str, what: str) -> None:
    error = fails(status)
    assert type(error) is ProviderError
    assert what in error.what
    assert error.mend


def test_a_connection_dropped_in_mid_body_may_have_been_billed() -> None:
    error = fails("drop")
    assert isinstance(error, Unavailable)
    assert error.perhaps_billed
    assert "broke off" in error.what


def test_a_connection_closed_without_a_word_may_have_been_billed() -> None:
    error = fails("reset")
    assert isinstance(error, Unavailable)
    assert error.perhaps_billed


def test_a_hang_is_given_up() -> None:
    began = time.monotonic()
    error = fails("hang 60", timeout=0.3)
    assert time.monotonic() - began < 30
    assert isinstance(error, Unavailable)
    assert error.perhaps_billed
    assert "no answer in 0.3 s" in error.what


class Trickle(http.server.BaseHTTPRequestHandler):
    """Sends a blank every 50 ms, as some gateways do to keep a connection alive, for a minute."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        try:
            for _ in range(1200):
                self.wfile.write(b" ")
                time.sleep(0.05)
        except OSError:
            pass

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


def test_a_server_that_trickles_is_given_up_too() -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Trickle) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/v1"
        teacher = OpenAI(ProviderSettings(kind="openai", model="m", base_url=url, timeout=0.4), {})
        began = time.monotonic()
        with pytest.raises(Unavailable, match=r"no answer in 0\.4 s") as caught:
            teacher.send(QUESTION)
        assert time.monotonic() - began < 30
        assert caught.value.perhaps_billed
        server.shutdown()


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that nobody listens on."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def test_nobody_there(closed_port: int) -> None:
    url = f"http://127.0.0.1:{closed_port}/v1"
    teacher = OpenAI(ProviderSettings(kind="openai", model="m", base_url=url), {})
    for ask in (teacher.check, lambda: teacher.send(QUESTION)):
        with pytest.raises(Unavailable, match="cannot be reached") as caught:
            ask()
        assert not caught.value.perhaps_billed


def test_a_host_that_does_not_exist() -> None:
    teacher = OpenAI(ProviderSettings(kind="openai", model="m", base_url="http://nowhere.invalid/v1", timeout=5), {})
    with pytest.raises(Unavailable, match="cannot be reached") as caught:
        teacher.send(QUESTION)
    assert not caught.value.perhaps_billed


@pytest.mark.parametrize("url", ["localhost:1234/v1", "ftp://host/v1", "http://", "http://host:port/v1", "http://[x"])
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(ProviderError, match="is no address"):
        OpenAI(ProviderSettings(kind="openai", model="m", base_url=url), {})


def test_a_bad_key_is_told_without_showing_it() -> None:
    bad = "sk-wrong-9876543210"
    with OpenAIServer(key=KEY) as server:
        teacher = provider(server, {"MY_KEY": bad}, key_env="MY_KEY")
        for ask in (teacher.check, lambda: teacher.send(QUESTION)):
            with pytest.raises(ProviderError, match="does not accept the key") as caught:
                ask()
            error = caught.value
            assert "MY_KEY" in error.mend
            assert "Incorrect API key provided" in error.why
            assert bad not in f"{error!r} {error} {error.args} {error.__dict__}"
        assert bad not in teacher.account
        good = provider(server, {"MY_KEY": f" {KEY}\n"}, key_env="MY_KEY")
        assert good.read(good.send(QUESTION)).finish == "stop"
        assert good.account == f"openai {server.base_url} MY_KEY"


@pytest.mark.parametrize(
    ("environ", "key_env", "says"),
    [
        ({}, "", "OPENAI_API_KEY is not set"),
        ({"OPENAI_API_KEY": KEY}, "MINE", "MINE is not set"),
        ({"OPENAI_API_KEY": "two words"}, "", "is no key"),
        ({"OPENAI_API_KEY": "schlüssel"}, "", "is no key"),
    ],
)
def test_no_key_is_told_before_anything_is_sent(environ: dict[str, str], key_env: str, says: str) -> None:
    with pytest.raises(ProviderError, match=says) as caught:
        OpenAI(ProviderSettings(kind="openai", model="m", key_env=key_env), environ)
    assert caught.value.mend
    assert "two words" not in str(caught.value)


def test_the_services_key_is_shown_to_no_other_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_ORG_ID", "org-secret")
    seen: list[dict[str, str]] = []
    with OpenAIServer() as server:
        answer = server.respond
        server.respond = lambda asked: (seen.append(dict(asked.headers)), answer(asked))[1]  # type: ignore[method-assign]
        provider(server, {"OPENAI_API_KEY": KEY}).send(QUESTION)
        provider(server, {"OPENAI_API_KEY": KEY}, key_env="OPENAI_API_KEY").send(QUESTION)
    assert "org-secret" not in str(seen)
    assert [headers["authorization"] == f"Bearer {KEY}" for headers in seen] == [False, True]


def test_the_address_is_never_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://elsewhere.invalid/v1")
    teacher = OpenAI(ProviderSettings(kind="openai", model="m"), {"OPENAI_API_KEY": KEY})
    assert str(teacher._connect().base_url) == "https://api.openai.com/v1/"
    assert teacher._connect().max_retries == 0
    teacher.close()


def test_a_password_in_an_address_stays_there() -> None:
    url = "http://me:hidden@127.0.0.1:1/v1"
    teacher = OpenAI(ProviderSettings(kind="openai", model="m", base_url=url), {})
    with pytest.raises(Unavailable) as caught:
        teacher.send(QUESTION)
    assert "hidden" not in f"{caught.value} {teacher.account}"


def test_a_model_that_is_not_there_is_told_with_the_nearest() -> None:
    with OpenAIServer(models=["qwen3-8b", "qwen3-14b", "phi-5"]) as server:
        teacher = provider(server, model="qwen-8b")
        with pytest.raises(ProviderError, match=r"did you mean `qwen3-8b`\?") as caught:
            teacher.check()
        assert caught.value.why == "It has phi-5, qwen3-14b, qwen3-8b."
        with pytest.raises(ProviderError, match="no such model") as caught:
            teacher.send(QUESTION)
        assert "The model `qwen-8b` does not exist It has phi-5" in caught.value.why
    assert server.record.summary()["answered"] == 0


@pytest.mark.parametrize(
    ("model", "listed"),
    [("llama3.2", "llama3.2:latest"), ("gemini-x", "models/gemini-x"), ("some/model:nitro", "some/model")],
)
def test_names_that_mean_a_listed_model(model: str, listed: str) -> None:
    with OpenAIServer(models=["other", listed]) as server:
        provider(server, model=model).check()


def test_a_server_that_lists_no_models_is_taken_at_its_word() -> None:
    with OpenAIServer(models=[]) as server:
        provider(server).check()
        server.always = "404"
        provider(server).check()


@pytest.mark.parametrize("action", ["html 200", "html 502"])
def test_a_proxy_is_found_before_anything_is_asked(action: str) -> None:
    with OpenAIServer(always=action) as server, pytest.raises(Unavailable, match="proxy"):
        provider(server).check()


@pytest.mark.parametrize(
    ("body", "kind", "says"),
    [
        ('{"error":"Unexpected endpoint or method. (POST /chat/completions)"}', ProviderError, "no such model or addr"),
        ('{"error":{"code":429,"message":"slow down"}}', Throttled, "slow down"),
        ('{"error":{"code":502,"message":"the model is down"}}', Unavailable, "the model is down"),
        ('{"error":{"code":"strange","message":"who knows"}}', Unavailable, "who knows"),
    ],
)
def test_errors_that_are_told_with_status_200(body: str, kind: type[ProviderError], says: str) -> None:
    error = fails_with_body(body)
    assert type(error) is kind
    assert says in error.what


def fails_with_body(body: str) -> ProviderError:
    with OpenAIServer(script=Script([Rule(f"body {body}")])) as server, pytest.raises(ProviderError) as caught:
        provider(server).send(QUESTION)
    return caught.value
