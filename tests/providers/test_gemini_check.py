"""What is wrong with key, address, model or region is told in one clear error; and the key stays where it belongs."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from pipeline.engine.errors import ProviderError
from pipeline.providers.gemini import Gemini
from pipeline.providers.provider import ProviderSettings, Refused, Unavailable
from tests.providers.gemini_rig import ENVIRON, MODEL, QUESTION, VERTEX, gemini, refusing_port
from tests.servers.gemini import KEY, PROJECT, GeminiServer
from tests.servers.loopback import Answered


def wrong(settings: dict[str, Any], environ: dict[str, str] = ENVIRON, always: str = "") -> Callable[[], str]:
    def ask() -> str:
        with GeminiServer(always=always) as server:
            provider = gemini(server.url, environ, **settings)
            with pytest.raises(ProviderError) as caught:
                provider.check()
            assert server.record.summary()["answered"] == 0
        assert "secret" not in "".join(traceback.format_exception(caught.value))
        return str(caught.value)

    return ask


CHECKS = {
    "no key": (wrong({}, {}), ["GEMINI_API_KEY is not set", "nor is GOOGLE_API_KEY", "aistudio"]),
    "empty key": (wrong({"key_env": "MINE"}, {"MINE": " "}), ["MINE is not set"]),
    "bad key": (wrong({}, {"GOOGLE_API_KEY": "wrong-secret"}), ["GOOGLE_API_KEY is not accepted", "not valid"]),
    "no key at all": (wrong({}, {"GEMINI_API_KEY": "wrong\nsecret"}), ["GEMINI_API_KEY holds is no key"]),
    "wrong model": (wrong({"model": "palm"}), ["has no model `palm`", "name of the model"]),
    "bad token": (wrong({**VERTEX, "key_env": "BAD"}, {"BAD": "wrong-secret"}), ["refuses access", PROJECT, "gcloud"]),
    "wrong project": (wrong({**VERTEX, "project": "elsewhere"}), ["refuses access", "`elsewhere`"]),
    "wrong region": (wrong({**VERTEX, "location": "us-central1"}), ["region `us-central1`", '"global"']),
    "proxy with 200": (wrong({}, always="html 200"), ["proxy may be answering", "HTTPS_PROXY"]),
    "proxy with 502": (wrong({}, always="html 502"), ["proxy may be answering", "HTTP 502"]),
    "proxy with 302": (wrong({}, always="html 302"), ["proxy may be answering"]),
    "proxy with 403": (wrong({}, always="html 403"), ["proxy may be answering", "HTTPS_PROXY"]),
    "no such address": (wrong({"model": MODEL}, always="html 404"), ["proxy may be answering", "`base_url`"]),
    "proxy on vertex": (wrong(VERTEX, always="html 200"), ["proxy may be answering", "`location`"]),
    "cut off": (wrong({}, always="reset"), ["did not come whole", "Check the network"]),
    "hangs": (wrong({"timeout": 0.3}, always="hang 1"), ["did not come whole", "ReadTimeout"]),
}


@pytest.mark.parametrize("case", CHECKS)
def test_the_check_tells_one_clear_error_before_anything_is_spent(case: str) -> None:
    ask, expected = CHECKS[case]
    text = ask()
    for words in expected:
        assert words in text
    assert "secret" not in text
    assert len(text.splitlines()) <= 3


def test_the_check_without_a_network() -> None:
    with pytest.raises(ProviderError) as caught:
        gemini(f"http://127.0.0.1:{refusing_port()}").check()
    assert type(caught.value) is ProviderError
    assert "No connection to 127.0.0.1" in caught.value.what
    assert "Check the network" in caught.value.mend


@pytest.mark.parametrize("base_url", ["localhost:9", "ftp://127.0.0.1", "http://"])
def test_the_check_of_what_is_no_address(base_url: str) -> None:
    with pytest.raises(ProviderError, match="base_url"):
        gemini(base_url).check()


@pytest.mark.parametrize("always", ["503", "500"])
def test_a_busy_service_passes_the_check(always: str) -> None:
    with GeminiServer(always=always) as server:
        gemini(server.url).check()
        assert len(server.record.calls) == 1


def test_vertex_without_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "missing.json"))
    settings = ProviderSettings(kind="gemini", model=MODEL, project=PROJECT)
    with pytest.raises(ProviderError) as caught:
        Gemini(settings, {}).check()
    assert "no valid credentials" in caught.value.what
    assert "gcloud auth application-default login" in caught.value.mend


def test_the_key_follows_no_redirect_and_stands_in_no_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with GeminiServer() as elsewhere:

        class Portal(GeminiServer):
            def respond(self, asked: Any) -> Answered:
                return Answered(b"moved", 307, headers={"Location": f"{elsewhere.url}{asked.path}"})

        with Portal() as server, pytest.raises(Unavailable) as caught:
            gemini(server.url).send(QUESTION)
        assert elsewhere.record.calls == []
    assert KEY not in str(caught.value)
    assert KEY not in caplog.text


def test_a_gateway_that_repeats_the_key_is_not_quoted_with_it() -> None:
    class Gateway(GeminiServer):
        def respond(self, asked: Any) -> Answered:
            return Answered({"error": f"no such user: {asked.headers['x-goog-api-key']}"}, 400)

    with Gateway() as server, pytest.raises(Refused, match=r"no such user: \[key\]"):
        gemini(server.url).send(QUESTION)


def test_our_key_wins_over_the_librarys_own_choice(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", "another")
    monkeypatch.setenv("GEMINI_API_KEY", "another")
    monkeypatch.setenv("GOOGLE_GENAI_USE_ENTERPRISE", "true")
    monkeypatch.setenv("GOOGLE_GENAI_API_VERSION", "v9")
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", "http://127.0.0.1:1")
    with GeminiServer() as server:
        assert gemini(server.url).send(QUESTION)
        assert server.record.calls[0]["path"] == f"/v1beta/models/{MODEL}:generateContent"
    assert "GOOGLE_API_KEY" not in caplog.text
