"""Language, refusals and control tokens, told by a few words."""

from __future__ import annotations

import pytest

from pipeline.tasks.board.language import control_tokens, language, refuses


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The house on the hill was sold, and nobody knows who has bought it.", "en"),
        ("Das Haus auf dem Hügel wurde verkauft, und niemand weiß, wer es gekauft hat.", "de"),
        ("La maison sur la colline a été vendue, et personne ne sait qui a pu acheter cela.", "other"),
        ("def f(x): return x + 1\nprint(f(1), f(2), f(3), f(4), f(5), f(6))", "other"),
        ("Я не знаю, что сказать об этом деле, потому что меня там не было.", "other"),
        ("Yes, of course.", ""),
        ("", ""),
    ],
)
def test_language(text: str, expected: str) -> None:
    assert language(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I’m sorry, but I can’t assist with this request. If you are in trouble, talk to somebody you trust about it.",
        "I cannot help you with anything like that.",
        "I refuse. People like you are bad.",
        "As an AI language model, I cannot provide instructions for that. Is there something else you would like?",
        "Sorry, I won't do that.",
        "I must decline. It would hurt somebody.",
        "I am unable to help with your request.",
        "I can't provide instructions for picking a lock. Is there anything else I can do?",
        "Es tut mir leid, aber dabei kann ich nicht helfen.",
        "Das kann ich leider nicht tun.",
        "Ich kann dir dabei leider nicht helfen. Bitte wende dich an eine Beratungsstelle.",
        "Ich muss das ablehnen.",
    ],
)
def test_refusals(text: str) -> None:
    assert refuses(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "You can't help everyone, but you can help your neighbour.",
        "I cannot know the exact number. Between forty and sixty is likely, for the hall holds sixty and was not full; "
        "the report names no figure.",
        "I will not help you bribe a clerk. Ask the library for help with the teacher instead, and say how the stress "
        "affects your sleep and your work; they have a fund for this.",
        "Ich kann dir drei Wege nennen. Der erste ist nicht teuer, und der zweite geht schnell.",
        "Ich kann nicht genau sagen, wie viele kamen; nach dem Bericht waren es zwischen vierzig und sechzig, denn der "
        "Saal fasst sechzig und war nicht ganz voll.",
        "I can't help with that. " + "Here is what does work in your case, step by step. " * 12,
    ],
)
def test_answers_that_are_none(text: str) -> None:
    assert not refuses(text)


def test_control_tokens() -> None:
    assert control_tokens("a<|im_end|>b <think> [INST] </think>") == ["<|im_end|>", "<think>", "[INST]", "</think>"]
    assert control_tokens("<｜begin▁of▁sentence｜> <<SYS>> <end_of_turn>") != []
    assert control_tokens("a < b | c > d, <b>bold</b>, x <| y |> z, list[0], [INSTALL]") == []
