from __future__ import annotations

import math
from typing import Any

import pytest

from pipeline.tasks.redlines import common
from tests.tasks.redlines.rig import rules_said, told


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf, None])
@pytest.mark.parametrize("name", ["loss", "grad_norm", "validation_loss"])
def test_what_is_not_finite_stops_at_once(name: str, broken: float | None) -> None:
    metrics: dict[str, list[Any]] = {"loss": [2.0, 1.5], "grad_norm": [1.0, 1.0], "validation_loss": [2.0, 1.5]}
    assert told(common.RULES, **metrics) == []
    row = {"step": 3, "loss": 1.0, "grad_norm": 1.0, name: broken}
    watch = common_watch(metrics)
    (fault,) = watch(row)
    assert fault.level == "fault" and fault.data == {"rule": "not_finite", "since": 3}
    assert f"{name} is not a finite number. Step 3" in fault.text
    assert "learning_rate (0.0001 in effect)" in fault.mend


def common_watch(metrics: dict[str, list[Any]]) -> Any:
    from pipeline.tasks.redlines.watch import Watch
    from tests.tasks.redlines.rig import SETTINGS

    watch = Watch(common.RULES, SETTINGS)
    for place in range(2):
        watch({"step": place + 1, **{name: values[place] for name, values in metrics.items()}})
    return watch


def test_a_gradient_explodes_against_its_own_median_and_the_line() -> None:
    calm = [1.0] * 20
    assert told(common.RULES, grad_norm=[*[0.5] * 20, 9.9]) == [], "under the line"
    assert told(common.RULES, grad_norm=[*[5.0] * 20, 49.0]) == [], "over the line, within its own measure"
    assert told(common.RULES, grad_norm=[*[1.0] * 9, 50.0]) == [], "no median yet"
    (warning,) = told(common.RULES, grad_norm=[*calm, 11.0, 90.0])
    assert warning.level == "warning" and "11 in step 21; its median over the first steps is 1." in warning.text
    assert len(told(common.RULES, grad_norm=[*calm, 11.0, 110.0])) == 2, "an order worse"


def test_paging_is_three_steps_in_a_row_of_ten_times_the_median() -> None:
    assert told(common.RULES, step_time=[*[1.0] * 10, 80.0, 90.0, 1.0, 85.0]) == []
    assert told(common.RULES, step_time=[*[1.0] * 9, 80.0, 90.0, 85.0]) == [], "no median yet"
    assert told(common.RULES, step_time=[*[1.0] * 10, 9.9, 90.0, 85.0]) == []
    (warning,) = told(common.RULES, step_time=[*[1.0] * 10, 80.0, 90.0, 85.0, 85.0])
    assert warning.data == {"rule": "paging", "since": 11, "step_time": 85.0, "median": 1.0}


def test_on_windows_paging_is_laid_at_the_drivers_door(monkeypatch: pytest.MonkeyPatch) -> None:
    times = [*[1.0] * 10, 80.0, 90.0, 85.0]
    assert "Windows" not in told(common.RULES, step_time=times)[0].text
    monkeypatch.setattr(common.sys, "platform", "win32")
    assert "The Windows driver pages GPU memory" in told(common.RULES, step_time=times)[0].text


def test_only_what_is_not_finite_stops() -> None:
    found = told(common.RULES, grad_norm=[*[1.0] * 20, *[1e6] * 60], step_time=[*[1.0] * 20, *[1e6] * 60])
    assert {level for _, level in rules_said(found)} == {"warning"}
