"""One exchange a row, in columns: a CSV table, Alpaca, or JSON objects with such fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.engine.rows import Row
from pipeline.tasks.ingest.conversation import ABOUT, Conversation, LeftOut, Turn, about, text_of

NAMES = {
    "prompt": ("prompt", "instruction", "question"),
    "answer": ("answer", "response", "output", "completion"),
    "system": ("system", "system_prompt"),
    "thought": ("thought", "reasoning", "thinking"),
    **{name: (name,) for name in ABOUT},
}
"""What a column holds -> what it may be called, in any case of letters; the first that is there counts."""
ALPACA = ("input", "history")
"""Only beside `instruction`: what the instruction is about, and earlier exchanges as pairs."""
IMAGES = ("image", "images")


def choose(names: Iterable[str], given: Mapping[str, str]) -> dict[str, str]:
    """What is held -> the column that holds it. `given` are names that a person chose."""
    known = {name.strip().casefold(): name for name in reversed(list(names))}
    found = {}
    for what, usual in NAMES.items():
        wanted = (given[what].strip().casefold(),) if given.get(what) else usual
        column = next((known[name] for name in wanted if name in known), None)
        if column is not None:
            found[what] = column
    return found


def fits(row: Row, given: Mapping[str, str]) -> bool:
    return {"prompt", "answer"} <= choose(row, given).keys()


def fields(row: Row, given: Mapping[str, str]) -> set[str]:
    """Those of the row's fields that are read."""
    found = choose(row, given)
    return {*found.values(), *(ALPACA if _is_alpaca(found) else ())}


def _is_alpaca(found: Mapping[str, str]) -> bool:
    return found.get("prompt", "").strip().casefold() == "instruction"


def read(row: Row, names: Mapping[str, str]) -> Conversation:
    found = choose(row, names)
    if not {"prompt", "answer"} <= found.keys():
        raise LeftOut("unknown_fields", f"there is no column for the {'prompt' if 'prompt' not in found else 'answer'}")
    if held := [name for name in IMAGES if row.get(name)]:
        raise LeftOut("images", held[0])
    of = {what: text_of(row[column], column) for what, column in found.items()}
    prompt, turns = of["prompt"], []
    if system := of.get("system", ""):
        turns.append(Turn("system", system))
    if _is_alpaca(found):
        turns += _history(row.get("history"))
        given = text_of(row.get("input"), "input")
        prompt = "\n\n".join(part for part in (prompt, given) if part.strip())
    if not prompt.strip():
        raise LeftOut("no_user_turn")
    turns += [Turn("user", prompt), Turn("assistant", of["answer"], of.get("thought", ""))]
    return Conversation(turns, about(of))


def _history(pairs: Any) -> list[Turn]:
    turns = []
    for pair in pairs if isinstance(pairs, list) else [pairs] if pairs else []:
        if not isinstance(pair, list) or len(pair) != 2:
            raise LeftOut("unknown_fields", "`history` is no list of pairs")
        turns += [Turn("user", text_of(pair[0], "history")), Turn("assistant", text_of(pair[1], "history"))]
    return turns
