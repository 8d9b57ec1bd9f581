"""A paid run, 500 prompts x 6 traces and their judgments, killed at twenty random moments: nothing is paid for twice.

Teacher and judge are loopback services that misbehave; what they say they answered is held against our ledger.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from pipeline.engine.ledger import Ledger
from pipeline.engine.rows import read_json, read_rows
from pipeline.engine.runs import Run
from pipeline.engine.view import view_of
from pipeline.tasks.dimensions import DIMENSIONS
from tests.servers.gemini import KEY, GeminiServer
from tests.servers.openai import OpenAIServer
from tests.servers.script import Bucket, Script

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]
KILLS = 20

PRESET = """
seed = 5
[providers.teacher]
kind = "gemini"
model = "gemini-3-pro-preview"
base_url = "{teacher}"
key_env = "TEACHER_KEY"
timeout = 3
[providers.judge]
kind = "openai"
model = "test-model"
base_url = "{judge}"
key_env = "JUDGE_KEY"
timeout = 3
[steps.prompts]
[steps.traces]
provider = "teacher"
[steps.judge]
judge = "judge"
"""
PRICES = """
[models."gemini-3-pro-preview"]
input = 2.0
output = 12.0
[models."test-model"]
input = 1.0
output = 4.0
"""


class Moods:
    """A limit of 60 requests a second, and one request in thirteen or so meets another fault that a row survives or is
    quarantined for."""

    def __init__(self) -> None:
        self.bucket = Bucket(60, 30, 0.5)
        self.faults = Script(_fault)

    def next(self, text: str) -> str | None:
        return self.bucket.next(text) or self.faults.next(text)


def _fault(number: int, _: str) -> str | None:
    rules = {
        "503": number % 97 < 2, "html 502": number % 307 == 0, "drop": number % 151 == 0, "hang 4": number % 701 == 0,
        "blocked": number % 131 == 0, "safety": number % 137 == 0, "cap": number % 139 == 0, "cut": number % 149 == 0,
        "reset": number % 223 == 0,
    }  # fmt: skip
    return next((action for action, applies in rules.items() if applies), None)


def verdict(body: Any) -> tuple[str, str]:
    """Nine levels drawn from the request; some verdicts are wrong in one of the ways that judges are."""
    chance = random.Random(json.dumps(body["messages"]))
    scores: dict[str, Any] = {
        name: {"reason": "As the anchor says.", "score": chance.choice([None, 0, 1, 2, 3, 4])} for name in DIMENSIONS
    }
    match chance.randrange(40):
        case 0:
            scores.pop("helpfulness")
        case 1:
            scores["charm"] = {"reason": "A tenth.", "score": 4}
        case 2:
            scores["helpfulness"]["score"] = 7
        case 3:
            scores["helpfulness"]["score"] = float("nan")
        case 4:
            return "I can't help with that request.", ""
        case 5:
            return '{"helpfulness": ', ""
    return json.dumps(scores), ""


class Paid:
    """A workspace between two services, and its command line."""

    def __init__(self, root: Path, teacher: GeminiServer, judge: OpenAIServer) -> None:
        self.root, self.teacher, self.judge = root, teacher, judge
        (root / "configs").mkdir(parents=True)
        preset = PRESET.format(teacher=teacher.url, judge=judge.base_url)
        (root / "configs" / "paid.toml").write_text(preset, encoding="utf-8")
        (root / "configs" / "prices.toml").write_text(PRICES, encoding="utf-8")

    def cli(self, *words: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "TEACHER_KEY": KEY, "JUDGE_KEY": "a-judge-key", "NO_PROXY": "127.0.0.1"}
        return subprocess.run(
            [sys.executable, "-m", "pipeline", *words, "--root", str(self.root)],
            capture_output=True, text=True, check=False, env=environment,
        )  # fmt: skip

    def begin(self) -> Run:
        done = self.cli("run", "paid", "--detach", "--json")
        assert done.returncode == 0, done.stderr
        return Run(self.root / "data" / "runs" / json.loads(done.stdout)["run"])

    def resume(self, run: Run) -> None:
        done = self.cli("resume", run.id, "--detach")
        assert done.returncode == 0, done.stderr


@pytest.fixture
def paid(tmp_path: Path) -> Iterator[Paid]:
    latency = (0.05, 0.4)
    with (
        GeminiServer(Moods(), latency=latency) as teacher,
        OpenAIServer(Moods(), verdict, latency, key="a-judge-key") as judge,
    ):
        yield Paid(tmp_path, teacher, judge)


def ended(run: Run) -> bool:
    return not run.is_alive() and view_of(run)[0].finished is not None


def kill(run: Run) -> bool:
    """SIGKILL to the runner; whether there was one."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(view_of(run)[0].pid or 0)
        if run.is_alive():
            process.kill()
            process.wait(30)
            return True
    return False


def test_twenty_kills_and_nothing_is_paid_for_twice(paid: Paid) -> None:
    chance = random.Random(3)
    run = paid.begin()
    kills = 0
    while kills < KILLS:
        time.sleep(chance.uniform(1.0, 3.5))
        kills += kill(run)
        assert not ended(run), (kills, view_of(run)[0].finished)
        paid.resume(run)
    while not ended(run):
        time.sleep(0.5)
    view, life = view_of(run)
    assert life == "done", (view.finished, run.log.read_text("utf-8")[-3000:])

    asked = 3000
    for step in ("traces", "judge"):
        folder = Path(view.steps[step].artifact)
        rows = [row["id"] for row in read_rows(folder / "rows.jsonl")]
        apart = [row["id"] for row in read_rows(folder / "quarantine.jsonl")]
        counts = read_json(folder / "made.json")["summary"]["outcomes"]
        assert counts["asked"] == asked and counts["not_yet"] == 0
        assert counts["asked"] == counts["answered"] + counts["cut_off"] + counts["blocked"] + counts["invalid"]
        assert (len(rows), len(apart)) == (counts["answered"], counts["asked"] - counts["answered"])
        assert len({*rows, *apart}) == counts["asked"]
        assert min(counts["cut_off"], counts["blocked"]) > 0
        asked = len(rows)

    with Ledger(paid.root / "data" / "ledger.sqlite") as ledger:
        for step, server in (("traces", paid.teacher), ("judge", paid.judge)):
            ours, theirs = ledger.spend(run=run.id, step=step), server.record.summary()
            lost = ledger.possibly_billed(run=run.id, step=step)
            states = Counter(state for (state,) in ledger._do("SELECT state FROM calls WHERE step = ?", [step]))
            assert set(states) <= {"parsed", "invalid", "blocked"}
            # Every answer beyond those we hold belongs to a call that is listed as possibly billed.
            assert 0 <= theirs["answered"] - ours.calls <= len(lost)
            for kind in ("input", "output", "thought"):
                assert getattr(ours, kind) <= theirs[kind]
            # A call is lost at most once per kill, and else only where the service broke off or hung.
            faults = Counter(call["action"] for call in theirs["calls"] if call["usage"] is not None)
            assert len(lost) <= KILLS * 16 + faults["drop"] + faults["hang"]
            killed = Counter(row["key"] for row in lost if "died" in row["reason"])
            assert max(killed.values(), default=0) <= KILLS
            assert ours.cost > 0
            print(step, dict(states), "lost", len(lost), "theirs", theirs["answered"], "ours", ours.calls)
