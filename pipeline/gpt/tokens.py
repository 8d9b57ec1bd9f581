"""The fifteen tags of the GPT track: how a conversation is written with them, and what of it is learnt.

Their ids stand in the saved tokenizer and nowhere else. The mask follows from ids, never from characters.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.engine.errors import DataError, MissingDependency
from pipeline.engine.rows import content_hash, write_json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ids = NDArray[np.integer[Any]]
    Mask = NDArray[np.uint8]

ROLES = ("system", "user", "user_context", "assistant", "assistant_context", "toolcall", "toolresult")


def opening(role: str) -> str:
    return f"<myPT_{role}>"


def closing(role: str) -> str:
    return f"</myPT_{role}>"


EOT = "<myPT_eot/>"
"""After the last assistant of a turn."""
TAGS = (*(tag for role in ROLES for tag in (opening(role), closing(role))), EOT)
"""In the order in which they get their ids."""
END = "<|endoftext|>"
"""GPT-2's own end of a document; it pads too."""
MULTIPLE = 64
"""A vocabulary is padded to a multiple of this: 50,257 and 15 become 50,304."""

LETTERS = {"system": "s", "user_context": "c", "user": "u", "assistant_context": "k", "assistant": "a",
           "toolcall": "t", "toolresult": "r"}  # fmt: skip
_SAID = "(?:at*|t+)"
_CONVERSATION = re.compile(f"s?(?:c?uk?{_SAID}(?:r{_SAID})*)+")
TAG = re.compile("</?myPT_")
RESERVED = re.compile(rf"{TAG.pattern}|{re.escape(END)}")


def padded(size: int) -> int:
    """The vocabulary's size as a model has it."""
    return -(-size // MULTIPLE) * MULTIPLE


def fault_of(messages: Sequence[Mapping[str, str]]) -> str:
    """Why these messages cannot be written with the tags; empty where they can.

    A `user_context` stands before the `user` it belongs to, an `assistant_context` before the assistant, a `toolcall`
    behind the `assistant` that makes it, or alone, a `toolresult` between the call and the next word.
    """
    for message in messages:
        if message.get("role") not in LETTERS:
            return f"there is no tag for the role {message.get('role')!r}"
        content = message.get("content")
        if not isinstance(content, str) or not content:
            return f"the {message['role']} says nothing"
        if found := RESERVED.search(content):
            return f"the {message['role']} says {found[0]!r}, which only a tag may"
    order = "".join(LETTERS[message["role"]] for message in messages)
    if not _CONVERSATION.fullmatch(order):
        return f"{', '.join(message['role'] for message in messages) or 'nothing'}: no order that the tags allow"
    return ""


def pieces(messages: Sequence[Mapping[str, str]]) -> list[str]:
    """Tags and texts of a conversation in order, nothing between them. For messages without a fault."""
    found: list[str] = []
    inside = ""  # the role whose closing tag is still to come
    for place, message in enumerate(messages):
        role, content = message["role"], message["content"]
        after = messages[place + 1]["role"] if place + 1 < len(messages) else ""
        outer = {"user_context": "user", "toolcall": "assistant"}.get(role, "")
        if outer and not inside:
            found.append(opening(outer))
            inside = outer
        if role == inside:  # the user's own words, behind their context
            found.append(content)
        else:
            found += [opening(role), content]
            if role == "assistant":
                inside = role
            else:
                found.append(closing(role))
        if inside and after != "toolcall" and role != "user_context":
            found.append(closing(inside))
            inside = ""
            if role != "user" and after != "toolresult":
                found.append(EOT)
    return found


def render(messages: Sequence[Mapping[str, str]]) -> str:
    """A conversation as text with its tags. Raises DataError where the tags allow no such thing."""
    if fault := fault_of(messages):
        raise DataError(f"This conversation cannot be written with the tags: {fault}.")
    return "".join(pieces(messages))


def ask(user: str, system: str = "") -> str:
    """A prompt as text, up to where the assistant begins to speak."""
    said = [(role, text) for role, text in (("system", system), ("user", user)) if text]
    return "".join(f"{opening(role)}{text}{closing(role)}" for role, text in said) + opening("assistant")


def open_tokenizer(folder: Path) -> Any:
    """The `tokenizers.Tokenizer` of a folder, which neither cuts nor pads. Raises DataError where there is none."""
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise MissingDependency.of_extra("tokenizers", "train") from None
    path = folder / "tokenizer.json"
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises Exception itself
        raise DataError(f"{path} is not a tokenizer.", str(error), "Check the folder.") from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def add_tags(tokenizer: Any) -> int:
    """Add those tags that a tokenizer lacks; returns how many. Those it has keep their ids."""
    from tokenizers import AddedToken

    return int(tokenizer.add_special_tokens([AddedToken(tag, special=True, normalized=False) for tag in TAGS]))


def save_tokenizer(tokenizer: Any, folder: Path, context: int) -> None:
    """As transformers loads it; `context` is the most tokens of a text."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    roles = dict.fromkeys(("bos_token", "eos_token", "unk_token", "pad_token"), END)
    about = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": context, **roles}
    write_json(folder / "tokenizer_config.json", about)


def find_tags(tokenizer: Any) -> dict[str, int]:
    """Tag -> id. Raises DataError for a tokenizer that lacks one."""
    found = {tag: tokenizer.token_to_id(tag) for tag in TAGS}
    if missing := [tag for tag, number in found.items() if number is None]:
        raise DataError(
            f"The tokenizer knows no {', '.join(missing[:3])}{' and others' if len(missing) > 3 else ''}.",
            "",
            "Add the tags to its model with the stage `tags`.",
        )
    return found


def tags_of(folder: Path) -> dict[str, int]:
    """Tag -> id of the tokenizer in a folder. Raises DataError where it lacks one, or is none."""
    return find_tags(open_tokenizer(folder))


def refuse_other_ids(model: Path, data: Path) -> None:
    """Raises DataError where a model and a prepared set do not mean the same by the same id: the tags, or any other
    token."""
    ours, theirs = open_tokenizer(model), open_tokenizer(data)
    moved = [tag for tag, number in find_tags(ours).items() if number != find_tags(theirs)[tag]]
    if moved:
        why = f"{moved[0]} is {ours.token_to_id(moved[0])} there and {theirs.token_to_id(moved[0])} here."
        raise DataError(f"The tags of {model} have other ids than those of {data}.", why, _PREPARE)
    if ours.get_vocab() != theirs.get_vocab():
        raise DataError(f"{data} was prepared with another vocabulary than that of {model}.", "", _PREPARE)


_PREPARE = "Prepare the data with this model as `tokenizer`."


def hash_of(tags: Mapping[str, int]) -> str:
    """Of the tags' ids: sets and models with the same one mean the same by them."""
    return content_hash(dict(tags))[:16]


def loss_mask(ids: Ids, tags: Mapping[str, int]) -> Mask:
    """1 where a token is to be learnt, shape of `ids` (any number of whole episodes, one behind the other): what the
    assistant says, its closing tag and the end of its turn. It speaks of the token that stands there, so that the loss
    of predicting it from those before it counts."""
    import numpy as np

    begun = np.cumsum(ids == tags[opening("assistant")])
    ended = np.cumsum(ids == tags[closing("assistant")])
    ended[1:], ended[:1] = ended[:-1].copy(), 0  # the closing tag is still part of what is said
    mask: Mask = ((begun > ended) & (ids != tags[opening("assistant")]) | (ids == tags[EOT])).astype(np.uint8)
    return mask
