from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.engine.rows import Row
from pipeline.training.grpo import Drawn, Mark, Scoring
from pipeline.training.settings import GRPOSettings
from tests.training.rig import Recorder, context_of, prompt


class Decoder:
    def batch_decode(self, ids: Sequence[Sequence[int]], **_: Any) -> list[str]:
        return [str(row[0]) for row in ids]


def test_a_step_whose_completions_are_drawn_in_parts_has_one_account_of_scores_and_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr("pipeline.training.grpo.time.perf_counter", lambda: now)

    class Judge:
        def __call__(self, _: Sequence[Row], texts: Sequence[str], step: int) -> list[Mark]:
            nonlocal now
            now += 2
            assert step == 1
            return [(float(text), {"helpfulness": float(text), "harm_avoidance": None}) for text in texts]

        def meet(self, *_: Any) -> None:
            pass

        def beside(self, drawn: Drawn, metrics: Sequence[Row]) -> Row:
            seen.append(drawn)
            return {"so_far": len(metrics)}

    seen: list[Drawn] = []

    recorder = Recorder()
    config = GRPOSettings(batch_size=2, gradient_accumulation=4, num_generations=2)
    context = context_of(config, {}, tmp_path / "out", recorder)
    scoring = Scoring(context, [prompt(0), prompt(1), prompt(2)], Judge(), places=[1, 0, 1, 2, 2, 0, 1, 1])
    metrics: Any = SimpleNamespace(rows=[{"step": 0}])
    watcher: Any = SimpleNamespace(step=1, seconds=0.0, resumed=0.0, saved_before=None)
    reward = scoring.reward(Decoder(), watcher)
    for part in range(2):
        watcher.resumed = now
        now += 3  # drawing
        reward(place=[part, part], completion_ids=[[part], [part]])
        now += 5  # learning
    watcher.seconds = now
    row = scoring.read(watcher, {"loss": 0.0}, metrics)
    assert row["score/helpfulness"] == 0.5, "over both parts"
    assert (row["unmarked"], row["so_far"]) == (0, 2)
    assert [text for _, text, _ in seen[0].completions] == ["0", "0", "1", "1"] and seen[0].fresh
    assert "score/harm_avoidance" not in row
    assert (row["time_generate"], row["time_score"], row["time_update"], row["step_time"]) == (6, 4, 10, 20)
    assert [item["prompt_id"] for item in recorder.of("item")] == ["p0", "p0"], "the first group of the step alone"
    watcher.seconds, watcher.saved_before = 0.5, 0
    again = scoring.read(watcher, {"loss": 0.0}, metrics)
    assert again == {
        "loss": 0.0, "time_generate": 0, "time_score": 0, "time_update": 0.5, "step_time": 0.5, "so_far": 2,
    }  # fmt: skip
    assert seen[1].completions == seen[0].completions and not seen[1].fresh
    assert [row["id"] for row in seen[1].recent] == ["p2", "p1", "p0"] and seen[0].recent == []
