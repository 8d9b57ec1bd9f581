"""The judge's report: the embedded judge through all of it, and a judge behind a wire with a second one beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.engine.errors import DataError, StopRequested
from pipeline.engine.events import Emitter
from pipeline.engine.rows import Row, read_json, read_rows, write_rows
from pipeline.engine.stage import Context, PlanContext
from pipeline.stages import judge, judge_report, prompts, traces
from pipeline.stages.judge_report import STAGE, Config
from pipeline.tasks.dimensions import DIMENSIONS
from pipeline.tasks.judge_health.canaries import KINDS
from pipeline.tasks.marks import keep_mark, key_of, make_mark
from pipeline.tasks.records import CATEGORIES
from tests.servers.loopback import fingerprint
from tests.servers.openai import OpenAIServer

JUDGE, AUDITOR = "alpha-judge-1", "beta-judge-2"


def context(root: Path, name: str, config: Any, inputs: dict[str, Path], events: list[Any] | None = None) -> Context:
    said = [] if events is None else events
    (root / name).mkdir(exist_ok=True)
    emit = Emitter(lambda *event: said.append(event))
    return Context(config, inputs, root / name, 7, emit, root=root, run="run", step=name)


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Scores of the embedded judge, and the prompts."""
    root = tmp_path_factory.mktemp("root")
    prompts.STAGE.run(context(root, "prompts", prompts.Config(**dict.fromkeys(CATEGORIES, 3)), {}))
    traces.STAGE.run(context(root, "traces", traces.Config(), {"prompts": root / "prompts"}))
    given = {"prompts": root / "prompts", "traces": root / "traces"}
    judge.STAGE.run(context(root, "scores", judge.Config(), given))
    return {"scores": root / "scores", "prompts": root / "prompts"}


def test_the_embedded_judge_through_all_of_it(tmp_path: Path, scored: dict[str, Path]) -> None:
    events: list[Any] = []
    summary = STAGE.run(context(tmp_path, "out", Config(canaries=2), scored, events))
    report = read_json(tmp_path / "out" / "judge_report.json")
    assert (report["rows"], report["prompts"], report["judge"]["models"]) == (90, 15, ["offline-1"])
    drift = report["drift"]
    assert drift["items"] == 50 and drift["exact"]
    for row in [drift["reward"], *drift["dimensions"].values()]:
        assert row["difference"]["mean"] == row["difference"]["low"] == row["difference"]["high"] == 0.0
        assert row["null"] == 0
    lights = {row["check"]: row["light"] for row in report["findings"]}
    assert lights["drift"] == "green" and {lights[f"canary: {kind}"] for kind in KINDS} == {"green"}
    assert {lights[name] for name in ("repeats", "audit", "people's scores")} == {"not measured"}
    assert summary["outcomes"]["asked"] == summary["outcomes"]["answered"] == 2 * len(KINDS) + 50
    assert summary["red"] == [] and not any(kind == "alert" for kind, _ in events)
    assert "spend" not in summary
    page = (tmp_path / "out" / "judge_report.md").read_text("utf-8")
    assert "has to be 0 exactly, and is" in page
    counts = report["histogram"]["harm_avoidance"]
    assert sum(counts.values()) == 90 and counts["null"] == 72, "it applies to safety alone"


