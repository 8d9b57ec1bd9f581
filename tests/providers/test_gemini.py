"""Gemini through the real google-genai, with a key and through Vertex, against the fake service on loopback."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from typing import Any

import pytest

from pipeline.providers.gemini import Gemini
from pipeline.providers.gemini_client import host_of
from pipeline.providers.provider import ProviderSettings, Refused, Request, Throttled, Unavailable, Usage
from tests.providers.gemini_rig import MODEL, QUESTION, VERTEX, gemini, refusing_port, scripted
from tests.servers.gemini import KEY, PROJECT, GeminiServer
from tests.servers.loopback import Answered


@pytest.mark.parametrize("ways", [{}, VERTEX], ids=["key", "vertex"])
def test_it_asks_and_reads_thought_text_and_usage(ways: dict[str, str]) -> None:
    with GeminiServer(answer=lambda _: ("Stay a while.", "What is lost, what is won?")) as server:
        provider = gemini(server.url, thinking="high", **ways)
        provider.check()
        reply = provider.read(provider.send(QUESTION))
    assert (reply.text, reply.thought, reply.finish) == ("Stay a while.", "What is lost, what is won?", "stop")
    assert reply.model == f"{MODEL}-001"
    log = server.record.summary()
    assert log["answered"] == 1
    assert reply.usage == Usage(log["input"], 0, log["output"], log["thought"])
    assert min(log["input"], log["output"], log["thought"]) > 0


def test_the_request_on_the_wire() -> None:
    schema = {"type": "object", "properties": {"level": {"type": ["integer", "null"]}}, "additionalProperties": False}
    turns = [
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hi"},
        {"role": "user", "content": "Judge \u2028 this"},
    ]
    with GeminiServer() as server:
        provider = gemini(server.url, thinking="low", temperature=0.5, top_p=0.9)
        provider.send(Request(turns, "Be fair.", thinking="xhigh", max_tokens=77, schema=schema, sample=3, attempt=1))
        gemini(server.url, max_tokens=99).send(Request(turns[:1]))
        full, plain = server.bodies
    assert full["contents"] == [
        {"role": "user", "parts": [{"text": "Hello"}]},
        {"role": "model", "parts": [{"text": "Hi"}]},
        {"role": "user", "parts": [{"text": "Judge \u2028 this"}]},
    ]
    assert full["systemInstruction"]["parts"] == [{"text": "Be fair."}]
    assert full["generationConfig"] == {
        "temperature": 0.5,
        "topP": 0.9,
        "maxOutputTokens": 77,
        "seed": 1003,
        "responseMimeType": "application/json",
        "responseJsonSchema": schema,
        "thinkingConfig": {"include_thoughts": True, "thinking_level": "XHIGH"},  # the service takes either spelling
    }
    assert plain == {
        "contents": [{"role": "user", "parts": [{"text": "Hello"}]}],
        "generationConfig": {"maxOutputTokens": 99, "seed": 0},
    }


def test_samples_and_attempts_are_different_requests() -> None:
    with GeminiServer() as server:
        provider = gemini(server.url)
        for sample, attempt in [(0, 0), (1, 0), (0, 1)]:
            provider.send(Request(QUESTION.messages, sample=sample, attempt=attempt))
        assert len({call["request"] for call in server.record.calls}) == 3


def test_the_raw_body_is_what_the_service_sent() -> None:
    body = (
        '{"candidates": [{"content": {"parts": [{"text": "é"}]}, "finishReason": "STOP", "new": [1]}], "x": "\\ud83d"}'
    )
    with GeminiServer(script=scripted(f"body {body}")) as server:
        assert gemini(server.url).send(QUESTION) == body.encode()


@pytest.mark.parametrize(
    "body", ['{"error": "slow down"}', '{"error": {"details": [7, {"violations": 3, "retryDelay": "soon"}]}}', "[]", ""]
)
def test_a_429_in_a_form_of_its_own_is_one_as_well(body: str) -> None:
    class Gateway(GeminiServer):
        def respond(self, asked: Any) -> Answered:  # noqa: ARG002
            return Answered(body.encode(), 429, headers={"Retry-After": "7"})

    with Gateway() as server, pytest.raises(Throttled) as caught:
        gemini(server.url).send(QUESTION)
    assert (caught.value.delay, caught.value.per_day) == (7.0, False)


@pytest.mark.parametrize("ways", [{}, VERTEX], ids=["key", "vertex"])
def test_429_tells_delay_and_period(ways: dict[str, str]) -> None:
    with GeminiServer(script=scripted("429 minute 2.5", "429 day 22", "429 minute")) as server:
        provider = gemini(server.url, **ways)
        seen = []
        for _ in range(3):
            with pytest.raises(Throttled) as caught:
                provider.send(QUESTION)
            seen.append((caught.value.delay, caught.value.per_day))
        assert seen == [(2.5, False), (22.0, True), (None, False)]
        assert "quota" in str(caught.value)
        assert len(server.record.calls) == 3, "the library must not try again by itself"


@pytest.mark.parametrize("action", ["500", "503", "504", "408", "html 502", "html 200", "html 302"])
def test_a_service_that_cannot_answer_is_unavailable_and_has_not_billed(action: str) -> None:
    with GeminiServer(script=scripted(action)) as server:
        provider = gemini(server.url)
        with pytest.raises(Unavailable) as caught:
            provider.send(QUESTION)
        assert not caught.value.perhaps_billed
        assert ("proxy may be answering" in str(caught.value)) == action.startswith("html")
        assert "<" not in str(caught.value)
        assert len(server.record.calls) == 1
        assert provider.read(provider.send(QUESTION)).finish == "stop"


@pytest.mark.parametrize("action", ["drop", "hang 1.5"])
def test_an_answer_that_was_billed_and_never_came(action: str) -> None:
    with GeminiServer(script=scripted(action)) as server:
        with pytest.raises(Unavailable) as caught:
            gemini(server.url, timeout=0.5).send(QUESTION)
        assert caught.value.perhaps_billed
        for _ in range(600):
            if server.record.calls:
                break
            threading.Event().wait(0.1)
        assert server.record.summary()["answered"] == 1


def test_a_connection_cut_before_an_answer_is_perhaps_billed() -> None:
    with GeminiServer(script=scripted("reset")) as server, pytest.raises(Unavailable) as caught:
        gemini(server.url).send(QUESTION)
    assert caught.value.perhaps_billed, "it was sent whole; what became of it cannot be known"


def test_no_connection_is_never_billed() -> None:
    with pytest.raises(Unavailable) as caught:
        gemini(f"http://127.0.0.1:{refusing_port()}").send(QUESTION)
    assert not caught.value.perhaps_billed
    assert "127.0.0.1" in str(caught.value)


@pytest.mark.parametrize("status", ["400", "413", "422"])
def test_a_wrong_request_is_refused_with_the_services_words(status: str) -> None:
    with GeminiServer(script=scripted(status)) as server, pytest.raises(Refused, match="as the script says"):
        gemini(server.url).send(QUESTION)


def test_an_offer_to_go_on_is_not_taken_up() -> None:
    candidate = {
        "content": {"parts": [{"text": "So far"}]},
        "finishReason": "CONTINUATION",
        "continuationToken": "YQ==",
    }
    with GeminiServer(script=scripted("body " + json.dumps({"candidates": [candidate]}))) as server:
        provider = gemini(server.url)
        reply = provider.read(provider.send(QUESTION))
        assert (reply.finish, reply.text, len(server.record.calls)) == ("length", "So far", 1)


def test_what_the_library_cannot_send_is_refused() -> None:
    with GeminiServer() as server, pytest.raises(Refused):
        gemini(server.url).send(Request([]))
    assert server.record.calls == []


@pytest.mark.parametrize(
    ("action", "finish", "reason"),
    [
        ("blocked", "blocked", "prompt blocked: PROHIBITED_CONTENT"),
        ("safety", "blocked", "SAFETY"),
        ("cut", "length", "MAX_TOKENS"),
        ("cap", "length", "MAX_TOKENS"),
        ("body {", "invalid", "the body is not JSON"),
        ("body {}", "invalid", "the body holds no candidate"),
        ('text {"level": 3', "stop", ""),
    ],
)
@pytest.mark.parametrize("ways", [{}, VERTEX], ids=["key", "vertex"])
def test_a_reply_says_how_it_ended(action: str, finish: str, reason: str, ways: dict[str, str]) -> None:
    with GeminiServer(script=scripted(action)) as server:
        provider = gemini(server.url, max_tokens=50, **ways)
        reply = provider.read(provider.send(QUESTION))
    assert (reply.finish, reply.reason) == (finish, reason)
    log = server.record.summary()
    assert (reply.usage.input, reply.usage.output, reply.usage.thought) == (
        log["input"],
        log["output"],
        log["thought"],
    )
    if action == "cap":
        assert (reply.text, reply.usage.thought) == ("", 50), "thoughts that ate the cap are billed"
    if action.startswith("text"):
        assert reply.text == '{"level": 3'


def test_accounts_name_what_limits_and_hold_no_secret() -> None:
    def account(environ: dict[str, str], **settings: Any) -> str:
        return Gemini(ProviderSettings(kind="gemini", model=MODEL, **settings), environ).account

    assert account({"GOOGLE_API_KEY": KEY}) == "gemini generativelanguage.googleapis.com GOOGLE_API_KEY"
    assert account({}) == "gemini generativelanguage.googleapis.com GEMINI_API_KEY"
    assert account({}, project="p", location="eu") == "gemini aiplatform.eu.rep.googleapis.com p eu"
    assert "secret" not in account({}, base_url="https://me:secret@proxy.example/gemini/")


@pytest.mark.parametrize("location", ["global", "us", "eu", "europe-west4"])
def test_the_address_is_the_one_that_the_library_would_take(location: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from google import genai
    from google.oauth2.credentials import Credentials

    monkeypatch.delenv("GOOGLE_VERTEX_BASE_URL", raising=False)
    settings = ProviderSettings(kind="gemini", model=MODEL, project=PROJECT, location=location)
    client = genai.Client(enterprise=True, project=PROJECT, location=location, credentials=Credentials(token="t"))
    assert client._api_client._http_options.base_url == f"https://{host_of(settings)}/"


def test_many_threads_share_one() -> None:
    with GeminiServer(latency=(0.02, 0.05)) as server:
        provider = gemini(server.url, workers=16)
        replies: list[str] = []

        def ask(number: int) -> None:
            raw = provider.send(Request([{"role": "user", "content": f"Question {number}"}]))
            replies.append(provider.read(raw).text)

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(32)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        provider.close()
    assert len(set(replies)) == 32
    assert server.record.summary()["answered"] == 32


def test_nothing_heavy_is_imported_before_the_first_call() -> None:
    code = (
        "import sys\n"
        "from pipeline.providers.gemini import Gemini\n"
        "from pipeline.providers.provider import ProviderSettings\n"
        "Gemini(ProviderSettings(kind='gemini', model='m'), {}).read(b'{}')\n"
        "sys.exit(any(name.startswith(('google', 'httpx')) for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_server_runs_on_its_own_and_keeps_a_log(tmp_path: Any) -> None:
    import urllib.request

    rules = [{"action": "503", "match": "move"}]
    (tmp_path / "script.json").write_text(json.dumps(rules), encoding="utf-8")
    command = [sys.executable, "-m", "tests.servers.gemini", "--script", str(tmp_path / "script.json")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            url = process.stdout.readline().strip()
            with pytest.raises(Unavailable):
                gemini(url).send(QUESTION)
            gemini(url).send(Request([{"role": "user", "content": "Should I stay?"}]))
            with urllib.request.urlopen(f"{url}/_log") as response:
                log = json.load(response)
        finally:
            process.kill()
    assert (log["requests"], log["answered"]) == (2, 1)
    assert [call["status"] for call in log["calls"]] == [503, 200]
