from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.engine.runs import Run


def test_a_run_lives_as_long_as_its_lock_is_held(tmp_path: Path) -> None:
    run = Run(tmp_path)
    assert not run.is_alive()
    with run.lock():
        assert run.is_alive()
    assert not run.is_alive()


def test_two_that_ask_at_once_do_not_take_each_other_for_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(tmp_path)
    other = run.lock()
    other.acquire()
    monkeypatch.setattr("filelock._api.time.sleep", lambda _: other.release())
    assert not run.is_alive()
