from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.engine.errors import DataError
from pipeline.gpt import tokens
from tests.gpt.tokenizer import tiny_tokenizer

Said = list[tuple[str, str]]


def messages(*said: tuple[str, str]) -> list[dict[str, str]]:
    return [{"role": role, "content": content} for role, content in said]


def test_a_conversation_is_written_with_nothing_between_its_tags() -> None:
    text = tokens.render(messages(("system", "S"), ("user", "U"), ("assistant", "A")))
    assert text == ("<myPT_system>S</myPT_system><myPT_user>U</myPT_user><myPT_assistant>A</myPT_assistant><myPT_eot/>")
    assert text.startswith(tokens.ask("U", "S"))


def test_contexts_calls_and_results_nest_as_the_notes_have_it() -> None:
    said = messages(
        ("user_context", "C"), ("user", "U"), ("assistant_context", "K"), ("assistant", "A"), ("toolcall", "T"),
        ("toolresult", "R"), ("assistant", "B"), ("user", "V"), ("toolcall", "X"),
    )  # fmt: skip
    short = tokens.render(said).replace("myPT_", "").replace("assistant", "a").replace("user", "u")
    assert short == (
        "<u><u_context>C</u_context>U</u><a_context>K</a_context><a>A<toolcall>T</toolcall></a>"
        "<toolresult>R</toolresult><a>B</a><eot/><u>V</u><a><toolcall>X</toolcall></a><eot/>"
    )


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ([("user", "a")], "no order"),
        ([], "nothing: no order"),
        ([("user", "a"), ("assistant", "b"), ("assistant", "c")], "no order"),
        ([("user", "a"), ("system", "s"), ("assistant", "b")], "no order"),
        ([("user", "a"), ("user_context", "c"), ("assistant", "b")], "no order"),
        ([("user", "a"), ("toolresult", "r"), ("assistant", "b")], "no order"),
        ([("user", "a"), ("assistant", "b"), ("toolresult", "r")], "no order"),
        ([("user", "a"), ("assistant", "")], "says nothing"),
        ([("user", "a"), ("robot", "b")], "no tag for the role 'robot'"),
        ([("user", "a</myPT_user>"), ("assistant", "b")], "only a tag may"),
        ([("user", "a"), ("assistant", "b<|endoftext|>")], "only a tag may"),
    ],
)
def test_what_the_tags_do_not_allow_is_told(said: Said, why: str) -> None:
    assert why in tokens.fault_of(messages(*said))
    with pytest.raises(DataError, match="cannot be written"):
        tokens.render(messages(*said))


def test_the_mask_follows_from_ids_and_holds_what_the_assistant_says_alone() -> None:
    tokenizer = tiny_tokenizer()
    said = messages(
        ("system", "s"), ("user_context", "c"), ("user", "u"), ("assistant_context", "k"), ("assistant", "a"),
        ("toolcall", "t"), ("toolresult", "r"), ("assistant", "b"), ("user", "v"), ("assistant", "w"),
    )  # fmt: skip
    ids = np.array(tokenizer.encode(tokens.render(said)).ids, np.uint32)
    mask = tokens.loss_mask(ids, tokens.find_tags(tokenizer))
    learnt = "".join(tokenizer.id_to_token(int(number)) for number in ids[mask == 1])
    assert learnt == (
        "a<myPT_toolcall>t</myPT_toolcall></myPT_assistant>b</myPT_assistant><myPT_eot/>w</myPT_assistant><myPT_eot/>"
    )
    assert mask.dtype == np.uint8
    twice = tokens.loss_mask(np.concatenate([ids, ids]), tokens.find_tags(tokenizer))
    assert twice.tolist() == [*mask, *mask], "episodes may lie one behind the other"


def test_tags_are_added_once_and_looked_up_in_what_was_saved(tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer()
    size = tokenizer.get_vocab_size()
    assert tokens.add_tags(tokenizer) == 0 and tokenizer.get_vocab_size() == size
    tokens.save_tokenizer(tokenizer, tmp_path, 64)
    found = tokens.tags_of(tmp_path)
    assert list(found) == list(tokens.TAGS) and len(found) == 15
    assert list(found.values()) == list(range(size - 15, size))
    assert tokens.padded(50257 + 15) == 50304


def test_a_model_whose_ids_differ_is_refused(tmp_path: Path) -> None:
    here, there, other = tmp_path / "here", tmp_path / "there", tmp_path / "other"
    tokens.save_tokenizer(tiny_tokenizer(), here, 64)
    tokens.save_tokenizer(tiny_tokenizer(tags=tuple(reversed(tokens.TAGS))), there, 64)
    tokens.save_tokenizer(tiny_tokenizer(("more", "words")), other, 64)
    tokens.refuse_other_ids(here, here)
    with pytest.raises(DataError, match="have other ids"):
        tokens.refuse_other_ids(there, here)
    with pytest.raises(DataError, match="have other ids"):
        tokens.refuse_other_ids(other, here)
    tokens.save_tokenizer(tiny_tokenizer(swap=True), other, 64)
    with pytest.raises(DataError, match="another vocabulary"):
        tokens.refuse_other_ids(other, here)
    assert tokens.hash_of(tokens.tags_of(here)) != tokens.hash_of(tokens.tags_of(there))


def test_a_tokenizer_without_tags_and_a_file_that_is_none_are_errors(tmp_path: Path) -> None:
    tokens.save_tokenizer(tiny_tokenizer(tags=()), tmp_path, 64)
    with pytest.raises(DataError, match="knows no <myPT_system>"):
        tokens.tags_of(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match="is not a tokenizer"):
        tokens.tags_of(tmp_path)
