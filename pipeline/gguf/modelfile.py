"""An Ollama Modelfile for an exported model: its file, its chat template in Ollama's own language, its stops."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pipeline.engine.errors import DataError
from pipeline.gguf.reference import Marks
from pipeline.gguf.template import Message, render

S, U, A, V = "<<system>>", "<<question>>", "<<answer>>", "<<second question>>"
SAMPLING = {"temperature": "temperature", "top_p": "top_p", "top_k": "top_k", "repetition_penalty": "repeat_penalty"}
"""Setting of a generation_config.json -> Ollama's parameter."""


def write_modelfile(file: str, marks: Marks, generation: Mapping[str, Any]) -> str:
    """The text of a Modelfile for the GGUF `file` beside it.

    Where the chat template cannot be told in Ollama's language, that is said in a comment, and Ollama looks for one it
    knows. `generation`: a generation_config.json.
    """
    lines = [f"FROM ./{file}", ""]
    translated = translate(marks.template, marks.bos, marks.eos) if marks.template else None
    if translated is not None:
        lines.append(f'TEMPLATE """{translated}"""')
    elif marks.template:
        lines.append("# The chat template in the file says more than Ollama's language can: no TEMPLATE is written.")
    else:
        lines += ["# The model has no chat template: it continues a text.", 'TEMPLATE """{{ .Prompt }}"""']
    lines.append("")
    if _fits(marks.stop):
        lines.append(f"PARAMETER stop {json.dumps(marks.stop, ensure_ascii=False)}")
    for key, parameter in SAMPLING.items():
        if isinstance(value := generation.get(key), int | float) and not isinstance(value, bool):
            lines.append(f"PARAMETER {parameter} {value:g}")
    return "\n".join(lines) + "\n"


def translate(template: str, bos: str = "", eos: str = "") -> str | None:
    """A chat template in Go's language; None for one that does more than put marks before and behind each message.

    What stands around the messages is read off rendered conversations. Whether that is all is checked on a longer one.
    """

    def text(*turns: tuple[str, str], turn: bool = False) -> str:
        messages: list[Message] = [{"role": role, "content": content} for role, content in turns]
        return render(template, messages, turn=turn, bos=bos, eos=eos)

    system, question, answer, second = ("system", S), ("user", U), ("assistant", A), ("user", V)
    try:
        asked, before, told = text(question), text(question, turn=True), text(system, question)
        longer = text(question, answer, second)
        whole = text(system, question, answer, second, turn=True)
    except DataError:
        return None
    try:
        head, after_user = asked.split(U)
        middle, between = longer.split(U)[1].split(A)
        system_head, system_tail = told.split(U)[0].split(S)
    except ValueError:
        return None
    between = between.split(V)[0]
    before_user = _common_end(head, between, system_tail)
    start = head.removesuffix(before_user)
    parts = {
        "system": (system_head.removeprefix(start), S, system_tail.removesuffix(before_user)),
        "user": (before_user, U, after_user),
        "assistant": (middle.removeprefix(after_user), A, between.removesuffix(before_user)),
    }
    turn = before.removeprefix(asked)
    rebuilt = start + "".join("".join(parts[role]) for role in ("system", "user", "assistant"))
    rebuilt += before_user + V + after_user + turn
    pieces = (start, turn, *(mark for before, _, behind in parts.values() for mark in (before, behind)))
    if rebuilt != whole or not all(map(_fits, pieces)):
        return None
    cases = "".join(
        f'{{{{ if eq .Role "{role}" }}}}{before}{{{{ .Content }}}}{behind}{{{{ end }}}}'
        for role, (before, _, behind) in parts.items()
    )
    return f"{start}{{{{ range .Messages }}}}{cases}{{{{ end }}}}{turn}"


def _common_end(*texts: str) -> str:
    shortest = min(texts, key=len)
    return next(end for at in range(len(shortest) + 1) if all(text.endswith(end := shortest[at:]) for text in texts))


def _fits(mark: str) -> bool:
    """Whether a text of the model's may stand in a Modelfile without ending what it stands in."""
    return '"""' not in mark and "{{" not in mark and "}}" not in mark and not mark.endswith('"') and "\0" not in mark
