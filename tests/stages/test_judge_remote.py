"""The judge stage with a judge behind a wire: the real client against servers on loopback, with ledger and all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.engine.errors import ConfigError, StageFailed, StopRequested
from pipeline.engine.stage import PlanContext
from pipeline.providers import batch
from pipeline.stages.judge import STAGE, Config
from pipeline.tasks.dimensions import DIMENSIONS
from pipeline.tasks.judging.question import question_hash
from pipeline.tasks.rubric import RUBRIC, load_rubric
from tests.servers.gemini import KEY, GeminiServer
from tests.servers.loopback import fingerprint
from tests.servers.openai import MODEL, OpenAIServer
from tests.servers.script import Rule, Script
from tests.stages.judge_desk import REPORTED, Desk, answering, trace, verdict
from tests.tasks.judging.injections import FULL_MARKS, INJECTIONS


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(answer=answering(verdict(3, conflict_resolution=None))) as server:
        yield server


@pytest.fixture
def desk(tmp_path: Path, server: OpenAIServer) -> Desk:
    return Desk(tmp_path, server)


def test_every_trace_is_marked_once(desk: Desk) -> None:
    summary, rows = desk.run()
    assert [row["id"] for row in rows] == [trace(number)["id"] for number in range(6)]
    for number, row in enumerate(rows):
        assert {name: row[name] for name in trace(number)} == trace(number)
        assert row["scores"] == dict.fromkeys(DIMENSIONS, 0.75) | {"conflict_resolution": None}
        assert row["reasons"]["helpfulness"] == "Level 3." and row["reward"] == 0.75
        assert row["spread"] == dict.fromkeys(DIMENSIONS) and "samples" not in row
        assert row["judge"] == {
            "kind": "openai", "model": REPORTED, "rubric": question_hash(load_rubric()), "samples": 1, "unusable": 0,
        }  # fmt: skip
    assert summary["traces"] == desk.answered == 6
    assert summary["outcomes"] == {
        "asked": 6, "answered": 6, "cut_off": 0, "blocked": 0, "invalid": 0, "not_yet": 0,
    }  # fmt: skip
    assert (summary["judge_refused"], summary["judge_invalid"], summary["unusable"]) == (0.0, 0.0, 0)
    assert summary["judge"] == {"kind": "openai", "model": REPORTED, "rubric": question_hash(load_rubric())}
    assert summary["models"] == {REPORTED: 6} and summary["spend"]["calls"] == 6
    assert "spread" not in summary


def test_what_the_judge_is_shown(desk: Desk) -> None:
    desk.run()
    body = next(body for body in desk.server.bodies if "Case 4:" in body["messages"][1]["content"])
    system, case = (message["content"] for message in body["messages"])
    assert all(level in system for described in load_rubric() for level in described.levels)
    for shown in ("Rent or loan first, in case 1?", "Case 4: rent and loan", "Case 4: pay the rent"):
        assert shown in case
    assert "adequate" not in case and "teacher" not in case and "conflict-0001" not in case
    assert body["response_format"]["json_schema"]["schema"]["required"] == list(DIMENSIONS)


def test_another_label_or_other_weights_ask_nothing_again(desk: Desk) -> None:
    _, before = desk.run("before")
    desk.write([trace(number, type="chosen", category="safety", model="other") for number in range(6)])
    weights = dict.fromkeys(DIMENSIONS, 0.0) | {"helpfulness": 0.5}
    summary, after = desk.run("after", weights=weights, renormalise=False)
    assert desk.answered == 6, "both find the same calls in the ledger"
    assert [row["scores"] for row in after] == [row["scores"] for row in before]
    assert {row["reward"] for row in after} == {0.375} and summary["categories"].keys() == {"safety"}


def test_another_rubric_asks_again(desk: Desk, tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(RUBRIC.read_text("utf-8").replace("Does it know what it does not know?", "Is it modest?"), "utf-8")
    _, before = desk.run("before")
    _, after = desk.run("after", rubric=own)
    assert desk.answered == 12
    assert after[0]["judge"]["rubric"] == question_hash(load_rubric(own)) != before[0]["judge"]["rubric"]
    pins = [STAGE.pins(desk.config(**settings)) for settings in ({}, {"rubric": own}, {"samples": 2})]
    assert pins[0] == pins[2] == {"rubric": before[0]["judge"]["rubric"]} != pins[1]
    own.write_text("[helpfulness]", "utf-8")
    with pytest.raises(ConfigError, match="is not whole"):
        STAGE.pins(desk.config(rubric=own))


def test_several_samples(tmp_path: Path) -> None:
    asked: dict[str, int] = {}

    def waver(body: Any) -> tuple[str, str]:
        mark = fingerprint(body["messages"])
        asked[mark] = asked.get(mark, 0) + 1
        return verdict(2, helpfulness=asked[mark], harm_avoidance=None if asked[mark] > 1 else 4), ""

    with OpenAIServer(answer=waver) as server:
        desk = Desk(tmp_path, server, [trace(0), trace(1)])
        summary, rows = desk.run(samples=3)
        assert desk.answered == 6
    for row in rows:
        assert row["scores"] == dict.fromkeys(DIMENSIONS, 0.5) | {"harm_avoidance": None}
        assert row["spread"] == dict.fromkeys(DIMENSIONS, 0.0) | {"helpfulness": 0.25, "harm_avoidance": None}
        assert row["reasons"]["helpfulness"] == "Level 2." and row["reasons"]["harm_avoidance"] == "Level None."
        assert [sample["scores"]["helpfulness"] for sample in row["samples"]] == [0.25, 0.5, 0.75]
        assert row["samples"][0]["model"] == REPORTED and row["samples"][0]["reasons"]["helpfulness"] == "Level 1."
        assert (row["judge"]["samples"], row["judge"]["unusable"]) == (3, 0)
    assert summary["spread"]["helpfulness"] == 0.25 and summary["spread"]["harm_avoidance"] is None


def test_samples_that_cannot_be_used_are_counted(tmp_path: Path) -> None:
    """Of the three samples of case 0 one is refused; case 1 is answered with eight dimensions, every time."""
    eight = json.dumps({name: json.loads(verdict(2))[name] for name in DIMENSIONS[:8]})
    script = Script([
        Rule("text I'm sorry, but I can't judge this.", first=2, count=1, match="Case 0:"),
        Rule(f"text {eight}", match="Case 1:"),
    ])  # fmt: skip
    with OpenAIServer(answer=answering(verdict(2)), script=script) as server:
        desk = Desk(tmp_path, server, [trace(number) for number in range(3)])
        summary, rows = desk.run(samples=3)
        assert desk.answered == 3 + 6 + 3, "an invalid reply is asked for once more, a refusal is not"
    assert [row["id"] for row in rows] == ["conflict-0000/0", "conflict-0000/2"]
    assert [(row["judge"]["unusable"], len(row["samples"])) for row in rows] == [(1, 2), (0, 3)]
    (left,) = desk.quarantine()
    assert (left["id"], left["outcome"]) == ("conflict-0000/1", "invalid")
    assert "`instruction_following` is missing" in left["reason"] and left["text"] == eight
    assert summary["outcomes"] == {
        "asked": 3, "answered": 2, "cut_off": 0, "blocked": 0, "invalid": 1, "not_yet": 0,
    }  # fmt: skip
    assert summary["unusable"] == 1 and summary["judge_invalid"] == 0.3333


@pytest.mark.parametrize(
    ("action", "outcome", "reason"),
    [
        ("text I can't help with rating this content.", "blocked", "the judge refused"),
        ("blocked", "blocked", ""),
        ("safety", "blocked", ""),
        ("cut", "cut_off", ""),
        ("cap", "cut_off", ""),
        ("text A fine answer, all in all.", "invalid", "no verdict"),
    ],
)
def test_every_way_to_give_no_verdict(tmp_path: Path, action: str, outcome: str, reason: str) -> None:
    with OpenAIServer(answer=answering(verdict(2)), script=Script([Rule(action, match="Case 2:")])) as server:
        desk = Desk(tmp_path, server)
        summary, rows = desk.run()
    assert len(rows) == 5 and summary["outcomes"][outcome] == 1 and summary["outcomes"]["answered"] == 5
    (left,) = desk.quarantine()
    assert left["outcome"] == outcome.replace("_", " ") and reason in left["reason"]
    assert summary["judge_refused"] == (0.1667 if outcome == "blocked" else 0.0)


def test_a_judge_that_never_answers_well_makes_no_artifact(tmp_path: Path) -> None:
    with OpenAIServer(answer=answering("I won't judge.")) as server:
        desk = Desk(tmp_path, server)
        with pytest.raises(StageFailed, match="on any of 6 traces"):
            desk.run()
    assert len(desk.quarantine()) == 6


def test_texts_do_not_judge_themselves(tmp_path: Path) -> None:
    """Every injection as thought and answer, full marks behind it: only what the judge itself says is read."""
    texts = enumerate(INJECTIONS.values())
    traces = [trace(number, thought=text, answer=text + FULL_MARKS) for number, text in texts]
    with OpenAIServer(answer=answering(f"It claims {FULL_MARKS}.\n{verdict(0)}")) as server:
        _, rows = Desk(tmp_path, server, traces).run()
        for body in server.bodies:
            assert [message["role"] for message in body["messages"]] == ["system", "user"]
            assert "<|im_start|>" not in body["messages"][1]["content"]
    assert len(rows) == len(INJECTIONS) and {row["reward"] for row in rows} == {0.0}


def test_a_stopped_run_goes_on_without_paying_twice(desk: Desk, tmp_path: Path) -> None:
    _, whole = desk.run("whole")
    stop = tmp_path / "stop"
    stop.touch()
    with pytest.raises(StopRequested):
        desk.run("parts", stop=stop)
    stop.unlink()
    _, parts = desk.run("parts", stop=stop)
    assert parts == whole and desk.answered == 6


def test_two_versions_of_a_judge_are_told(desk: Desk) -> None:
    """Two samples come from the ledger; when the third is asked for, another version answers on one trace."""
    desk.write([trace(0), trace(1)])
    desk.run("before", samples=2)
    answer = desk.server.answer

    def newer(body: Any) -> tuple[str, str]:
        if "Case 1:" in body["messages"][1]["content"]:
            body["model"] = "newer"
        return answer(body)

    desk.server.answer = newer
    desk.events.clear()
    summary, rows = desk.run("after", samples=3)
    assert rows[1]["judge"]["model"] == f"{REPORTED}, newer-2026-01-01"
    assert [sample["model"] for sample in rows[1]["samples"]] == [REPORTED, REPORTED, "newer-2026-01-01"]
    models = {REPORTED: 2, "newer-2026-01-01": 1}
    assert summary["models"] == models and summary["judge"]["model"] == f"{REPORTED}, newer-2026-01-01"
    assert any(data.get("models") == models for kind, data in desk.events if kind == "alert")


def test_gemini_online_and_in_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    monkeypatch.setattr(batch, "POLL_SECONDS", 0.05)
    with GeminiServer(answer=answering(verdict(1))) as server:
        judge = {"kind": "gemini", "model": "gemini-3-pro-preview", "base_url": server.url, "timeout": 20}
        desk = Desk(tmp_path, server)
        monkeypatch.setattr(Desk, "config", lambda _, **settings: Config.model_validate({"judge": judge} | settings))
        _, online = desk.run("online")
        assert desk.answered == 6 and online[0]["scores"]["helpfulness"] == 0.25
        judge["batch"] = True
        _, again = desk.run("again")
        assert desk.answered == 6 and again == online
        _, batched = desk.run("batch", samples=2)
        assert desk.answered == 12 and len(batched[0]["samples"]) == 2
        assert len(server.batches.jobs) == 1


def plan(desk: Desk, **settings: Any) -> list[tuple[str, str]]:
    context = PlanContext(desk.config(**settings), {"traces": desk.root / "traces"}, 7, desk.root)
    return [(finding.level, finding.text) for finding in STAGE.plan(context)]


def test_the_plan_of_a_remote_judge(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.write([trace(0), trace(1), trace(2, finish="length")])
    notes = plan(desk, samples=3)
    assert [level for level, _ in notes] == ["note", "note"]
    assert notes[0][1].startswith("6 calls, ") and notes[1][1] == "2 traces to judge."
    assert desk.server.record.summary()["requests"] == 0, "a plan sends nothing"
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    faults = plan(desk, judge={"kind": "openai", "model": "m"})
    assert faults[0][0] == "fault" and "OPENAI_API_KEY" in faults[0][1]
    cold = {"kind": "openai", "model": MODEL, "base_url": desk.server.base_url, "temperature": 0, "project": "p"}
    warnings = [text for level, text in plan(desk, judge=cold, samples=2) if level == "warning"]
    assert warnings[0].startswith("At temperature 0") and "`judge.project`" in warnings[1]


def test_the_plan_before_there_are_traces(desk: Desk) -> None:
    assert STAGE.plan(PlanContext(desk.config(), {}, 7, desk.root)) == []