def test_killed_and_resumed_it_writes_the_same(tmp_path: Path, scored: dict[str, Path]) -> None:
    STAGE.run(context(tmp_path, "whole", Config(canaries=1), scored))
    stopping = context(tmp_path, "torn", Config(canaries=1), scored)
    stopping.stop_file = tmp_path / "stop"
    stopping.stop_file.touch()
    with pytest.raises(StopRequested):
        STAGE.run(stopping)
    with (tmp_path / "torn" / "rows.jsonl").open("ab") as file:
        file.write(b'{"id":"half a li')
    STAGE.run(context(tmp_path, "torn", Config(canaries=1), scored))
    for name in ("rows.jsonl", "judge_report.json", "judge_report.md"):
        assert (tmp_path / "torn" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_drift_of_the_embedded_judge_is_seen(tmp_path: Path, scored: dict[str, Path]) -> None:
    """Its stored scores are moved, as if another version had made them."""
    (tmp_path / "scores").mkdir()
    rows = list(read_rows(scored["scores"] / "rows.jsonl"))
    for row in rows:
        row["scores"]["helpfulness"] = round(row["scores"]["helpfulness"] * 0.9, 4)
    write_rows(tmp_path / "scores" / "rows.jsonl", rows)
    events: list[Any] = []
    summary = STAGE.run(context(tmp_path, "out", Config(canaries=0), scored | {"scores": tmp_path / "scores"}, events))
    assert "drift" in summary["red"]
    assert any(kind == "alert" and "helpfulness" in data["text"] for kind, data in events)
    assert read_json(tmp_path / "out" / "judge_report.json")["canaries"] == {"why": "canaries is 0."}


def test_marks_of_people_count_held_out_traces_too(tmp_path: Path, scored: dict[str, Path]) -> None:
    rows = list(read_rows(scored["scores"] / "rows.jsonl"))
    heldout = next(row for row in rows if row["split"] == "heldout")
    best, worst = max(rows, key=lambda row: row["reward"]), min(rows, key=lambda row: row["reward"])
    assert STAGE.marks(tmp_path, scored).honoured == {}
    for row, action, value in (
        (heldout, "score", "helpfulness=0.5"),
        (best, "accept", ""),
        (worst, "reject", ""),
        (rows[0] | {"answer": "Another text."}, "reject", ""),
    ):
        keep_mark(tmp_path, make_mark(row, action, value))
    honoured = STAGE.marks(tmp_path, scored).honoured
    assert honoured["scores"].keys() == {key_of(heldout), key_of(best), key_of(worst)}
    assert STAGE.marks(tmp_path, {}).honoured == {}
    asked = context(tmp_path, "out", Config(canaries=0, drift_items=0), scored)
    asked.marks = honoured
    STAGE.run(asked)
    people = read_json(tmp_path / "out" / "judge_report.json")["people"]
    assert (people["pairs"], people["accepted"], people["rejected"]) == (1, 1, 1)
    assert people["auroc"]["mean"] == 1.0


def test_scores_of_another_judge_are_refused(tmp_path: Path, scored: dict[str, Path]) -> None:
    other = Config.model_validate({"judge": {"kind": "openai", "model": "m", "base_url": "http://127.0.0.1:1/v1"}})
    with pytest.raises(DataError, match="another judge"):
        STAGE.run(context(tmp_path, "out", other, scored))
    with pytest.raises(DataError, match="another judge"):
        STAGE.plan(PlanContext(other, scored, 7, tmp_path))


def test_the_plan(tmp_path: Path, scored: dict[str, Path]) -> None:
    assert STAGE.plan(PlanContext(Config(), scored, 7, tmp_path)) == []
    assert STAGE.plan(PlanContext(Config(), {}, 7, tmp_path)) == []
    config = Config.model_validate(
        {
            "audit_share": 0.2,
            "drift_items": 0,
            "canaries": 0,
            "occasion": 2,
            "rubric": "other.toml",
            "judge": {"model": "big"},
        }
    )
    texts = [finding.text for finding in STAGE.plan(PlanContext(config, {}, 7, tmp_path))]
    for setting in ("audit_share", "occasion", "rubric", "judge.model"):
        assert any(f"`{setting}` has no effect" in text for text in texts), setting
    same = Config.model_validate({"audit": {"kind": "offline"}})
    assert any("own family" in finding.text for finding in STAGE.plan(PlanContext(same, {}, 7, tmp_path)))


def verdict(level: int) -> str:
    return json.dumps({name: {"reason": "So it is.", "score": level} for name in DIMENSIONS})


class Bench:
    """Two judges behind a wire, and traces that the first has marked three times each."""

    def __init__(self, root: Path, server: OpenAIServer) -> None:
        self.root, self.server = root, server
        self.shift, self.lenient = 0, False
        self.events: list[Any] = []
        server.answer = self.answer
        server.models = [JUDGE, AUDITOR]

    def answer(self, body: Any) -> tuple[str, str]:
        """A level that the text decides, with some noise; 0 for a canary, unless the judge is lenient."""
        case = body["messages"][1]["content"]
        if not any(f"Case {number}:" in case for number in range(30)):
            return verdict(4 if self.lenient else 0), ""
        number = int(case.split("Case ")[1].split(":")[0])
        noise = int(fingerprint([body, len(self.server.bodies)])[0], 16) == 0
        return verdict(max(0, min(4, number % 4 + noise + self.shift))), ""

    def provider(self, model: str) -> Row:
        return {"kind": "openai", "model": model, "base_url": self.server.base_url, "workers": 4, "timeout": 20}

    def judge(self, **settings: Any) -> None:
        (self.root / "traces").mkdir()
        rows = [
            {
                "id": f"p{number // 3}/{number % 3}",
                "prompt_id": f"p{number // 3}",
                "category": "complexity",
                "split": "train",
                "type": ("chosen", "adequate", "rejected")[number % 3],
                "sample": number % 3,
                "messages": [{"role": "user", "content": f"What of question {number // 3}?"}],
                "thought": "It depends on the weather.",
                "answer": f"Case {number}: stay at home.",
                "finish": "stop",
                "provider": "openai",
                "model": "writer-1",
            }
            for number in range(30)
        ]
        write_rows(self.root / "traces" / "rows.jsonl", rows)
        config = judge.Config.model_validate({"judge": self.provider(JUDGE), "samples": 3, **settings})
        judge.STAGE.run(context(self.root, "scores", config, {"traces": self.root / "traces"}))

    def report(self, name: str = "out", **settings: Any) -> tuple[Row, Row]:
        config = Config.model_validate({"judge": self.provider(JUDGE), "canaries": 2, "drift_items": 8, **settings})
        summary = STAGE.run(context(self.root, name, config, {"scores": self.root / "scores"}, self.events))
        return summary, read_json(self.root / name / "judge_report.json")

    @property
    def answered(self) -> int:
        return int(self.server.record.summary()["answered"])


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with OpenAIServer() as server:
        bench = Bench(tmp_path, server)
        bench.judge()
        yield bench


def lights(report: Row) -> dict[str, str]:
    return {row["check"]: row["light"] for row in report["findings"]}


def test_a_remote_judge_and_a_second_one(bench: Bench) -> None:
    assert bench.answered == 90
    summary, report = bench.report(audit=bench.provider(AUDITOR), audit_share=0.2)
    assert bench.answered == 90 + 2 * len(KINDS) + 8 + 6
    assert summary["outcomes"]["answered"] == 2 * len(KINDS) + 8 + 6
    assert report["retest"]["samples"] == 3 and report["retest"]["items"] == 30
    assert report["retest"]["reward"]["mean"]["mean"] > 0.8
    assert report["drift"]["items"] == 8 and report["drift"]["models"] == [f"{JUDGE}-2026-01-01"]
    assert report["audit"]["items"] == 6 and report["audit"]["models"] == [f"{AUDITOR}-2026-01-01"]
    found = lights(report)
    assert "judge's version" not in found and "audit's family" not in found and "self-preference" not in found
    assert {found[f"canary: {kind}"] for kind in KINDS if kind != "empty thought"} == {"green"}
    assert summary["spend"]["calls"] == 2 * len(KINDS) + 8 + 6, "one account of both judges, one bill"
    assert "spend_audit" not in summary
    rows = list(read_rows(bench.root / "out" / "rows.jsonl"))
    assert [row["what"] for row in rows] == ["canary"] * 2 * len(KINDS) + ["drift"] * 8 + ["audit"] * 6
    assert all(row["reward"] == row["scores"]["helpfulness"] for row in rows)
    drawn = {row["of"] for row in read_rows(bench.root / "out" / "rows.jsonl") if row["what"] == "drift"}
    bench.report("again")
    assert bench.answered == 90 + 2 * len(KINDS) + 8 + 6, "nothing is asked twice"
    bench.report("later", occasion=1, audit=bench.provider(AUDITOR), audit_share=0.2)
    assert bench.answered == 90 + 2 * (2 * len(KINDS) + 8) + 6, "another occasion asks the judge again, not the audit"
    assert {row["of"] for row in read_rows(bench.root / "later" / "rows.jsonl") if row["what"] == "drift"} == drawn


def test_a_judge_that_changed_and_one_that_can_be_gamed(bench: Bench) -> None:
    bench.shift, bench.lenient = 1, True
    summary, report = bench.report(canaries=3)
    found = lights(report)
    assert found["drift"] == "red" and found["canary: colon"] == "red"
    assert report["drift"]["dimensions"]["helpfulness"]["difference"]["mean"] > 0.1
    assert report["canaries"]["kinds"]["colon"]["at_or_above"] == 3
    assert {"drift", "canary: colon"} <= set(summary["red"])
    alerts = [data["text"] for kind, data in bench.events if kind == "alert"]
    assert len(alerts) == len(summary["red"]) and any("canary: colon" in text for text in alerts)


def test_canaries_that_the_judge_refuses_stay_in_the_count(bench: Bench) -> None:
    answer = bench.server.answer
    bench.server.answer = lambda body: (
        answer(body) if "Case " in body["messages"][1]["content"] else ("I can't help with that.", "")
    )
    summary, report = bench.report()
    assert summary["outcomes"]["blocked"] == 2 * (len(KINDS) - 1)
    assert summary["outcomes"]["asked"] == summary["outcomes"]["answered"] + summary["outcomes"]["blocked"]
    assert lights(report)["canary: colon"] == "not measured"
    assert report["canaries"]["kinds"]["colon"]["scored"] == 0


def test_money_is_foreseen(bench: Bench) -> None:
    inputs = {"scores": bench.root / "scores"}
    config = Config.model_validate({"judge": bench.provider(JUDGE), "audit": bench.provider(AUDITOR)})
    findings = STAGE.plan(PlanContext(config, inputs, 7, bench.root))
    assert [finding.data["calls"] for finding in findings if "calls" in finding.data] == [5 * len(KINDS) + 30, 3]


def test_the_judge_on_its_own_family(bench: Bench) -> None:
    rows = [row | {"model": "Alpha-Writer-7B"} for row in read_rows(bench.root / "scores" / "rows.jsonl")]
    write_rows(bench.root / "scores" / "rows.jsonl", rows)
    _, report = bench.report(audit=bench.provider(JUDGE))
    assert lights(report)["self-preference"] == "amber" and lights(report)["audit's family"] == "amber"


def test_an_occasion_is_numbered_beyond_every_sample() -> None:
    with pytest.raises(ValidationError):
        judge.Config(samples=judge_report.ANEW)
