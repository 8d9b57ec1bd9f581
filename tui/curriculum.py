"""What a run of the GPT track says of itself: its newest answers to evaluation prompts, its red lines, its sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.engine.events import Event
from pipeline.engine.view import StepView
from tui.feed import Snapshot
from tui.series import newest

ITEMS = ("prompted", "red_lines")
"""Items of the track, by their `what`."""


@dataclass(frozen=True)
class Evaluation:
    """The newest prompts that were answered, all by one model at one time."""

    step: str
    at: int | None
    """The training's iteration; None of the stage sample."""
    answers: tuple[Event, ...]
    exact: int | None
    expected: int
    """Answers to the letter, of those that had one to reach; `exact` is None where none had."""
    verdict: Mapping[str, Any]
    """Of the red lines of the same training; empty where it has none."""
    beside: tuple[str, ...] = ()
    """Other steps that have answered prompts."""
    newest: bool = True
    """Whether it follows the step that told last, and was not chosen."""


@dataclass(frozen=True)
class Exposure:
    """A source of a training's rows, and how often each of them is seen."""

    step: str
    source: str
    rows: int | None
    """In the set, copies included."""
    of: int | None
    """Different rows that the source has."""
    share: float | None
    """Of the set."""
    copies: float
    """Times that each stands in the set."""
    seen: float | None
    """Times that the training has seen the set; None before it begins."""


def is_track(snapshot: Snapshot) -> bool:
    return any(step.get("stage") == "train" for step in snapshot.wiring.values())


def asked(snapshot: Snapshot) -> tuple[str, ...]:
    """The steps that have answered evaluation prompts, in the order in which they began to."""
    return tuple(dict.fromkeys(event.step for event in snapshot.items if event.data.get("what") in ITEMS))


def evaluation(snapshot: Snapshot, of: str = "") -> Evaluation | None:
    """`of`: the step whose newest it is; empty: of whichever step told last."""
    told = [event for event in snapshot.items if event.data.get("what") in ITEMS and of in ("", event.step)]
    if not told:
        return None
    step, at = told[-1].step, told[-1].data.get("step")
    here = [event for event in told if event.step == step and event.data.get("step") == at]
    lines = [event for event in told if event.step == step and event.data["what"] == "red_lines"]
    answers = tuple(event for event in here if event.data["what"] == "prompted")
    held = [bool(event.data.get("exact")) for event in answers if event.data.get("expected")]
    exact, expected = (sum(held) if held else None), len(held)
    summary = next((one.summary for one in snapshot.steps if one.name == step), {})
    if at is None and isinstance(summary.get("exact"), int) and isinstance(summary.get("expected"), int):
        exact, expected = summary["exact"], summary["expected"]  # of all, where only the first were sent out
    verdict = lines[-1].data if lines else {}
    beside = tuple(name for name in asked(snapshot) if name != step)
    return Evaluation(step, at if isinstance(at, int) else None, answers, exact, expected, verdict, beside, not of)


def exposures(snapshot: Snapshot) -> list[Exposure]:
    """Of every training of the run: its data step back to the mix that it was prepared from."""
    begun = {step.name: step for step in snapshot.steps}
    found: list[Exposure] = []
    for name, wired in snapshot.wiring.items():
        if wired.get("stage") != "train":
            continue
        seen = _seen(begun.get(name), snapshot)
        data = _behind(wired, "data")
        rows = _behind(snapshot.wiring.get(data, {}), "rows")
        mixed = begun[rows].summary.get("inputs") if rows in begun else None
        if isinstance(mixed, dict) and mixed:
            found += [_mixed(name, source, each, seen) for source, each in mixed.items() if isinstance(each, dict)]
        else:
            train = begun[data].summary.get("train") if data in begun else None
            episodes = _number(train.get("episodes")) if isinstance(train, dict) else None
            count = None if episodes is None else int(episodes)
            found.append(Exposure(name, rows or data, count, count, None if count is None else 1.0, 1.0, seen))
    return found


def _mixed(step: str, source: str, each: Mapping[str, Any], seen: float | None) -> Exposure:
    rows, of = _number(each.get("rows")), _number(each.get("of"))
    return Exposure(step, source, None if rows is None else int(rows), None if of is None else int(of),
                    _number(each.get("share")), _number(each.get("exposures")) or 0.0, seen)  # fmt: skip


def _behind(wired: Mapping[str, Any], name: str) -> str:
    inputs = wired.get("from")
    given = inputs.get(name) if isinstance(inputs, dict) else None
    return given if isinstance(given, str) else ""


def _seen(step: StepView | None, snapshot: Snapshot) -> float | None:
    """Passes over the training set: as it ended with, else as its newest step tells."""
    if step is None:
        return None
    told = _number(step.summary.get("exposures"))
    epochs: Sequence[Any] = snapshot.lines[step.name]["epoch"].spans() if "epoch" in snapshot.lines.get(
        step.name, {}) else ()  # fmt: skip
    return told if told is not None else newest(epochs)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
