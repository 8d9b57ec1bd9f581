"""When the tests share the cores, and that a process which takes part starts no others."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tests.conftest import MOST, pytest_cmdline_main

FAST = "not slow and not unsloth"


def share(config: dict[str, Any], **options: Any) -> tuple[int | None, str]:
    asked = SimpleNamespace(**{"markexpr": FAST, "usepdb": False, "numprocesses": None, "dist": "no", **options})
    given: Any = SimpleNamespace(args=["tests"], getini=lambda _: ["tests"], option=asked)
    vars(given).update(config)
    pytest_cmdline_main(given)
    return asked.numprocesses, asked.dist


def test_the_fast_tests_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    for cores, processes in ((1, 1), (2, 2), (64, MOST)):
        monkeypatch.setattr("os.cpu_count", lambda cores=cores: cores)
        assert share({}) == (processes, "loadfile")


@pytest.mark.parametrize(
    ("config", "options"),
    [({"workerinput": {}}, {}), ({"args": ["tests/engine"]}, {}), ({}, {"markexpr": "slow"}), ({}, {"usepdb": True})],
)
def test_a_part_of_them_the_slow_ones_and_a_process_that_takes_part_do_not(
    config: dict[str, Any], options: dict[str, Any]
) -> None:
    assert share(config, **options) == (None, "no")
    assert share({}, numprocesses=0) == (0, "no")
