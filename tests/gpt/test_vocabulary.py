from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.engine.errors import DataError, ProviderError
from pipeline.gpt.tokens import END, add_tags, padded, save_tokenizer
from pipeline.gpt.vocabulary import gpt2, train_bpe
from tests.gpt.tokenizer import tiny_tokenizer

GPT2 = Path(__file__).parents[2].parent / "shared" / "tokenizers" / "gpt2"


def test_a_vocabulary_trained_here_is_small_and_gives_text_back() -> None:
    texts = ["the rain in spain", "the plain rain", "über grüne Wiesen"] * 3
    tokenizer = train_bpe(iter(texts), 270)
    assert tokenizer.get_vocab_size() <= 270 and tokenizer.token_to_id(END) == tokenizer.get_vocab_size() - 1
    assert tokenizer.get_vocab() == train_bpe(iter(texts), 270).get_vocab()
    for text in ("the rain", "Žluťoučký kůň 🐎", "a  b\n"):
        assert tokenizer.decode(tokenizer.encode(text).ids) == text
    assert len(tokenizer.encode("the rain").ids) < len("the rain")


@pytest.mark.skipif(not GPT2.is_dir(), reason="needs GPT-2's vocabulary")
def test_gpt2_with_the_tags_has_the_size_of_the_notes() -> None:
    tokenizer = gpt2(str(GPT2))
    assert tokenizer.encode("Hello world").ids == [15496, 995]
    assert add_tags(tokenizer) == 15 and padded(tokenizer.get_vocab_size()) == 50304
    assert tokenizer.token_to_id("<myPT_system>") == 50257


def test_neither_a_folder_nor_the_hub_and_another_vocabulary_are_errors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda *_: (_ for _ in ()).throw(OSError("no network")))
    with pytest.raises(ProviderError, match="cannot be had") as caught:
        gpt2("somebody/gpt2")
    assert caught.value.why == "no network" and "name a folder" in caught.value.mend
    save_tokenizer(tiny_tokenizer(), tmp_path, 64)
    with pytest.raises(DataError, match="does not hold GPT-2's vocabulary"):
        gpt2(str(tmp_path))
