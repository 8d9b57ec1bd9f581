"""A conversation read from a file, whatever its format, the traces that it gives, and why a row may give none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from pipeline.tasks.board.language import control_tokens
from pipeline.tasks.records import Message, split_thought

REASONS = {
    "not_json": "The line is no JSON.",
    "not_an_object": "The line is JSON, but no object.",
    "bad_columns": "The row has more or fewer fields than the header, or its quotes do not match.",
    "unknown_fields": "The fields are not those of the file's format.",
    "not_text": "A field that must be text is something else.",
    "invalid_text": "The text is not valid UTF-8, or holds a NUL or half a surrogate pair.",
    "no_user_turn": "Nobody asks anything.",
    "no_answer": "The conversation does not end with the assistant.",
    "empty_answer": "The answer is empty.",
    "empty_turn": "A turn before the answer is empty.",
    "unknown_role": "A turn is neither the system's, the user's nor the assistant's.",
    "turn_order": "A system message that is not the first, or an answer that follows no question.",
    "unclosed_thought": "A think block has no end.",
    "control_tokens": "A text holds what only a chat template may write.",
    "tool_calls": "Tools are called, or offered.",
    "images": "Images, sound or files belong to it.",
    "too_long": "It is longer than the setting `longest` allows.",
    "unknown_split": "Its `split` is no word for training or held-out rows.",
    "not_to_learn": "Its weight is 0: the file says that it is not to be learnt.",
    "unfinished": "A trace of ours that did not come to its end.",
    "duplicate": "The same turns, thought and answer were there before.",
}
"""Every reason for which a row is left out."""

Role = Literal["system", "user", "assistant"]


class LeftOut(Exception):
    """A row that gives no trace. `reason` is one of REASONS; `detail` is what of the row shows it."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason, self.detail = reason, detail


@dataclass(frozen=True)
class Turn:
    role: Role
    content: str
    thought: str = ""
    """Of an assistant, where it stands in a field of its own."""
    learn: bool = True


@dataclass(frozen=True)
class About:
    """What a row may say beside its turns, in every format; empty where it says nothing."""

    category: str = ""
    split: str = ""
    problem: str = ""
    """Rows with the same one stay on the same side of the split."""
    model: str = ""


ABOUT = tuple(entry.name for entry in fields(About))


def about(row: Mapping[str, Any]) -> About:
    """Raises LeftOut for what is no text."""
    return About(*(_clean(text_of(row.get(name), name)) for name in ABOUT))


@dataclass(frozen=True)
class Conversation:
    turns: list[Turn]
    about: About = About()
    kept: Mapping[str, Any] = field(default_factory=dict)
    """What a trace of our own brings with it: id, prompt_id, type, sample, provider."""


@dataclass(frozen=True)
class Exchange:
    """What was asked, up to a user's turn, and what was answered."""

    messages: list[Message]
    thought: str
    answer: str


def exchanges(conversation: Conversation, every: bool, longest: int) -> Iterator[Exchange]:
    """The last assistant's turn with all before it; with `every`, each assistant's turn. Raises LeftOut.

    Thoughts of earlier turns are dropped, as chat templates do.
    """
    turns = conversation.turns
    if sum(len(turn.content) + len(turn.thought) for turn in turns) > longest:
        raise LeftOut("too_long", f"more than {longest} letters")
    if not any(turn.role == "user" for turn in turns):
        raise LeftOut("no_user_turn")
    last = max((place for place, turn in enumerate(turns) if turn.role == "assistant"), default=-1)
    if last < 0 or not (every or last == len(turns) - 1):
        raise LeftOut("no_answer", f"the last turn is the {turns[-1].role}'s")
    messages: list[Message] = []
    found = []
    for place, turn in enumerate(turns[: last + 1]):
        content, thought, answers = _clean(turn.content), _clean(turn.thought), turn.role == "assistant"
        if (turn.role == "system" and place) or (answers and (not messages or messages[-1]["role"] != "user")):
            raise LeftOut("turn_order", f"turn {place + 1} is the {turn.role}'s")
        if answers:
            block, content, closed = split_thought(content)
            if not closed:
                raise LeftOut("unclosed_thought")
            thought = "\n\n".join(part for part in (thought, block) if part)
        elif conversation.kept:
            content = turn.content  # a mark on this trace is keyed by its messages as they stand
        if turn.role == "system" and not content:
            continue
        if not content:
            raise LeftOut("empty_answer" if place == last else "empty_turn", f"turn {place + 1}")
        if held := control_tokens(content) or control_tokens(thought):
            raise LeftOut("control_tokens", held[0])
        if answers and turn.learn and (every or place == last):
            found.append(Exchange(list(messages), thought, content))
        messages.append({"role": turn.role, "content": content})
    if not found:
        raise LeftOut("not_to_learn")
    yield from found


def _clean(text: str) -> str:
    """Without spaces at its ends, lines ended as everywhere. Raises LeftOut for what no tokenizer can encode."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise LeftOut("invalid_text", f"half a surrogate pair, or a byte that is not UTF-8, at {error.start}") from None
    if "\0" in text:
        raise LeftOut("invalid_text", "a NUL")
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def text_of(value: Any, what: str) -> str:
    """The text of a field. None counts as empty. Raises LeftOut("not_text")."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise LeftOut("not_text", f"`{what}` is {type(value).__name__}")
    return value
