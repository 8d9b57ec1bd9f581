"""Puts texts that a judge marks behind a fence, so that nothing in them is taken for a word to the judge.

Three walls: tags with a code that the text cannot know, a sign before every line, a dot in what looks like a tag.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from pipeline.engine.rows import content_hash
from pipeline.engine.text import safe_text

SIGN = "| "
"""Before every line of a fenced text: no line of it can be a tag, a role or the end of a code block."""
DOT = "·"
"""Put behind the bracket of what looks like a tag; nothing is taken away, so the text can still be judged."""

OURS = ("turn", "thought", "answer")
_NAMES = (
    *OURS, "case", "conversation", "rubric", "instructions?", "judge", "verdict", "scores?",
    "system", "user", "human", "assistant", "model", "developer", "tool", "function", "im_start", "im_end",
    "think", "thinking", "analysis", "final", "bos", "eos", "pad", "unk", "mask", "sep", "cls",
    "start_of_turn", "end_of_turn", "start_of_role", "end_of_role", "tool_call", "tool_response", "tools",
)  # fmt: skip
_TAG = re.compile(
    r"<[ \t]*\|[^<>\n]{1,60}\|[ \t]*>"  # <|im_start|>, <|eot_id|>, <|channel|>
    rf"|<[ \t]*/?[ \t]*(?:{'|'.join(_NAMES)})\b[^<>\n]{{0,80}}>"  # ours, and those without bars
    r"|</?s>"
    r"|<(?=<[ \t]*/?[ \t]*SYS[ \t]*>>)"
    r"|\[[ \t]*/?[ \t]*(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|MODEL_SETTINGS|BEGIN|END)\b",
    re.IGNORECASE,
)
_FOLDED = {
    "<": "‹〈⟨❮❬❰≺˂ᐸ«⟪《≪", ">": "›〉⟩❯❭❱≻˃ᐳ»⟫》≫", "|": "¦∣ǀ│┃❘❙❚‖∥╎▏", "[": "⟦〔【〖⁅", "]": "⟧〕】〗⁆", "/": "⁄∕╱⧸",
    "_": "▁", " ": "\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000",
    "a": "аα", "c": "сϲ", "d": "ԁ", "e": "еє", "g": "ɡ", "h": "һ", "i": "іι", "j": "ј", "k": "к", "l": "ӏ", "m": "м",
    "n": "ո", "o": "оο", "p": "рρ", "r": "г", "s": "ѕ", "t": "т", "u": "υս", "v": "ѵν", "w": "ԝω", "x": "х", "y": "у",
    "A": "АΑ", "E": "ЕΕ", "H": "НΗ", "I": "ІΙ", "M": "МΜ", "N": "Ν", "O": "ОΟ", "S": "Ѕ", "T": "ТΤ", "U": "Ս",
}  # fmt: skip
"""Characters that are read for another though no normal form of Unicode makes them one."""
_ASCII = {ord(character): plain for plain, many in _FOLDED.items() for character in many}


def neutralise(text: str) -> str:
    """`text` with what a model's template or a reader could take for a tag broken by a dot, and nothing else lost.

    Hidden characters become visible (`safe_text`) and hide no tag; look-alikes count as what they look like.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    looks, places = _looks(text)
    pieces, end = [], 0
    for match in _TAG.finditer(looks):
        behind = places[match.start()] + 1
        pieces += [text[end:behind], DOT]
        end = behind
    return safe_text("".join([*pieces, text[end:]]))


def _looks(text: str) -> tuple[str, Sequence[int]]:
    """The text as it looks, in ASCII where that can be said and without what is hidden; and the place of each sign."""
    if text.isascii() and safe_text(text) == text:
        return text, range(len(text))
    seen = [(look, place) for place, look in enumerate(map(_look, text)) if look]
    return "".join(look for look, _ in seen), [place for _, place in seen]


@lru_cache(1 << 16)
def _look(character: str) -> str:
    """One sign, or none for a hidden character."""
    if safe_text(character) != character:
        return ""
    normal = unicodedata.normalize("NFKC", character)
    return _ASCII.get(ord(character), normal if len(normal) == 1 else character)


def fence(sections: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """(code, text): each (name, content) between tags that carry a code, every line of it behind SIGN.

    The code is a hash of the sections, so the same case is the same question, and no text can hold its own code.
    """
    code = content_hash(sections)[:16]
    blocks = []
    for name, content in sections:
        lines = "\n".join(SIGN + line for line in neutralise(content).split("\n"))
        blocks.append(f"<{name} {code}>\n{lines}\n</{name} {code}>")
    return code, "\n".join(blocks)
