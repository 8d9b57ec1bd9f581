from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.engine.errors import ConfigError
from pipeline.tasks.marks import keep_mark, key_of, make_mark, read_marks

ROW = {"id": "p/0", "messages": [{"role": "user", "content": "Hi"}], "thought": "", "answer": "Hello."}


def test_marks_are_found_by_content_after_a_rebuild(tmp_path: Path) -> None:
    keep_mark(tmp_path, make_mark(ROW, "reject", ""))
    keep_mark(tmp_path, make_mark(ROW, "score", "helpfulness=0.25"))
    rebuilt = {**ROW, "id": "p/7"}
    found = read_marks(tmp_path)[key_of(rebuilt)]
    assert [(mark["action"], mark["value"]) for mark in found] == [("reject", ""), ("score", {"helpfulness": 0.25})]
    assert key_of({**ROW, "answer": "Bye."}) not in read_marks(tmp_path)


@pytest.mark.parametrize(
    ("action", "value"),
    [
        ("acept", ""),
        ("edit", ""),
        ("reject", "because"),
        ("score", "helpfulness=2"),
        ("score", "help=1"),
        ("score", "x"),
    ],
)
def test_what_no_mark_can_be(action: str, value: str) -> None:
    with pytest.raises(ConfigError):
        make_mark(ROW, action, value)
