from __future__ import annotations

from typing import Any

import pytest

from pipeline.engine.errors import FreshProcess, StageFailed
from pipeline.engine.stage import Trial
from pipeline.tasks.estimate.time import Measured, a_step, failed, foretell, out_of_memory


def rows(*seconds: float, **more: Any) -> list[dict[str, Any]]:
    return [{"step_time": each, **more} for each in seconds]


def measured(rows: list[dict[str, Any]], **more: Any) -> Measured:
    return Measured(**{"rows": rows, "startup": 10.0, "process": 2**30, "gpu": None, "effective": {}, **more})


def test_the_first_steps_are_no_measure() -> None:
    assert a_step(rows(90, 30, 20, 1, 1, 2), 1) == (1, 3)
    assert a_step(rows(90, 2), 1) == (2, 1)
    assert a_step(rows(5), 1) == (5, 0)


def test_steps_that_use_completions_again_count_with_the_one_that_drew_them() -> None:
    seconds, left_out = a_step(rows(50, 9, 10, 2, 12, 2, 30, 2, 12, 4), 2)
    assert left_out == 6
    assert seconds == pytest.approx((16 + 8) / 2), "the median of 30, 2, 12, 4 alone would be no measure"


def test_the_whole_is_the_start_and_every_step() -> None:
    time, _ = foretell(measured(rows(9, 9, 9, 2, 2, 2)), {"exposures": {"steps": 100}}, Trial(None), elsewhere=False)
    assert time.data["time"]["seconds"] == 10 + 100 * 2
    assert "seconds_at_most" not in time.data["time"]


def test_completions_that_may_grow_make_it_longer() -> None:
    row = {"time_generate": 1.0, "completion_length_max": 25}
    trial = Trial(None, longest=100, beside=("checkpoints",))
    time, _ = foretell(measured(rows(2, 2, **row)), {"exposures": {"steps": 50}}, trial, elsewhere=False)
    told = time.data["time"]
    assert (told["seconds"], told["seconds_at_most"], told["beside"]) == (110, 110 + 50 * 3, ["checkpoints"])
    assert "50% of it is spent writing" in time.text


def test_what_the_allocator_held_is_compared_without_cudas_own() -> None:
    found = {
        "exposures": {"steps": 1},
        "total": 5 * 2**30,
        "parts": [{"name": "CUDA overhead", "bytes": 2**30}, {"name": "weights", "bytes": 4 * 2**30}],
    }
    tried = measured(rows(1, 1, memory_gpu=3 * 2**30), gpu=6 * 2**30)
    _, memory = foretell(tried, found, Trial(None), elsewhere=False)
    assert memory.data["measured"] == {
        "process": 2**30, "allocator": 3 * 2**30, "gpu": 6 * 2**30, "estimated": 4 * 2**30,
    }  # fmt: skip
    assert "(-25%)" in memory.text
    _, elsewhere = foretell(tried, found, Trial(None), elsewhere=True)
    assert "estimated" not in elsewhere.data["measured"], "a plan for another GPU is no estimate for this one"


@pytest.mark.parametrize(
    ("told", "ran_out"),
    [
        ("OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB", True),
        ("The host ran out of memory.", True),
        ("RuntimeError: [enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory", True),
        ("KeyError: 'memory'", False),
    ],
)
def test_memory_that_ran_out_is_a_finding_and_all_else_a_fault(told: str, ran_out: bool) -> None:
    assert out_of_memory(told) is ran_out
    found = failed(StageFailed(told), {"first_knob": {"change": "batch_size = 1", "saves": 2**30}})
    assert found.level == ("warning" if ran_out else "fault")
    assert ("batch_size = 1 (saves 1.00 GiB)" in found.mend) is ran_out


def test_a_rung_that_a_run_would_take_is_told_as_it_is() -> None:
    found = failed(FreshProcess("Memory ran out in step 2: batch_size 2 -> 1."), {"first_knob": None})
    assert found.level == "warning" and "batch_size 2 -> 1" in found.text and "by itself" in found.mend
