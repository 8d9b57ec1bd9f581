"""The tags in a model: ids in its tokenizer, rows in its embedding that begin near what they mean.

A row of random numbers takes many steps to mean anything. A tag that the coming phase uses begins as the mean of a few
ordinary rows, those of its role's word and of punctuation; the others are left as they are.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from pipeline.engine.errors import DataError
from pipeline.engine.rows import Row
from pipeline.gpt import model as gpt
from pipeline.gpt.template import ends, load_tokenizer
from pipeline.gpt.tokens import END, EOT, ROLES, add_tags, closing, find_tags, open_tokenizer, padded, save_tokenizer

USABLE = (*ROLES, "eot")
MEANS: Mapping[str, tuple[str, ...]] = {
    EOT: (" end", ".", "\n"),
    **{opening: (f" {role.replace('_', ' ')}", ":") for role in ROLES for opening in (f"<myPT_{role}>",)},
    **{closing(role): (f" {role.replace('_', ' ')}", ".", "\n") for role in ROLES},
}
"""Tag -> the ordinary texts whose rows it begins as the mean of."""


def tags_for(used: Collection[str]) -> list[str]:
    """The tags of the roles that a phase uses."""
    found = [tag for role in ROLES if role in used for tag in (f"<myPT_{role}>", closing(role))]
    return [*found, *([EOT] if "eot" in used else [])]


def add_to_model(source: Path, out: Path, used: Collection[str], tie: bool) -> Row:
    """Write the model of `source` with the tags to `out`; says what was done.

    Rows that are new and weighted by nothing begin as the mean of all. Raises DataError where the tokenizer has no
    end of a document, which pads.
    """
    import torch

    tokenizer = open_tokenizer(source)
    if tokenizer.token_to_id(END) is None:
        raise DataError(f"The tokenizer of {source} has no {END}.", "It pads.", "Take a model of the GPT-2 family.")
    known = tokenizer.get_vocab_size(with_added_tokens=True)
    added = add_tags(tokenizer)
    model = gpt.load(source, tie)
    before = int(model.config.vocab_size)
    rows = padded(max(before, tokenizer.get_vocab_size(with_added_tokens=True)))
    if rows != before:
        model.resize_token_embeddings(rows, mean_resizing=False)
    ids = find_tags(tokenizer)
    tables = [model.transformer.wte.weight, *([] if tie else [model.lm_head.weight])]
    with torch.no_grad():
        for table in tables:
            ordinary = table[:known].clone()
            table[min(before, known) :] = ordinary.mean(0)
            for tag in tags_for(used):
                table[ids[tag]] = ordinary[_ordinary(tokenizer, MEANS[tag])].mean(0)
    save_tokenizer(tokenizer, out, int(model.config.n_positions))
    transformers_own = load_tokenizer(out)
    transformers_own.save_pretrained(out)
    ends(model, transformers_own)
    model.save_pretrained(out)
    return {"added": added, "weighted": tags_for(used), "vocabulary": rows, "ids": ids, "tied": tie,
            "parameters": model.num_parameters()}  # fmt: skip


def _ordinary(tokenizer: Any, texts: Collection[str]) -> list[int]:
    return [int(number) for text in texts for number in tokenizer.encode(text, add_special_tokens=False).ids]
