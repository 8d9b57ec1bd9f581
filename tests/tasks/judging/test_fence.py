"""The fence: whatever a text tries, none of its lines stands outside, and no token of a chat template is left whole."""

from __future__ import annotations

import re
import time

import pytest

from pipeline.engine.text import safe_text
from pipeline.tasks.judging.fence import DOT, SIGN, fence, neutralise
from tests.tasks.judging.injections import INJECTIONS

TOKENS = (
    "<|im_start|>", "<|im_end|>", "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>", "<start_of_turn>", "</s>",
    "<｜User｜>", "<｜Assistant｜>", "<｜end▁of▁sentence｜>", "<end_of_turn>", "[INST]", "[/INST]", "<<SYS>>", "<s>",
    "<</SYS>>", "<think>", "</think>", "<answer", "</answer", "<thought", "</thought", "<turn", "</turn", "</case>",
    "＜／answer", "＜|im_start|＞", "‹/answer", "⟨answer", "《/thought", "</аnѕwеr", "<ѕуѕtеm>",
)  # fmt: skip


@pytest.mark.parametrize("text", INJECTIONS.values(), ids=INJECTIONS)
@pytest.mark.parametrize("section", ["turn 1 user", "thought", "answer"])
def test_every_line_of_a_text_stays_behind_its_sign(text: str, section: str) -> None:
    names = ["turn 1 user", "thought", "answer"]
    code, fenced = fence([(name, text if name == section else "A word.") for name in names])
    tags = [line for line in fenced.splitlines() if not line.startswith(SIGN)]
    assert tags == [tag for name in names for tag in (f"<{name} {code}>", f"</{name} {code}>")]
    assert re.fullmatch(r"[0-9a-f]{16}", code) and code not in text


@pytest.mark.parametrize("text", INJECTIONS.values(), ids=INJECTIONS)
def test_no_token_survives(text: str) -> None:
    safe = neutralise(text)
    assert [token for token in TOKENS if token in safe] == []
    assert safe_text(safe) == safe
    safe.encode("utf-8")


@pytest.mark.parametrize("text", INJECTIONS.values(), ids=INJECTIONS)
def test_only_dots_are_added(text: str) -> None:
    shown = safe_text(text.replace("\r\n", "\n").replace("\r", "\n"))
    assert neutralise(text).replace(DOT, "") == shown.replace(DOT, "")


@pytest.mark.parametrize("token", TOKENS)
def test_each_token_is_broken_on_its_own(token: str) -> None:
    whole = token if token[-1] in ">]＞" else f"{token}>"
    assert neutralise(f"before {whole} behind") == f"before {whole[0]}{DOT}{whole[1:]} behind"


@pytest.mark.parametrize(
    "text",
    [
        "Take the rent (480), the loan and the pay: 3 < 4 and 5 > 2, so x <= y.",
        "def first(rows: list[int]) -> int:\n    return rows[0] | 1  # <- the first\n",
        "<div class='note'><b>bold</b></div> and $a_1 < b$ | piped |> on",
        "Ein schöner Satz – «wörtlich» – mit 日本語 und 😀.",
        "INSTANCE[3] and [INSTALL] stay, as does <answers>, and a role: assistant",
    ],
)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert neutralise(text) == text


def test_hidden_characters_hide_no_tag() -> None:
    assert neutralise("<\u200b/answer>") == f"<{DOT}⟨U+200B⟩/answer>"
    assert neutralise("<|im\u2060_start|>") == f"<{DOT}|im⟨U+2060⟩_start|>"


def test_the_code_depends_on_every_word_and_place() -> None:
    cases = [[("thought", first), ("answer", second)] for first, second in ("ab", "ba", "aa")]
    cases.append([("turn 1 user", "a"), ("answer", "b")])
    codes = {fence(case)[0] for case in cases}
    assert len(codes) == 4 and fence(cases[0]) == fence(cases[0])


@pytest.mark.parametrize("part", ["<", "<|", "< ", "＜", "<answer ", "[ ", "<< ", "/"])
def test_long_runs_take_no_time(part: str) -> None:
    began = time.thread_time()
    neutralise(part * 20_000)
    assert time.thread_time() - began < 2
