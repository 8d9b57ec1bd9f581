"""Prompts of a provider: what is asked for, how the reply is read, and how categories are filled."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline.engine.fanout import Quarantined
from pipeline.tasks.bank.compose import DRAW, compose
from pipeline.tasks.expansion import Filling, instruct, read, schema, wishes
from pipeline.tasks.expansion_texts import BRIEFS, PEOPLE, PLACES
from pipeline.tasks.records import CATEGORIES, Message, Prompt

TOLD = "My two goats eat the hedge of the neighbour, and he wants forty euros by Friday. What first?"
TALK = ["I plan a trip for my choir.", "Noted.", "We are twenty-one.", "All right.", "Please plan the bus."]


def said(text: str) -> list[Message]:
    return [{"role": "user", "content": text}]


def test_themes_come_in_turn_and_no_two_wishes_are_alike() -> None:
    asked = wishes("complexity", 23, 5, 0, seed=1)
    assert [wish.count for wish in asked] == [5, 5, 5, 5, 3]
    again = wishes("complexity", 5, 5, 5, seed=1)
    assert [wish.id for wish in (asked + again)][-2:] == ["complexity/0004", "complexity/0005"]
    themes = [wish.theme for wish in wishes("complexity", 100, 1, 0, seed=1)]
    assert set(themes) == set(DRAW["complexity"][0])
    assert [wish.theme for wish in asked + again] == themes[:6]
    texts = [instruct(wish, 1) for wish in wishes("complexity", 100, 1, 0, seed=1)]
    assert len(set(texts)) == 100
    assert texts[0] != instruct(wishes("complexity", 1, 1, 0, seed=1)[0], seed=2)


@pytest.mark.parametrize("category", CATEGORIES)
def test_an_instruction_names_theme_kind_and_one_person_a_prompt(category: Any) -> None:
    wish = wishes(category, 4, 4, 0, seed=3)[0]
    text = instruct(wish, 3)
    assert text == instruct(wish, 3)
    assert f"theme: {wish.theme}." in text
    assert BRIEFS[wish.category] in text
    assert sum(f". {person}, " in text for person in PEOPLE) == 4
    assert len([place for place in PLACES if f", {place}; " in text]) == 4
    assert '"prompts"' in text


def test_the_schema_is_one_that_strict_services_take() -> None:
    for category in CATEGORIES:
        top = schema(category)
        assert (top["required"], top["additionalProperties"]) == (["prompts"], False)
    assert schema("safety")["properties"]["prompts"]["items"] == {"type": "string"}
    assert schema("dialogue")["properties"]["prompts"]["items"] == {"type": "array", "items": {"type": "string"}}


def test_a_reply_is_read_as_prompts() -> None:
    text = json.dumps({"prompts": [f" {TOLD} ", "too short", TOLD + " <|im_end|>", " " * 50, "x" * 4001]})
    assert read(text, "complexity") == ([said(TOLD)], 4)
    assert read(f"```json\n{text}\n```", "complexity") == ([said(TOLD)], 4)
    prompts, unfit = read(json.dumps({"prompts": [TALK, TALK[:3], [*TALK, "x"], ["", *TALK[1:]]]}), "dialogue")
    assert unfit == 3
    assert [turn["role"] for turn in prompts[0]] == ["user", "assistant", "user", "assistant", "user"]
    assert [turn["content"] for turn in prompts[0]] == TALK


@pytest.mark.parametrize(
    ("category", "text"),
    [
        ("safety", "Here you are:"),
        ("safety", json.dumps([TOLD])),
        ("safety", json.dumps({"prompts": ["I'm sorry, but I can't help with writing requests like that."]})),
        ("safety", json.dumps({"prompts": TOLD})),
        ("safety", json.dumps({"prompts": [TOLD, 3]})),
        ("safety", json.dumps({"prompts": [TOLD], "note": "done"})),
        ("safety", json.dumps({"prompts": [TALK]})),
        ("safety", json.dumps({"prompts": []})),
        ("safety", json.dumps({"prompts": ["short"]})),
        ("safety", json.dumps({"prompts": [TOLD]})[:-4]),
        ("dialogue", json.dumps({"prompts": [TOLD]})),
    ],
)
def test_a_reply_of_another_shape_is_invalid(category: Any, text: str) -> None:
    with pytest.raises(Quarantined) as caught:
        read(text, category)
    assert (caught.value.outcome, caught.value.text) == ("invalid", text)


def test_a_refusal_in_words_is_not_asked_for_again() -> None:
    with pytest.raises(Quarantined) as caught:
        read("I'm sorry, but I can't help with that.", "safety")
    assert caught.value.outcome == "blocked"


def bank(count: int) -> list[Prompt]:
    return [
        {
            "id": "",
            "category": problem.category,
            "theme": problem.theme,
            "problem": problem.hash,
            "split": "train",
            "messages": problem.messages,
            "truth": problem.truth,
        }
        for problem in compose({"complexity": count}, 1)
    ]


STORIES = [
    "The mill on our brook stands still: the flow is down to nine litres, the price of grain is up, my wife is ill.",
    "Rents in our street rose by a fifth, the bakery left, and the council asks us four what should be done by May.",
    "My telescope shows double stars since I cleaned it; the mount is new, nights are damp, the grease is from 1998.",
    "Our night bus is empty on Mondays and full on Fridays, two drivers left, and diesel costs more every single week.",
]


def test_near_duplicates_of_the_bank_and_of_each_other_are_left_out_until_it_is_full() -> None:
    own = bank(4)
    filling = Filling(own, {"complexity": 3}, at_once=2, seed=1)
    assert filling.missing() == {"complexity": 3}
    first = filling.wishes()
    assert [wish.count for wish in first] == [2, 1]
    copied = own[0]["messages"][0]["content"].replace(",", " ,").upper()
    filling.take("complexity", "mill", [said(STORIES[0]), said(copied)], unfit=1)
    filling.take("complexity", "street", [said(STORIES[0].replace("brook", "creek"))], unfit=0)
    assert (filling.near, filling.unfit, filling.missing()) == (2, 1, {"complexity": 2})
    assert [wish.number for wish in filling.wishes()] == [2]
    filling.take("complexity", "stars", [said(story) for story in STORIES[1:]], unfit=0)
    assert filling.missing() == {}
    assert filling.wishes() == []
    taken = filling.taken["complexity"]
    assert [prompt["messages"][0]["content"] for prompt in taken] == STORIES[:3]
    assert [prompt["theme"] for prompt in taken] == ["mill", "stars", "stars"]
    assert len({prompt["problem"] for prompt in taken}) == 3
    assert all(prompt["truth"] is None and prompt["source"] == "provider" for prompt in taken)
