from __future__ import annotations

import io
import re

from rich.console import Console

from pipeline.chat.conversation import Conversation
from pipeline.chat.partner import Figures
from pipeline.chat.screen import Screen, say_figures
from pipeline.chat.settings import ChatSettings
from pipeline.engine.errors import DataError
from tests.chat.scripted import Scripted

POISON = "Go \x1b[2Jon \u202e."


def consoles(width: int = 0) -> tuple[Screen, io.StringIO, io.StringIO]:
    """A terminal of that width, or a pipe."""
    files = io.StringIO(), io.StringIO()
    both = [
        Console(file=file, highlight=False, force_terminal=bool(width), width=width or None, height=24, no_color=True)
        for file in files
    ]
    return Screen(*both), *files


def talks(*answers: list[list[str | type[BaseException]]]) -> list[Conversation]:
    made = []
    for number, one in enumerate(answers):
        partner = Scripted(*one)
        partner.name = f"model {number} \x1b[31m"
        made.append(Conversation(partner, ChatSettings()))
    return made


def test_answers_and_all_else_go_their_own_ways() -> None:
    screen, answers, others = consoles()
    assert screen.show(talks([["<think>One ", "moment</think>", "\n\nIt is.", POISON]]), "Why?") == 0
    assert answers.getvalue() == "It is.Go ␛[2Jon ⟨U+202E⟩.\n"
    assert others.getvalue().startswith("One moment\n")
    assert "55 tokens · 10.0 tokens/s · first after 0.50 s" not in others.getvalue()
    assert re.search(r"\d+ tokens · [\d.]+ tokens/s · first after 0\.50 s", others.getvalue())


def test_ctrl_c_stops_an_answer_and_an_error_ends_nothing() -> None:
    screen, answers, others = consoles()
    (talk,) = talks([["It is", KeyboardInterrupt], [DataError], ["Well."]])
    assert screen.show([talk], "Why?") == 3
    assert "(stopped)" in others.getvalue()
    assert screen.show([talk], "Why?") == 1
    assert "broken" in others.getvalue()
    assert screen.show([talk], "Why?") == 0
    assert answers.getvalue() == "It is\nWell.\n"


def test_two_answers_stand_in_columns_on_a_wide_terminal() -> None:
    screen, answers, _ = consoles(120)
    left, right = ["left " * 30], ["right ", POISON]
    assert screen.show(talks([left], [right]), "Why?") == 0
    shown = answers.getvalue()
    final = shown[shown.rindex("model 0") :]
    (row,) = [line for line in final.splitlines() if "Go ␛[2J" in line]
    assert row.index("left") < row.index("right") > 55
    assert "\x1b[2Jon" not in shown and "\x1b[31m" not in shown and "\u202e" not in shown
    assert final.count("tokens/s") == 2


def test_a_column_that_stops_or_fails_leaves_the_other() -> None:
    screen, answers, _ = consoles(120)
    both = talks([["It is", KeyboardInterrupt]], [["Fine."]])
    assert screen.show(both, "Why?") == 3
    final = answers.getvalue()
    assert "(stopped)" in final and "Fine." in final
    screen, answers, _ = consoles(120)
    assert screen.show(talks([[DataError]], [["Fine."]]), "Why?") == 1
    assert "broken" in answers.getvalue() and "Fine." in answers.getvalue()


def test_a_long_answer_shows_its_end_while_it_comes() -> None:
    screen, answers, _ = consoles(100)
    lines = [f"line {number}\n" for number in range(60)]
    assert screen.show(talks([lines], [["short"]]), "Why?") == 0
    final = answers.getvalue().rpartition("model 0")[2]
    assert all(line.strip() in final for line in lines), "the whole of it stands there in the end"


def test_two_answers_follow_each_other_on_a_narrow_terminal_or_a_pipe() -> None:
    for width in (80, 0):
        screen, answers, others = consoles(width)
        assert screen.show(talks([["left"]], [["right"]]), "Why?") == 0
        assert answers.getvalue() == "left\nright\n"
        assert "── model 0 ␛[31m" in others.getvalue()


def test_figures_in_words() -> None:
    full = Figures("length", 100, 60, 21, 0.5, 2.5, 512)
    assert say_figures(full) == (
        "(cut off: the limit of tokens or the context is reached) · 21 tokens · 10.0 tokens/s · first after 0.50 s · "
        "60 of 100 of the prompt reused · context 121 of 512, 391 left"
    )
    untold = Figures("stop", None, None, None, 0.5, 2.5, None)
    assert say_figures(untold) == "first after 0.50 s"
    assert say_figures(Figures("stop", 10, 0, 1, 0.5, 0.5, None)) == "1 tokens · first after 0.50 s · context 11"
    assert say_figures(None) == "(stopped)"
