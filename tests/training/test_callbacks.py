from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

import pytest

from pipeline.engine.errors import StageFailed
from pipeline.engine.rows import Row, read_rows, write_rows
from pipeline.engine.stage import Finding
from pipeline.training.callbacks import Watch, Watcher, bridge, see_nothing
from pipeline.training.checkpoints import seal
from pipeline.training.keeper import Keeper
from pipeline.training.metrics import Metrics
from pipeline.training.settings import SFTSettings
from pipeline.training.trackers import Trackers
from tests.training.rig import Recorder, context_of


class Watching(Protocol):
    def __call__(
        self, recorder: Recorder, watch: Watch = see_nothing, done: int = 0, validate_every: int = 0
    ) -> Watcher: ...


@pytest.fixture
def watching(tmp_path: Path) -> Iterator[Watching]:
    """Makes a watcher of a training of nine steps."""
    with ExitStack() as stack:

        def make(recorder: Recorder, watch: Watch = see_nothing, done: int = 0, validate_every: int = 0) -> Watcher:
            context = context_of(SFTSettings(save_every=2), {}, tmp_path, recorder)
            metrics = stack.enter_context(closing(Metrics(tmp_path / "metrics.jsonl", done)))
            return Watcher(
                context, metrics, lambda _, logs: dict(logs), "standard", total=9, watch=watch,
                keeper=Keeper(tmp_path / "checkpoints", done), validate_every=validate_every,
                trackers=Trackers(context, done),
            )  # fmt: skip

        yield make


def says(*findings: Finding) -> Watch:
    return lambda _: findings


def save(folder: Path, *steps: int) -> None:
    for step in steps:
        checkpoint = folder / "checkpoints" / f"checkpoint-{step}"
        checkpoint.mkdir(parents=True)
        (checkpoint / "weights").write_bytes(b"1")
        seal(checkpoint)


def test_what_a_rule_says_goes_out_as_an_alert_with_its_figures(watching: Watching) -> None:
    recorder = Recorder()
    watcher = watching(recorder, says(Finding("warning", "It is hot.", "Open a window.", {"heat": 3})))
    watcher.logged(1, {"loss": 2.0})
    (alert,) = recorder.of("alert")
    assert alert == {"level": "warning", "text": "It is hot. Open a window.", "heat": 3}


def test_a_fault_stops_once_its_row_is_out_and_names_the_checkpoint_from_before_the_trouble(
    watching: Watching, tmp_path: Path
) -> None:
    recorder = Recorder()
    save(tmp_path, 2, 4, 6)
    fault = Finding("fault", "It burns.", "Call for help.", {"since": 5})
    watcher = watching(recorder, says(fault, Finding("note", "It is loud.")))
    with pytest.raises(StageFailed) as caught:
        watcher.logged(7, {"loss": math.nan})
    assert (caught.value.what, caught.value.mend) == ("It burns.", "Call for help.")
    assert caught.value.why.endswith("checkpoint-4.")
    assert list(read_rows(tmp_path / "metrics.jsonl")) == recorder.of("metric") == [{"step": 7, "loss": None}]
    assert [alert["level"] for alert in recorder.of("alert")] == ["error", "note"]


def test_a_fault_with_no_checkpoint_from_before_it_says_so(watching: Watching, tmp_path: Path) -> None:
    save(tmp_path, 6, 8)
    watcher = watching(Recorder(), says(Finding("fault", "It burns.", "", {"since": 5})))
    with pytest.raises(StageFailed, match="It burns") as caught:
        watcher.logged(9, {"loss": 1.0})
    assert caught.value.why.startswith("No checkpoint from before it")


def test_rules_are_not_blind_after_a_resume(watching: Watching, tmp_path: Path) -> None:
    write_rows(tmp_path / "metrics.jsonl", [{"step": step, "loss": float(step)} for step in (1, 2, 3)])
    seen: list[Row] = []

    def watch(row: Row) -> Sequence[Finding]:
        seen.append(row)
        return [Finding("fault", "It burns.")] if row["step"] < 3 else ()

    recorder = Recorder()
    watcher = watching(recorder, watch, done=2)
    watcher.logged(3, {"loss": 3.5})
    assert [row["loss"] for row in seen] == [1.0, 2.0, 3.5]
    assert recorder.of("alert") == [], "what was told before the resume is not told again"


def test_a_row_waits_for_its_validation_loss(watching: Watching) -> None:
    recorder = Recorder()
    seen: list[Row] = []

    def watch(row: Row) -> Sequence[Finding]:
        seen.append(row)
        return ()

    watcher = watching(recorder, watch, validate_every=4)
    assert [step for step in range(1, 10) if watcher.validates(step)] == [4, 8, 9], "and after the last step"
    watcher.logged(3, {"loss": 2.0})
    watcher.logged(4, {"loss": 1.5})
    assert len(recorder.of("metric")) == 1
    watcher.validated(1.8)
    assert recorder.of("metric") == seen == [{"step": 3, "loss": 2.0}, {"step": 4, "loss": 1.5, "validation_loss": 1.8}]


def test_a_step_that_the_loss_scaler_left_out_has_no_gradient_to_stumble_over(watching: Watching) -> None:
    recorder = Recorder()
    watcher = watching(recorder)
    watcher.skipped = True
    watcher.logged(1, {"loss": 2.0, "grad_norm": math.inf})
    watcher.skipped = False
    watcher.logged(2, {"loss": 2.0, "grad_norm": 1.0})
    assert recorder.of("metric") == [{"step": 1, "loss": 2.0, "skipped": 1}, {"step": 2, "loss": 2.0, "grad_norm": 1.0}]


def test_the_bridge_hears_of_a_step_left_out(watching: Watching) -> None:
    watcher = watching(Recorder(), validate_every=2)
    state: Any = SimpleNamespace(global_step=2)
    control: Any = SimpleNamespace(should_save=False, should_training_stop=False, should_evaluate=False)
    bridge(watcher).on_step_end(None, state, control, optimizer=SimpleNamespace(step_was_skipped=True))
    assert watcher.skipped and control.should_evaluate and control.should_save
    state.global_step = 3
    bridge(watcher).on_step_end(None, state, control, optimizer=SimpleNamespace(step_was_skipped=False))
    assert not watcher.skipped and not control.should_evaluate
