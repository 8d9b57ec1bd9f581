from __future__ import annotations

import pytest

from pipeline.engine.errors import DataError
from pipeline.gguf.template import render as render_template
from pipeline.gpt.template import CHAT
from pipeline.gpt.tokens import ask, render

S, U, A = ({"role": role, "content": role[0].upper()} for role in ("system", "user", "assistant"))
UC, AC = ({"role": f"{role}_context", "content": "C"} for role in ("user", "assistant"))
TC, TR = ({"role": role, "content": "{}"} for role in ("toolcall", "toolresult"))


@pytest.mark.parametrize(
    "messages",
    [
        [S, U, A], [U, A], [U, A, U, A], [S, UC, U, AC, A], [U, A, TC, TR, A], [U, TC, TR, A], [U, A, TC, TC, TR, A],
        [U, TC, TR, TC, TR, A, U, A],
    ],
)  # fmt: skip
def test_the_template_writes_what_the_tags_write(messages: list[dict[str, str]]) -> None:
    assert render_template(CHAT, messages, turn=False) == render(messages)


def test_it_asks_as_the_tags_ask() -> None:
    assert render_template(CHAT, [S, U]) == ask("U", "S")
    assert render_template(CHAT, [U]) == ask("U")


def test_a_role_without_a_tag_is_refused() -> None:
    with pytest.raises(DataError, match="no tag for the role critic"):
        render_template(CHAT, [{"role": "critic", "content": "x"}])
