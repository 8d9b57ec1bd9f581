"""The traces stage with a teacher that is a model: what it is asked, what becomes of its answers. What stands between
the two is tested in tests/providers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.engine.errors import StageFailed
from pipeline.engine.fanout import Quarantined
from pipeline.engine.rows import Row, read_rows, write_rows
from pipeline.providers.provider import Reply, Request
from pipeline.stages import traces
from pipeline.stages.traces import STAGE, Config
from pipeline.tasks.teaching import CHOSEN, REJECTED, WRITTEN
from tests.servers.gemini import KEY, GeminiServer
from tests.servers.script import Rule, Script
from tests.stages.fake_account import FakeAccount, said
from tests.stages.test_traces import context, make, planned

GEMINI = {"kind": "gemini", "model": "gemini-3-pro-preview", "workers": 3}
LOCAL = {"kind": "openai", "model": "some", "base_url": "http://127.0.0.1:1"}


@pytest.fixture
def asked(tmp_path: Path) -> Path:
    """Two prompts without a truth, one of them with a system message of its own."""
    folder = tmp_path / "asked"
    folder.mkdir()
    turn = {"role": "user", "content": "Which way is north?"}
    base = {"category": "conflict", "theme": "own", "split": "train", "truth": None}
    own = [{"role": "system", "content": "Answer in French."}, turn]
    rows = [{"id": "conflict-0001", "problem": "a", "messages": [turn], **base},
            {"id": "conflict-0002", "problem": "b", "messages": own, **base}]  # fmt: skip
    write_rows(folder / "rows.jsonl", rows)
    return folder


def teach(
    monkeypatch: pytest.MonkeyPatch, out: Path, inputs: Path, says: Any, **settings: Any
) -> tuple[FakeAccount, dict[str, Any], list[Row], list[tuple[str, Row]]]:
    account = FakeAccount(says)
    monkeypatch.setattr(traces, "open_account", account.open)
    summary, rows, events = make(out, inputs, **{"provider": GEMINI, **settings})
    return account, summary, rows, events


def test_a_teacher_is_asked_as_the_plan_has_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, asked: Path) -> None:
    account, summary, rows, _ = teach(monkeypatch, tmp_path / "out", asked, lambda _: said("North.", "The sun."))
    requests = {request.row["id"]: request for request in account.asked}
    plain = [requests[f"conflict-0001/{sample}"] for sample in range(6)]
    assert [(request.system, request.thinking) for request in plain[:3]] == [
        (CHOSEN, "high"),
        ("", ""),
        (REJECTED, "low"),
    ]
    assert plain[3] == Request(plain[0].messages, CHOSEN, "high", sample=3, row=plain[3].row)
    own = requests["conflict-0002/0"]
    assert own.system == f"{CHOSEN}\n\nAnswer in French."
    assert [turn["role"] for turn in own.messages] == ["user"]
    assert requests["conflict-0002/1"].system == "Answer in French."
    assert account.calls == len(rows) == 12
    assert not account.fetched
    row = rows[0]
    assert (row["thought"], row["answer"], row["finish"]) == ("The sun.", "North.", "stop")
    assert (row["provider"], row["model"]) == ("gemini", "fake-model-001")
    assert row["tokens"] == {"input": 40, "output": 20, "thought": 60}
    assert rows[6]["messages"][0] == {"role": "system", "content": "Answer in French."}
    assert summary["outcomes"] == {"asked": 12, "answered": 12, "cut_off": 0, "blocked": 0, "invalid": 0, "not_yet": 0}
    assert summary["spend"] == {"calls": 12}
    assert summary["without_thought"] == 0


def test_a_batch_is_asked_for_all_of_them_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, asked: Path) -> None:
    settings = {"provider": {**GEMINI, "batch": True}}
    account, *_ = teach(monkeypatch, tmp_path / "out", asked, lambda _: said("North."), **settings)
    assert sorted(map(str, account.fetched)) == sorted(map(str, account.asked))


def test_instructions_are_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, asked: Path) -> None:
    own = {
        "system_chosen": "Be a sage.",
        "system_adequate": "Be.",
        "thinking_chosen": "",
        "thinking_rejected": "minimal",
    }
    account, *_ = teach(monkeypatch, tmp_path / "out", asked, lambda _: said("North."), **own)
    told = {request.row["id"]: (request.system, request.thinking) for request in account.asked}
    assert [told[f"conflict-0001/{n}"] for n in range(3)] == [("Be a sage.", ""), ("Be.", ""), (REJECTED, "minimal")]


def test_what_cannot_be_used_is_counted_and_set_aside(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, asked: Path
) -> None:
    def says(request: Request) -> Reply:
        match request.row["id"]:
            case "conflict-0001/0":
                raise Quarantined("cut off", "MAX_TOKENS")
            case "conflict-0001/1":
                raise Quarantined("blocked", "SAFETY")
            case "conflict-0001/2":
                return said("<think>Which way")
            case "conflict-0001/3":
                return said("North." if request.attempt else " ")
        return said("North.", "The sun.")

    account, summary, rows, events = teach(monkeypatch, tmp_path / "out", asked, says)
    assert [row["id"] for row in rows] == [f"conflict-000{1 + n // 6}/{n % 6}" for n in range(3, 12)]
    left = list(read_rows(tmp_path / "out" / "quarantine.jsonl"))
    assert [row["outcome"] for row in left] == ["cut off", "blocked", "invalid"]
    assert left[2]["text"] == "<think>Which way"
    assert summary["outcomes"] == {"asked": 12, "answered": 9, "cut_off": 1, "blocked": 1, "invalid": 1, "not_yet": 0}
    assert summary["traces"] == summary["finish"]["stop"] == 9
    assert sum(request.row["id"] == "conflict-0001/3" for request in account.asked) == 2
    assert summary["without_thought"] == 1
    alerts = [data for kind, data in events if kind == "alert"]
    assert [alert["missing"] for alert in alerts] == [1]
    assert "1 of 9 traces have no thought" in alerts[0]["text"]


def test_a_thought_can_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, asked: Path) -> None:
    def says(request: Request) -> Reply:
        assert request.system.endswith(WRITTEN)
        whole = request.attempt or request.row["id"] != "conflict-0001/0"
        return said("<think>Moss.</think>North." if whole else "North.", "**A summary**")

    account, summary, rows, _ = teach(monkeypatch, tmp_path / "out", asked, says, thought="written")
    assert len(account.asked) == 13  # Gemini's summary is not what was asked for
    assert {(row["thought"], row["answer"]) for row in rows} == {("Moss.", "North.")}
    assert summary["without_thought"] == 0
    # Of a server with an open model the provider has split the block off already.
    settings = {"thought": "written", "provider": LOCAL}
    _, _, rows, _ = teach(monkeypatch, tmp_path / "b", asked, lambda _: said("North.", "Moss."), **settings)
    assert {(row["thought"], row["answer"]) for row in rows} == {("Moss.", "North.")}


def test_nothing_usable_is_an_error_and_no_artifact(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, asked: Path
) -> None:
    def says(_: Request) -> Reply:
        raise Quarantined("cut off", "MAX_TOKENS")

    with pytest.raises(StageFailed, match="None of 12 traces") as caught:
        teach(monkeypatch, tmp_path / "out", asked, says)
    assert "cut off, MAX_TOKENS" in caught.value.why


def test_plan_of_a_teacher_that_is_a_model(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, bank: Path, asked: Path
) -> None:
    monkeypatch.delenv("GEMINI_API_KEY", raising=False)
    monkeypatch.delenv("GOOGLE_API_KEY", raising=False)
    found = planned(tmp_path, {"prompts": bank}, provider=GEMINI)
    faults = [text for level, text in found if level == "fault"]
    assert len(faults) == 1
    assert "GEMINI_API_KEY" in faults[0]
    assert any("summaries" in text for level, text in found if level == "warning")
    monkeypatch.setenv("GEMINI_API_KEY", "not-a-real-key")
    settled = planned(tmp_path, {"prompts": asked}, provider=GEMINI, thought="written")
    assert [level for level, _ in settled] == ["note", "note"]
    assert settled[1][1].startswith("12 calls, about ")
    assert "$" in settled[1][1]
    other = planned(tmp_path, provider={**LOCAL, "project": "x"})
    assert [level for level, _ in other] == ["warning"]
    assert "`provider.project` has no effect" in other[0][1]


def test_another_text_on_the_think_block_is_another_artifact() -> None:
    offline, gemini = Config(), Config.model_validate({"provider": GEMINI})
    assert STAGE.pins(offline) == {"teacher": "offline-teacher-1"}
    assert STAGE.pins(gemini) == {}
    assert STAGE.pins(gemini.model_copy(update={"thought": "written"})).keys() == {"form"}


def test_over_the_wire_nothing_is_paid_twice_and_nothing_is_lost(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, asked: Path
) -> None:
    script = Script([
        Rule("cap", match="Answer in French", count=1),
        Rule("safety", match="always in a hurry", count=1),
        Rule("429 minute 0.1", first=2, count=1),
        Rule("503", first=5, count=1),
    ])  # fmt: skip
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    with GeminiServer(script=script) as server:
        settings = {"provider": {**GEMINI, "base_url": server.url, "workers": 2, "thinking": "high"}}
        first, rows, events = make_in(tmp_path, "first", asked, **settings)
        told = server.record.summary()
        again, same, _ = make_in(tmp_path, "again", asked, **settings)
        assert server.record.summary()["answered"] == told["answered"] == 12
    assert first["outcomes"] == {"asked": 12, "answered": 10, "cut_off": 1, "blocked": 1, "invalid": 0, "not_yet": 0}
    assert (same, again["outcomes"]) == (rows, first["outcomes"])
    assert all(row["thought"].startswith("Thought") and row["answer"].startswith("Answer") for row in rows)
    assert len({row["answer"] for row in rows}) == 10
    assert {row["model"] for row in rows} == {"gemini-3-pro-preview-001"}
    assert all(row["tokens"]["thought"] > 0 for row in rows)
    spend = first["spend"]
    assert (spend["calls"], spend["lost"]) == (12, 0)
    assert [spend[kind] for kind in ("input", "output", "thought")] == [
        told[kind] for kind in ("input", "output", "thought")
    ]
    assert KEY not in str(events)


def make_in(root: Path, name: str, inputs: Path, **settings: Any) -> tuple[dict[str, Any], list[Row], Any]:
    """As `make`, with a workspace of its own, so that there is one ledger."""
    events: list[tuple[str, Row]] = []
    asking = context(root / name, Config(**settings), {"prompts": inputs}, events)
    asking.root = root
    return STAGE.run(asking), list(read_rows(root / name / "rows.jsonl")), events
