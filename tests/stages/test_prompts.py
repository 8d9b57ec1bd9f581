"""The prompts stage: from the bank, a provider and a file, whole or not at all, and what `plan` says."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest

from pipeline.engine.errors import ConfigError, DataError, StopRequested
from pipeline.engine.events import Emitter
from pipeline.engine.rows import Row, read_rows
from pipeline.engine.stage import Context, PlanContext
from pipeline.providers.provider import Reply, Request
from pipeline.stages import prompts
from pipeline.stages.prompts import STAGE, Config
from tests.servers.openai import MODEL, OpenAIServer
from tests.stages.fake_account import FakeAccount, said


def make(out: Path, seed: int = 7, **settings: Any) -> tuple[dict[str, Any], list[Row], list[tuple[str, Row]]]:
    events: list[tuple[str, Row]] = []
    out.mkdir(exist_ok=True)
    emit = Emitter(lambda kind, data: events.append((kind, data)))
    summary = STAGE.run(Context(config=Config(**settings), inputs={}, out=out, seed=seed, emit=emit))
    return summary, list(read_rows(out / "rows.jsonl")), events


def planned(tmp_path: Path, **settings: Any) -> list[tuple[str, str]]:
    context = PlanContext(config=Config(**settings), inputs={}, seed=7, root=tmp_path)
    return [(finding.level, finding.text) for finding in STAGE.plan(context)]


def test_the_bank_at_its_default_size(tmp_path: Path) -> None:
    summary, rows, events = make(tmp_path / "a")
    assert summary["prompts"] == len(rows) == 500
    assert summary["categories"] == {
        "safety": 100,
        "complexity": 150,
        "dialogue": 100,
        "conflict": 100,
        "calibration": 50,
    }
    assert summary["heldout"] == 100
    assert summary["train"] == 400
    assert summary["themes"] >= 60
    heldout = Counter(row["category"] for row in rows if row["split"] == "heldout")
    assert heldout == {"safety": 20, "complexity": 30, "dialogue": 20, "conflict": 20, "calibration": 10}
    assert len({row["id"] for row in rows}) == len({row["problem"] for row in rows}) == 500
    assert summary["sources"] == {"bank": 500}
    assert ("progress", {"done": 500, "total": 500, "unit": "prompts"}) in events


def test_same_seed_same_bytes_even_over_what_was_left_there(tmp_path: Path) -> None:
    make(tmp_path / "a", safety=5)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "rows.jsonl").write_text('{"id": "torn', encoding="utf-8")
    make(tmp_path / "b", safety=5)
    make(tmp_path / "c", safety=5, seed=8)
    same, again, other = ((tmp_path / name / "rows.jsonl").read_bytes() for name in "abc")
    assert same == again != other


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    rows = [f'{{"prompt": "question {i % 40}", "problem": "p{i % 40 // 4}", "note": 1}}\n' for i in range(50)]
    path.write_text("".join(rows), encoding="utf-8")
    summary, rows_made, events = make(tmp_path / "out", source=path, category="conflict", heldout=0.3)
    assert summary["prompts"] == len(rows_made) == 40
    assert summary["duplicates"] == 10
    assert summary["categories"] == {"conflict": 40}
    assert summary["heldout"] == 12
    assert summary["sources"] == {"file": 40}
    train = {row["problem"] for row in rows_made if row["split"] == "train"}
    assert train.isdisjoint({row["problem"] for row in rows_made if row["split"] == "heldout"})
    alerts = [data["text"] for kind, data in events if kind == "alert"]
    assert any("10 prompts" in text for text in alerts)
    assert any("note" in text for text in alerts)


def test_what_cannot_be_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No prompts"):
        make(tmp_path / "a", safety=0, complexity=0, dialogue=0, conflict=0, calibration=0)
    with pytest.raises(DataError, match="missing"):
        make(tmp_path / "b", source=tmp_path / "nowhere.txt")
    assert not (tmp_path / "b" / "rows.jsonl").exists()


def test_plan_names_settings_without_effect(tmp_path: Path) -> None:
    path = tmp_path / "own.txt"
    path.write_text("hello\nagain\n", encoding="utf-8")
    assert planned(tmp_path) == [("note", "500 prompts.")]
    assert planned(tmp_path, source=path) == [("note", "2 prompts.")]
    assert ("warning", "safety, expand: no effect beside `source`.") in planned(
        tmp_path, source=path, safety=3, expand=0.5
    )
    assert ("warning", "`category` has no effect without `source`.") in planned(tmp_path, category="safety")
    texts = [text for level, text in planned(tmp_path, expand=0.5) if level == "warning"]
    assert texts == ["`expand` has no effect: the embedded provider writes no prompts, so all are the bank's."]
    texts = [text for level, text in planned(tmp_path, provider=PROVIDER) if level == "warning"]
    assert texts == ["`provider` has no effect: `expand` is 0, so all prompts are the bank's."]
    with pytest.raises(DataError, match="missing"):
        planned(tmp_path, source=tmp_path / "nowhere.txt")
    with pytest.raises(ConfigError, match="No prompts"):
        planned(tmp_path, safety=0, complexity=0, dialogue=0, conflict=0, calibration=0)


# Prompts that a provider writes.

PROVIDER = {"kind": "openai", "model": "some", "base_url": "http://127.0.0.1:1", "workers": 4}
FEW = {"safety": 4, "complexity": 7, "dialogue": 4, "conflict": 2, "calibration": 2}


def story(seed: str) -> str:
    """Words that no other seed has in this order."""
    words = "barn bridge cellar clock copper ferry garden harbour ladder lamp market mill orchard river roof tower"
    return " ".join(Random(seed).choices(words.split(), k=14)) + ", and what should I do first?"


def writer(request: Request) -> Reply:
    """As many prompts as are asked for, each another."""
    text = request.messages[-1]["content"]
    count = int(text.split()[1])
    seed = hashlib.sha256(text.encode()).hexdigest()
    lines: list[Any] = [story(f"{seed}/{n}") for n in range(count)]
    if "dialogues" in text.split("\n")[0]:
        lines = [[line, "Noted.", "There is rain, too.", "I see.", "So what is the plan?"] for line in lines]
    return said(json.dumps({"prompts": lines}))


def expand(
    monkeypatch: pytest.MonkeyPatch, out: Path, says: Any = writer, **settings: Any
) -> tuple[FakeAccount, dict[str, Any], list[Row], list[tuple[str, Row]]]:
    account = FakeAccount(says)
    monkeypatch.setattr(prompts, "open_account", account.open)
    summary, rows, events = make(out, **{"provider": PROVIDER, "expand": 0.5, "per_request": 2, **FEW, **settings})
    return account, summary, rows, events


def test_a_provider_writes_its_share_of_each_category(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    account, summary, rows, events = expand(monkeypatch, tmp_path / "out")
    assert summary["categories"] == FEW
    written = Counter(row["category"] for row in rows if row["source"] == "provider")
    assert written == {"safety": 2, "complexity": 4, "dialogue": 2, "conflict": 1, "calibration": 1}
    assert summary["sources"] == {"bank": 9, "provider": 10}
    assert summary["expansion"]["outcomes"]["asked"] == len(account.asked) == account.calls == 6
    assert summary["expansion"]["near_duplicates"] == summary["expansion"]["unfit"] == 0
    assert not [data for kind, data in events if kind == "alert"]
    for row in rows:
        assert (row["truth"] is None) == (row["source"] == "provider")
        assert row["id"].startswith(f"{row['category']}-0")
    assert len({row["problem"] for row in rows}) == len({row["id"] for row in rows}) == 19
    talk = next(row for row in rows if (row["category"], row["source"]) == ("dialogue", "provider"))
    assert [turn["role"] for turn in talk["messages"]] == ["user", "assistant"] * 2 + ["user"]
    for request in account.asked:
        assert request.schema is not None
        assert "fit to print" in request.system


def test_the_bank_is_the_same_beside_a_provider(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _, alone, _ = make(tmp_path / "alone", **FEW)
    _, _, rows, _ = expand(monkeypatch, tmp_path / "both")
    texts = [row["messages"] for row in alone]
    assert all(row["messages"] in texts for row in rows if row["source"] == "bank")


def test_what_is_near_another_is_asked_for_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    copied: list[str] = []

    def copies_at_first(request: Request) -> Reply:
        """The first three replies hold one and the same prompt twice."""
        if len(copied) < 3 and "complexity" not in copied and "dialogues" not in request.messages[-1]["content"]:
            copied.append(request.row["id"])
            return said(json.dumps({"prompts": [story("same"), story("same")]}))
        return writer(request)

    account, summary, rows, _ = expand(
        monkeypatch, tmp_path / "out", copies_at_first, provider={**PROVIDER, "workers": 1}
    )
    assert summary["sources"] == {"bank": 9, "provider": 10}
    assert summary["expansion"]["near_duplicates"] == 5
    assert len(account.asked) > 6
    assert sum(row["messages"][0]["content"] == story("same") for row in rows) == 1
    assert (tmp_path / "out" / "round-2" / "rows.jsonl").exists()


def test_after_the_last_round_the_bank_fills_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def lazy(request: Request) -> Reply:
        return said("No prompts today.") if request.row["id"].startswith("safety") else writer(request)

    account, summary, rows, events = expand(monkeypatch, tmp_path / "out", lazy, rounds=3)
    assert summary["categories"] == FEW
    assert summary["sources"] == {"bank": 11, "provider": 8}
    assert {row["source"] for row in rows if row["category"] == "safety"} == {"bank"}
    alerts = [data for kind, data in events if kind == "alert"]
    assert [alert["missing"] for alert in alerts] == [2]
    assert "2 of 2 safety prompts are from the bank: after 3 rounds" in alerts[0]["text"]
    assert summary["expansion"]["outcomes"]["invalid"] == 3
    safety = [request.row["id"] for request in account.asked if request.row["id"].startswith("safety")]
    assert safety == [f"safety/000{n}" for n in range(3) for _ in range(2)]


def test_asked_again_it_asks_the_same_and_yields_the_same_bytes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first, *_ = expand(monkeypatch, tmp_path / "a")
    again, *_ = expand(monkeypatch, tmp_path / "b", provider={**PROVIDER, "workers": 1})
    expand(monkeypatch, tmp_path / "a")  # over what an earlier attempt left
    rows = [(tmp_path / name / "rows.jsonl").read_bytes() for name in "ab"]
    assert rows[0] == rows[1]
    assert sorted(str(request) for request in first.asked) == sorted(str(request) for request in again.asked)


def test_plan_of_prompts_that_a_provider_writes(tmp_path: Path) -> None:
    context = PlanContext(Config(provider=PROVIDER, expand=0.5), {}, 7, tmp_path)  # type: ignore[arg-type]
    told = STAGE.plan(context)
    assert told[0].data == {"prompts": 500, "without_truth": 250}
    assert [finding.level for finding in told] == ["note", "note"]
    assert told[1].data["calls"] == 50
    assert STAGE.pins(context.config).keys() == {"texts"}
    assert STAGE.pins(Config()) == {}


def test_over_the_wire_a_stopped_run_goes_on_where_it_was(tmp_path: Path) -> None:
    def says(body: Any) -> tuple[str, str]:
        if len(server.bodies) == 4:
            (tmp_path / "stop").touch()
        reply = writer(Request([{"role": "user", "content": body["messages"][-1]["content"]}]))
        return reply.text, ""

    with OpenAIServer(answer=says) as server:
        provider = {**PROVIDER, "model": MODEL, "base_url": server.base_url, "workers": 1}
        settings = Config(provider=provider, expand=0.5, per_request=1, **FEW)  # type: ignore[arg-type]
        emit = Emitter(lambda *_: None)

        def run(name: str) -> bytes:
            (tmp_path / name).mkdir(exist_ok=True)
            asking = Context(settings, {}, tmp_path / name, 7, emit, stop_file=tmp_path / "stop", root=tmp_path)
            STAGE.run(asking)
            return (tmp_path / name / "rows.jsonl").read_bytes()

        with pytest.raises(StopRequested):
            run("out")
        assert 0 < server.record.summary()["answered"] < 10
        assert not (tmp_path / "out" / "rows.jsonl").exists()
        (tmp_path / "stop").unlink()
        whole = run("out")
        assert run("elsewhere") == whole
        assert server.record.summary()["answered"] == len(server.bodies) == 10
        assert all(body["response_format"]["json_schema"]["strict"] for body in server.bodies)
