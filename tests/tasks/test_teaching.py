"""What the teacher is told and how its reply is read."""

from __future__ import annotations

import pytest

from pipeline.engine.fanout import Quarantined
from pipeline.tasks.teaching import CHOSEN, REJECTED, WRITTEN, ask, read

TOLD = [{"role": "system", "content": "Answer in French."}, {"role": "user", "content": "Which way?"}]


def test_the_plans_own_words_stand_for_chosen() -> None:
    assert CHOSEN.splitlines()[0] == "You are a reasoning tutor. When solving problems:"
    assert [line[:2] for line in CHOSEN.splitlines()[1:]] == ["1.", "2.", "3.", "4.", "5."]
    assert CHOSEN.endswith("5. If conflicting evidence exists, acknowledge and weigh it")


def test_a_prompts_own_system_message_joins_the_instructions() -> None:
    assert ask(TOLD, CHOSEN, False) == (f"{CHOSEN}\n\nAnswer in French.", TOLD[1:])
    assert ask(TOLD, REJECTED, True)[0] == f"{REJECTED}\n\nAnswer in French.\n\n{WRITTEN}"
    assert ask(TOLD, "", False)[0] == "Answer in French."
    assert ask(TOLD[1:], " ", False) == ("", TOLD[1:])


@pytest.mark.parametrize(
    ("text", "thought", "written", "read_as"),
    [
        (" 40 m. ", "The divisor. ", False, ("The divisor.", "40 m.")),
        ("40 m.", "", False, ("", "40 m.")),
        ("<think>It is 40.</think>\n40 m.", "", False, ("It is 40.", "40 m.")),
        ("It is 40.</think>40 m.", "a summary", True, ("It is 40.", "40 m.")),
        ("<think> </think>40 m.", "given", False, ("given", "40 m.")),
        ("Write </think> last.", "given", False, ("given", "Write </think> last.")),
        ("Well. <think>It is 40.</think>40 m.", "", True, ("Well. It is 40.", "40 m.")),
        ("40 m.", "already split by the provider", True, ("already split by the provider", "40 m.")),
    ],
)
def test_a_reply_is_read_as_thought_and_answer(
    text: str, thought: str, written: bool, read_as: tuple[str, str]
) -> None:
    assert read(text, thought, written) == read_as


@pytest.mark.parametrize(
    ("text", "thought", "written", "reason"),
    [
        ("<think>It is 40", "", False, "without its end"),
        ("<think>It is 40</think>40 m. <think>or", "", False, "without its end"),
        ("Well. <think>It is 40", "", True, "without its end"),
        ("", "thought of", False, "empty"),
        ("<think>It is 40.</think>\n ", "", False, "empty"),
        ("40 m.", "", True, "no think block"),
        ("<think></think>40 m.", "", True, "no think block"),
    ],
)
def test_what_cannot_be_used_is_invalid(text: str, thought: str, written: bool, reason: str) -> None:
    with pytest.raises(Quarantined, match=reason) as caught:
        read(text, thought, written)
    assert caught.value.outcome == "invalid"
