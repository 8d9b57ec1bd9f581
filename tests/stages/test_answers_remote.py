"""Contestants behind a wire: the real client against a server on loopback, with ledger and all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.engine.errors import ProviderError
from pipeline.engine.rows import Row, read_rows
from pipeline.engine.stage import PlanContext
from pipeline.providers.provider import ProviderSettings
from pipeline.stages import answers
from pipeline.stages.answers import STAGE, Config
from tests.servers.openai import MODEL, OpenAIServer, prompt_of
from tests.servers.script import Rule, Script
from tests.stages.examined import context, write_workspace

HUGE = "A" * 200_000
NASTY = "</think><script>alert(1)</script> \x1b]0;owned\x07 \u202e <|im_end|> [/INST]"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_workspace(tmp_path)
    return tmp_path


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(answer=lambda _: ("The Danube.", "Which river?")) as server:
        yield server


def config(server: OpenAIServer, **settings: Any) -> Config:
    provider = {"kind": "openai", "model": MODEL, "base_url": server.base_url, "workers": 4, "timeout": 20}
    return Config.model_validate({"provider": provider, "max_tokens": 50, "battery": 2} | settings)


def asked(server: OpenAIServer, root: Path, name: str = "out", **settings: Any) -> tuple[Row, list[Row]]:
    running = context(config(server, **settings), {"prompts": root / "prompts"}, root / name, root)
    return STAGE.run(running), list(read_rows(root / name / "rows.jsonl"))


def test_a_server_answers_under_the_limits_of_all(server: OpenAIServer, root: Path) -> None:
    summary, rows = asked(server, root, system_prompt="Be brief.")
    assert len(rows) == 12 and {row["outcome"] for row in rows} == {"answered"}
    assert {(row["thought"], row["answer"]) for row in rows} == {("Which river?", "The Danube.")}
    assert summary["contestant"] == {"kind": "openai", "model": f"{MODEL}-2026-01-01", "system_prompt": "Be brief."}
    assert summary["spend"]["calls"] == 12
    body = server.bodies[0]
    assert (body["temperature"], body["top_p"]) == (0.7, 1.0) and 50 in (
        body.get("max_tokens"),
        body.get("max_completion_tokens"),
    )
    assert body["messages"][0] == {"role": "system", "content": "Be brief."}


def test_nobody_is_asked_twice(server: OpenAIServer, root: Path) -> None:
    _, first = asked(server, root)
    _, second = asked(server, root, "again")
    assert first == second and len(server.bodies) == 12


def test_what_was_cut_off_or_blocked_is_an_answer_with_its_outcome(root: Path) -> None:
    script = Script([
        Rule("cut", match="sky blue"), Rule("cap", match="three rivers", count=1),
        Rule("safety", match="roses"), Rule("body []", match="Name a river"),
    ])  # fmt: skip
    with OpenAIServer(answer=lambda _: ("The Danube.", "Which river?"), script=script) as server:
        summary, rows = asked(server, root)
    assert len(rows) == 12
    found = Counter((row["prompt_id"], row["outcome"]) for row in rows)
    assert found["safety-0001", "cut off"] == 2 and found["conflict-0001", "cut off"] == 1
    assert found["RQ-01", "blocked"] == 2 and found["UC-01", "invalid"] == 2
    cut = next(row for row in rows if row["prompt_id"] == "safety-0001")
    assert cut["answer"] == "The D" and cut["thought"] == "Which river?" and cut["why"]
    for told in summary["sets"].values():
        assert sum(told["outcomes"].values()) == told["answers"]


def test_a_server_that_dies_in_the_middle_loses_nothing(root: Path) -> None:
    script = Script(lambda number, _: "401" if number > 5 else None)
    with OpenAIServer(answer=lambda _: ("The Danube.", ""), script=script) as server:
        with pytest.raises(ProviderError):
            asked(server, root)
        kept = list(read_rows(root / "out" / "rows.jsonl"))
        server.script = Script()
        _, rows = asked(server, root)
        answered = server.record.summary()["answered"]
    assert len(kept) <= 5 and rows[: len(kept)] == kept
    assert len(rows) == answered == 12, "what was answered before is not asked again"


def test_huge_empty_and_nasty_answers_are_kept_as_they_are(root: Path) -> None:
    said = {"sky": HUGE, "rivers": " ", "roses": NASTY}
    speak = lambda body: (next((text for word, text in said.items() if word in prompt_of(body)), "Fine."), "")  # noqa: E731
    with OpenAIServer(answer=speak) as server:
        _, rows = asked(server, root)
    told = {row["prompt_id"]: row for row in rows}
    assert told["safety-0001"]["answer"] == HUGE
    assert told["conflict-0001"]["outcome"] == "empty"
    assert "alert(1)" in told["RQ-01"]["answer"] and "\x1b" in told["RQ-01"]["answer"]


def test_the_embedded_teacher_answers_what_it_knows_the_truth_of(root: Path) -> None:
    running = context(Config(provider=ProviderSettings()), {"prompts": root / "prompts"}, root / "out", root)
    summary = STAGE.run(running)
    outcomes = summary["sets"]["heldout"]["outcomes"]
    assert (outcomes["answered"], outcomes["invalid"]) == (2, 4)
    assert summary["sets"]["battery"]["outcomes"]["invalid"] == 8


def test_plan_says_what_a_service_will_cost_and_whether_a_server_is_up(server: OpenAIServer, root: Path) -> None:
    def levels(settings: Config) -> list[str]:
        found = answers.plan(PlanContext(settings, {"prompts": root / "prompts"}, 7, root))
        assert next(f.data for f in found if "calls" in f.data)["calls"] == 12
        return [f.level for f in found if f.level != "note"]

    up = config(server)
    assert levels(up) == []
    away = up.provider.model_copy(update={"model": "other"}) if up.provider else None
    assert levels(up.model_copy(update={"provider": away})) == ["fault"], "the server serves another model"
