from __future__ import annotations

import pytest

from pipeline.chat.partner import Piece
from pipeline.chat.think import ThoughtSplitter, close_thought

SAID = "<think>\nA < b, </thin or <think\n</think>\n\nThe <answer> is </b>; <thi"


def merged(pieces: list[Piece]) -> list[Piece]:
    whole: list[Piece] = []
    for piece in pieces:
        if whole and whole[-1].kind == piece.kind:
            piece = Piece(piece.kind, whole.pop().text + piece.text)
        whole.append(piece)
    return whole


@pytest.mark.parametrize("cut", range(1, len(SAID)))
def test_thoughts_are_told_apart_wherever_the_pieces_are_cut(cut: int) -> None:
    expected = [Piece("thought", "\nA < b, </thin or <think\n"), Piece("answer", "\n\nThe <answer> is </b>; <thi")]
    for pieces in ([SAID[:cut], SAID[cut:]], [SAID[at : at + cut] for at in range(0, len(SAID), cut)]):
        splitter = ThoughtSplitter()
        got = [piece for text in pieces for piece in splitter.feed(text)]
        assert merged([*got, *splitter.finish()]) == expected


def test_text_is_given_at_once_unless_it_may_begin_a_tag() -> None:
    splitter = ThoughtSplitter()
    assert list(splitter.feed("plain")) == [Piece("answer", "plain")]
    assert list(splitter.feed(" <")) == [Piece("answer", " ")]
    assert list(splitter.feed("b")) == [Piece("answer", "<b")]


def test_a_thought_that_was_cut_off_is_closed() -> None:
    assert close_thought("<think>so far") == "<think>so far\n</think>\n\n"
    assert close_thought("<think>so</think>Yes.") == "<think>so</think>Yes."
    assert close_thought("Yes.") == "Yes."
