from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tests.conftest import pytest_cmdline_main

WHOLE = ["tests"]


def configured(**more: Any) -> Any:
    option = SimpleNamespace(markexpr="not slow and not unsloth", usepdb=False, numprocesses=None, dist="no")
    return SimpleNamespace(args=WHOLE, getini=lambda _: WHOLE, option=option, **more)


def test_the_whole_suite_shares_the_cores_and_a_part_of_it_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    whole, part = configured(), configured()
    part.args = ["tests/gpt"]
    for config in (whole, part):
        pytest_cmdline_main(config)
    assert whole.option.dist == "loadfile" and whole.option.numprocesses >= 1
    assert part.option.dist == "no" and part.option.numprocesses is None


def test_a_process_that_shares_starts_none_of_its_own() -> None:
    worker = configured(workerinput={"workerid": "gw0"})
    pytest_cmdline_main(worker)
    assert worker.option.dist == "no" and worker.option.numprocesses is None
