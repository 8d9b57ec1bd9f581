from __future__ import annotations

from typing import Any

import pytest

from pipeline.engine.errors import ProviderError
from pipeline.providers.gemini_batch import batch_possible, batch_schema, read_job
from pipeline.providers.provider import ProviderSettings, Refused, Request, Throttled, Unavailable
from tests.providers.gemini_rig import MODEL, VERTEX, gemini, scripted
from tests.servers.gemini import GeminiServer
from tests.servers.gemini_batch import Batches

QUESTIONS = [
    Request([{"role": "user", "content": f"Question {number}"}], "Be brief.", sample=number) for number in range(5)
]
SCHEMA = {
    "type": "object",
    "properties": {
        "reason": {"type": "string"},
        "level": {"type": ["integer", "null"], "minimum": 0, "maximum": 4},
    },
    "required": ["reason", "level"],
    "additionalProperties": False,
}


def echo(body: Any) -> tuple[str, str]:
    return body["contents"][-1]["parts"][0]["text"].upper(), "a thought"


def test_a_job_from_start_to_end_in_the_order_of_the_requests() -> None:
    with GeminiServer(answer=echo, batches=Batches(polls=1, shuffled=True)) as server:
        provider = gemini(server.url, thinking="low")
        job = provider.batch_start("run-7", QUESTIONS)
        assert provider.batch_poll(job) == ("running", [], "running")
        state, bodies, word = provider.batch_poll(job)
        assert (state, word) == ("done", "succeeded")
        replies = [provider.read(raw) for raw in bodies if raw]
        assert [reply.text for reply in replies] == [f"QUESTION {number}" for number in range(5)]
        assert all((reply.thought, reply.finish) == ("a thought", "stop") for reply in replies)
        assert server.record.summary()["output"] == sum(reply.usage.output for reply in replies)


def test_what_is_asked_in_a_job_is_what_is_asked_online() -> None:
    with GeminiServer() as server:
        provider = gemini(server.url, thinking="low")
        provider.send(QUESTIONS[3])
        provider.batch_start("a", [QUESTIONS[3]])
        online, batched = server.bodies
    assert batched == {**online, "model": f"models/{MODEL}"} or batched == online


def test_some_requests_of_a_job_fail_with_details_that_the_library_cannot_parse() -> None:
    with GeminiServer(script=scripted("", "503", "blocked", "429 minute 3"), batches=Batches(polls=0)) as server:
        provider = gemini(server.url)
        state, bodies, _ = provider.batch_poll(provider.batch_start("a", QUESTIONS))
        assert state == "done"
        assert [raw is None for raw in bodies] == [False, True, False, True, False]
        assert provider.read(bodies[2] or b"").finish == "blocked"


@pytest.mark.parametrize("end", ["EXPIRED", "CANCELLED", "FAILED"])
def test_a_job_that_failed_still_brings_what_it_has(end: str) -> None:
    with GeminiServer(batches=Batches(polls=0, end=end, answers=2)) as server:
        provider = gemini(server.url)
        state, bodies, word = provider.batch_poll(provider.batch_start("a", QUESTIONS))
    assert state == "failed"
    assert [raw is None for raw in bodies] == [False, False, True, True, True]
    assert word == f"{end.lower()}; The job is {end.lower()}."


def test_answers_without_numbers_are_taken_in_the_documented_order_and_that_is_told() -> None:
    with GeminiServer(answer=echo, batches=Batches(polls=0, keys=False, shuffled=False)) as server:
        provider = gemini(server.url)
        _, bodies, word = provider.batch_poll(provider.batch_start("a", QUESTIONS))
        assert [provider.read(raw or b"").text for raw in bodies] == [f"QUESTION {number}" for number in range(5)]
        assert "in the order of the requests" in word


def test_answers_without_numbers_of_which_some_are_missing_belong_to_nobody() -> None:
    with GeminiServer(batches=Batches(polls=0, keys=False, answers=4, end="EXPIRED")) as server:
        provider = gemini(server.url)
        _, bodies, word = provider.batch_poll(provider.batch_start("a", QUESTIONS))
    assert bodies == [None] * 5
    assert "cannot be known" in word


def test_a_job_is_found_by_its_name_on_a_later_page() -> None:
    with GeminiServer(batches=Batches(page=2)) as server:
        provider = gemini(server.url)
        jobs = {name: provider.batch_start(name, QUESTIONS[:1]) for name in "abcde"}
        assert {name: provider.batch_find(name) for name in "abcde"} == jobs
        assert provider.batch_find("f") is None


def test_faults_of_jobs_are_told_like_those_of_calls() -> None:
    with GeminiServer(always="429 day 60") as server, pytest.raises(Throttled) as caught:
        gemini(server.url).batch_start("a", QUESTIONS)
    assert caught.value.per_day
    with GeminiServer(always="400") as server, pytest.raises(Refused):
        gemini(server.url).batch_start("a", QUESTIONS)
    for always, perhaps in [("503", False), ("html 200", False), ("drop", True), ("body {}", True)]:
        with GeminiServer(always=always) as server, pytest.raises(Unavailable) as gone:
            gemini(server.url).batch_start("a", QUESTIONS)
        assert gone.value.perhaps_billed == perhaps, always
    with GeminiServer() as server, pytest.raises(ProviderError):
        gemini(server.url).batch_poll("batches/unknown")


def test_vertex_takes_no_jobs() -> None:
    settings = ProviderSettings(kind="gemini", model=MODEL)
    assert batch_possible(settings)
    assert not batch_possible(settings.model_copy(update={"project": "p"}))
    with GeminiServer() as server, pytest.raises(ProviderError, match="not possible through Vertex") as caught:
        gemini(server.url, **VERTEX).batch_start("a", QUESTIONS)
    assert "batch = false" in caught.value.mend
    assert server.record.calls == []


def test_a_schema_goes_in_its_older_form_with_its_order_kept() -> None:
    with GeminiServer() as server:
        nested = {"type": "object", "properties": {"zest": SCHEMA, "aim": SCHEMA}, "required": ["zest", "aim"]}
        gemini(server.url).batch_start("a", [Request(QUESTIONS[0].messages, schema=nested)])
        config = server.bodies[0]["generationConfig"]
    assert config["responseMimeType"] == "application/json"
    assert "responseJsonSchema" not in config
    assert config["responseSchema"]["property_ordering"] == ["zest", "aim"]
    schema = config["responseSchema"]["properties"]["zest"]
    assert schema["property_ordering"] == ["reason", "level"]
    assert schema["required"] == ["reason", "level"]
    level = schema["properties"]["level"]
    assert (level["type"], level["nullable"], level["minimum"], level["maximum"]) == ("INTEGER", True, 0, 4)


def test_a_schema_that_the_older_form_cannot_say_is_left_out() -> None:
    assert batch_schema({"type": "object", "oneOf": [{"const": 1}]}) is None


@pytest.mark.parametrize(
    "number",
    ["99999999999", "-1", "x", 3, None],
)
def test_a_number_that_is_none_is_ignored(number: Any) -> None:
    answers = [{"response": {}, "metadata": {"number": "0"}}, {"response": {}, "metadata": {"number": number}}]
    output = {"inlinedResponses": {"inlinedResponses": answers}}
    job = {"metadata": {"state": "BATCH_STATE_SUCCEEDED", "output": output}}
    assert read_job(job) == ("done", [b"{}"], "succeeded")
