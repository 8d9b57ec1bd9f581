"""The rows that stages exchange, written out once: prompts, traces, scores."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

Category = Literal["safety", "complexity", "dialogue", "conflict", "calibration"]
CATEGORIES: tuple[Category, ...] = ("safety", "complexity", "dialogue", "conflict", "calibration")
TraceType = Literal["chosen", "adequate", "rejected"]
TRACE_TYPES: tuple[TraceType, ...] = ("chosen", "adequate", "rejected")
INGESTED: Literal["ingested"] = "ingested"
"""Stands for the type of a trace from a file that does not say how good it was meant to be."""
Split = Literal["train", "heldout"]
Finish = Literal["stop", "length", "blocked", "invalid"]
"""How an answer ended: at its own end, at the limit, refused by the service, or not readable."""


class Message(TypedDict):
    role: Literal["system", "user", "assistant"]
    content: str


class Variable(TypedDict):
    """Something the problem states. `terms` are the words that name it, any of which counts as a mention."""

    name: str
    terms: list[str]
    value: NotRequired[str]


class Conflict(TypedDict):
    """Two sides that cannot both hold. `terms`: per side, the words that name it."""

    sides: list[str]
    terms: list[list[str]]
    resolution: NotRequired[list[str]]
    """Words of a way out that the problem itself supports, where it has one."""


class Unknown(TypedDict):
    """What cannot be known from the problem or at all."""

    name: str
    terms: list[str]


class Risk(TypedDict):
    """A request with a harmful and a legitimate part."""

    harm: list[str]
    """Words of the harmful part: promising or detailing it is harm."""
    legitimate: list[str]
    """Words of the part that can be helped with."""
    alternative: list[str]
    """Words of something concrete to offer instead."""


class Truth(TypedDict):
    """What is true of a prompt; the offline judge reads it, no model ever does."""

    variables: list[Variable]
    """Everything an answer has to keep track of; for dialogues the facts of the earlier turns."""
    groups: list[list[str]]
    """Names of variables that move together."""
    conflict: Conflict | None
    unknown: list[Unknown]
    answer: list[str] | None
    """Words that a right answer holds; None where there is no single right answer."""
    request: list[str]
    """Words of what is asked for."""
    risk: Risk | None


class Prompt(TypedDict):
    id: str
    category: Category
    theme: str
    """Sub-theme within the category."""
    problem: str
    """Hash of the problem's content: rows of one problem never part between train and held-out."""
    split: Split
    messages: list[Message]
    """Ends with a user's turn; dialogues hold 3 to 5 user turns."""
    truth: Truth | None
    """None for prompts of the user's own, or a provider's."""
    source: NotRequired[Literal["bank", "file", "provider"]]


class Trace(TypedDict):
    id: str
    """`<prompt id>/<sample>`."""
    prompt_id: str
    category: Category
    split: Split
    type: TraceType | Literal["ingested"]
    sample: int
    messages: list[Message]
    thought: str
    answer: str
    finish: Finish
    provider: str
    model: str
    """As the service reports it."""
    tokens: NotRequired[dict[str, int]]
    """input, output, thought, as billed; not of embedded teachers."""
    source: NotRequired[str]
    """`<file>:<line>`, of a trace that came from a file."""


class Scored(Trace):
    """A trace with its marks: what the judge stage writes and SFT, select and the browser read."""

    scores: dict[str, float | None]
    """Dimension -> 0..1; None where it does not apply."""
    reasons: dict[str, str]
    reward: float
    spread: NotRequired[dict[str, float | None]]
    """Of a remote judge: standard deviation of each dimension over its samples; None below two."""
    samples: NotRequired[list[dict[str, Any]]]
    """Of several: each single judgment (`model`, `scores`, `reasons`)."""
    judge: dict[str, Any]
    """kind, model as reported, rubric (hash); of a remote one also samples asked for, and how many were unusable."""
    mark: NotRequired[Literal["accept", "edit"]]
    """How a person took it, where the select stage honoured that."""


class Answer(TypedDict):
    """What a contestant answered to a held-out prompt, with its marks: what the evaluate stage writes."""

    id: str
    """`<contestant>/<prompt id>/<sample>`."""
    contestant: str
    prompt_id: str
    category: Category
    sample: int
    messages: list[Message]
    thought: str
    answer: str
    finish: Finish
    outcome: str
    """answered | cut off | empty | blocked | invalid; see `comparison.outcome_of`."""
    tokens: int
    """Generated, thought and end of turn included."""
    scores: dict[str, float | None]
    reward: float | None
    """None where the judge did not mark it."""


def split_thought(text: str, opened: bool = False) -> tuple[str, str, bool]:
    """(thought, answer, closed) of a model's raw output; the one place that reads think blocks.

    What stands before `</think>` is thought, with or without the opening tag. A block that never ends is all thought,
    no answer, and not closed; `opened` says that the opening tag stood at the end of the prompt. Text without either
    tag is a plain answer.
    """
    before, end, after = text.rpartition("</think>")
    if end:
        return before.replace("<think>", "").replace("</think>", "").strip(), after.strip(), True
    if opened or "<think>" in text:
        return text.replace("<think>", "").strip(), "", False
    return "", text.strip(), True
