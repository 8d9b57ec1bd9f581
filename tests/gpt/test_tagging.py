from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer, GenerationConfig

from pipeline.engine.errors import DataError
from pipeline.gpt import model as gpt
from pipeline.gpt.tagging import USABLE, add_to_model, tags_for
from pipeline.gpt.tokens import EOT, TAGS, save_tokenizer, tags_of
from tests.gpt.tokenizer import tiny_tokenizer

PHASE = ("system", "user", "assistant", "eot")


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A model and a tokenizer without a tag: 257 tokens."""
    folder = tmp_path / "base"
    gpt.build(gpt.Shape(1, 2, 16, 32, 257), 1).save_pretrained(folder)
    save_tokenizer(tiny_tokenizer(tags=()), folder, 32)
    return folder


def test_used_tags_begin_as_the_mean_of_ordinary_rows_and_the_vocabulary_is_padded(base: Path, tmp_path: Path) -> None:
    done = add_to_model(base, tmp_path / "out", PHASE, tie=True)
    before = gpt.load(base, tie=True).transformer.wte.weight
    after = gpt.load(tmp_path / "out", tie=True).transformer.wte.weight
    ids = tags_of(tmp_path / "out")
    assert after.shape[0] == 320 and done["added"] == len(TAGS) == 15 and ids == done["ids"]
    assert torch.equal(after[:257], before), "ordinary rows stay"
    tokenizer = tiny_tokenizer(tags=())
    meant = [tokenizer.token_to_id(piece) for piece in "Ġend.Ċ"]
    assert torch.allclose(after[ids[EOT]], before[meant].mean(0))
    unused = [ids[tag] for tag in TAGS if tag not in tags_for(PHASE)]
    assert torch.allclose(after[unused], before.mean(0).expand(len(unused), -1)), "those are weighted by nothing"


def test_tags_that_are_there_keep_their_ids_and_unused_ones_their_rows(base: Path, tmp_path: Path) -> None:
    add_to_model(base, tmp_path / "once", PHASE, tie=True)
    done = add_to_model(tmp_path / "once", tmp_path / "twice", ("eot",), tie=True)
    once, twice = (gpt.load(tmp_path / name, tie=True).transformer.wte.weight for name in ("once", "twice"))
    assert done["added"] == 0 and tags_of(tmp_path / "once") == tags_of(tmp_path / "twice")
    others = [number for tag, number in done["ids"].items() if tag != EOT]
    assert torch.equal(once[others], twice[others])


def test_an_untied_head_is_weighted_too(base: Path, tmp_path: Path) -> None:
    done = add_to_model(base, tmp_path / "out", USABLE, tie=False)
    model = gpt.load(tmp_path / "out", tie=False)
    assert model.lm_head.weight.shape[0] == 320
    at = done["ids"][EOT]
    assert torch.allclose(model.lm_head.weight[at], model.transformer.wte.weight[at])


def test_transformers_reads_tags_as_single_tokens_and_stops_behind_an_answer(base: Path, tmp_path: Path) -> None:
    done = add_to_model(base, tmp_path / "out", PHASE, tie=True)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    said = [{"role": "user", "content": "Hi"}]
    text = tokenizer.apply_chat_template(said, tokenize=False, add_generation_prompt=True)
    assert text == "<myPT_user>Hi</myPT_user><myPT_assistant>"
    assert tokenizer(text)["input_ids"][0] == done["ids"]["<myPT_user>"]
    assert len(tokenizer) == max(done["ids"].values()) + 1, "nothing is added as it is read"
    stops = GenerationConfig.from_pretrained(tmp_path / "out").eos_token_id
    assert stops == [done["ids"]["</myPT_assistant>"], done["ids"][EOT]]


def test_a_tokenizer_without_an_end_of_document_is_refused(base: Path, tmp_path: Path) -> None:
    text = (base / "tokenizer.json").read_text(encoding="utf-8")
    (base / "tokenizer.json").write_text(text.replace("<|endoftext|>", "<|other|>"), encoding="utf-8")
    with pytest.raises(DataError, match=r"no <\|endoftext\|>"):
        add_to_model(base, tmp_path / "out", PHASE, tie=True)
