"""What a teacher is told for each type of trace, and how its reply is read: section 4.2 of the plan.

The texts here are defaults of the traces stage's settings; a preset replaces any of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pipeline.engine.fanout import Quarantined
from pipeline.tasks.records import TraceType, split_thought

CHOSEN = """You are a reasoning tutor. When solving problems:
1. Identify ALL parameters before answering
2. Group co-varying parameters to reduce complexity
3. Explicitly state what you DON'T know
4. Show your reasoning step by step
5. If conflicting evidence exists, acknowledge and weigh it"""
"""The plan's own words."""

REJECTED = """You are always in a hurry. When solving problems:
1. Take the first answer that comes to mind and do not check it
2. Look at one or two of the parameters and skip the others
3. Sound sure of everything; never say that something is not known
4. Keep your reasoning to a sentence or two
5. If evidence conflicts, take one side and leave the other out
Be careless in this way only: no insults, and nothing that could hurt anyone."""
"""Worse in reasoning alone: harm is not what the lowest ranks are to show."""

WRITTEN = """Begin your reply with your reasoning, between <think> and </think>, written down as you work it out. \
After </think> write the answer alone, as the user is to read it."""
"""Added to every system prompt where the thought is to be written: many services hide or only sum up their own."""

TYPICAL: dict[TraceType, tuple[int, int, int]] = {
    "chosen": (2500, 900, 900),
    "adequate": (1500, 600, 700),
    "rejected": (400, 60, 250),
}
"""Tokens of thought, of reasoning that is written, and of answer that `plan` assumes before a reply is seen:
assumptions, not measurements."""


def ask(messages: Iterable[Mapping[str, str]], system: str, written: bool) -> tuple[str, list[dict[str, str]]]:
    """(system prompt, turns) of a request: the type's instructions, the prompt's own system message, the form."""
    messages = list(messages)
    own = [turn["content"] for turn in messages if turn["role"] == "system"]
    parts = [system, *own, WRITTEN if written else ""]
    turns = [{"role": turn["role"], "content": turn["content"]} for turn in messages if turn["role"] != "system"]
    return "\n\n".join(part.strip() for part in parts if part.strip()), turns


def read(text: str, thought: str, written: bool) -> tuple[str, str]:
    """(thought, answer) of a reply: a think block in `text` goes before the service's own `thought`.

    Where none was asked for, only one that begins the text is a block; further on, tags are part of the answer. Raises
    Quarantined for a block without its end, an empty answer, and a thought that is missing though it was to be
    `written`.
    """
    answer = text.strip()
    if answer.startswith("<think>") or (written and ("<think>" in text or "</think>" in text)):
        block, answer, closed = split_thought(text)
        if not closed or "<think>" in answer:
            raise Quarantined("invalid", "a think block without its end", text)
        thought = block or thought
    if not answer:
        raise Quarantined("invalid", "the answer is empty", text or thought)
    if written and not thought.strip():
        raise Quarantined("invalid", "no think block, though one was asked for", text)
    return thought.strip(), answer
