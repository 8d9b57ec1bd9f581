from __future__ import annotations

import unicodedata
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.engine.errors import DataError, StageFailed
from pipeline.gguf.convert import convert
from pipeline.gguf.model import Sampling
from pipeline.gguf.reference import HARD_TEXT, Reference
from pipeline.gguf.session import Session
from pipeline.gguf.verify import TOLERANCE, verify
from tests.gguf.texts import random_texts
from tests.gguf.tiny import save_tiny_model

QWEN3 = Path(__file__).parents[2].parent / "shared" / "tokenizers" / "qwen3"


@pytest.fixture(scope="module")
def reference(tiny: Path) -> Reference:
    return Reference.of(tiny)


def test_the_probe_is_as_llama_cpp_needs_it_and_holds_every_mark(reference: Reference) -> None:
    assert unicodedata.normalize("NFC", HARD_TEXT) == HARD_TEXT
    assert all(mark in reference.text for mark in ("<think>", "</think>", "<|im_start|>", "<|im_end|>"))
    assert len(reference.logits) == 192
    assert len(reference.prompts) == 4


@pytest.mark.parametrize("kind", ["F16", "F32"])
def test_logits_are_the_hf_models(
    tiny: Path, reference: Reference, session: Session, tmp_path: Path, kind: str
) -> None:
    convert(tiny, tmp_path / "a.gguf", kind)  # type: ignore[arg-type]
    figures = verify(session, tmp_path / "a.gguf", reference, TOLERANCE)
    assert figures["max_difference"] <= 1e-2
    assert figures["spread"] > 0.5
    assert figures["agreement"] > 0.97
    assert figures["tokens"] == len(reference.ids)
    with pytest.raises(DataError, match="No model is loaded"):  # so that the file can be renamed on Windows
        session.info()


def test_logits_of_an_untied_bf16_model(wide: Path, session: Session, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    reference = Reference.of(wide)
    # The widening layer by layer gives what the whole model in float32 gives.
    whole = AutoModelForCausalLM.from_pretrained(wide, dtype=torch.float32)
    with torch.inference_mode():
        expected = whole(torch.tensor([reference.ids[:192]])).logits[0].numpy()
    assert np.array_equal(reference.logits, expected)
    convert(wide, tmp_path / "a.gguf", "F16")
    figures = verify(session, tmp_path / "a.gguf", reference, TOLERANCE)
    assert figures["max_difference"] <= 1e-2


def test_greedy_text_is_the_hf_models(tiny: Path, plain: Path, session: Session) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(tiny), AutoModelForCausalLM.from_pretrained(tiny)
    session.load(plain)
    clear = 0
    for word in ("Why", "Name three", "def add(", "1 2 3", "the sky"):
        turns = [{"role": "user", "content": word}]
        prompt = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        assert session.render(turns) == prompt
        ids = tokenizer.encode(prompt, add_special_tokens=False)
        start, margin = len(ids), 1.0
        while len(ids) < start + 10 and ids[-1] != tokenizer.eos_token_id:
            with torch.inference_mode():
                logits = model(torch.tensor([ids])).logits[0, -1]
            best, second = logits.topk(2).values.tolist()
            margin = min(margin, best - second)
            ids.append(int(logits.argmax()))
        if margin > 0.03:  # where two tokens are all but equal, rounding may choose
            clear += 1
            theirs = tokenizer.decode(ids[start:], skip_special_tokens=True)
            assert "".join(session.generate(prompt, Sampling(10))) == theirs, word
    assert clear >= 3


def test_token_ids_on_random_texts(tiny: Path, plain: Path, session: Session) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny)
    session.load(plain)
    for text in random_texts(300):
        assert session.tokenize(text) == tokenizer.encode(text, add_special_tokens=False), repr(text)


@pytest.mark.slow
@pytest.mark.skipif(not QWEN3.is_dir(), reason="Qwen3's real vocabulary is not beside the repository")
def test_token_ids_with_qwen3s_own_vocabulary(tmp_path: Path, session: Session) -> None:
    import torch
    from transformers import AutoTokenizer, Qwen3Config, Qwen3ForCausalLM

    tokenizer = AutoTokenizer.from_pretrained(QWEN3)
    config = Qwen3Config(
        vocab_size=151936, hidden_size=32, intermediate_size=32, num_hidden_layers=1, num_attention_heads=1,
        num_key_value_heads=1, head_dim=32, max_position_embeddings=512, tie_word_embeddings=True,
    )  # fmt: skip
    Qwen3ForCausalLM(config).to(torch.bfloat16).save_pretrained(tmp_path / "real")
    tokenizer.save_pretrained(tmp_path / "real")
    convert(tmp_path / "real", tmp_path / "real.gguf", "Q8_0")
    info = session.load(tmp_path / "real.gguf")
    assert info.vocabulary == 151936
    assert info.eos == 151645
    assert info.metadata["tokenizer.chat_template"] == tokenizer.chat_template
    for text in [HARD_TEXT, *random_texts(100)]:
        assert session.tokenize(text) == tokenizer.encode(text, add_special_tokens=False), repr(text)


def test_each_difference_fails_by_its_own_name(plain: Path, reference: Reference, session: Session) -> None:
    ids = list(reference.ids)
    ids[7] += 1
    first = reference.prompts[0]
    wrong = {
        "tokenises differently[\\s\\S]*Token 7 ": replace(reference, ids=ids),
        "tokenises": replace(reference, ids=reference.ids[:-1]),
        "template is not": replace(reference, template="{{ messages }}"),
        "another prompt": replace(reference, prompts=[(first[0], first[1], first[2] + " ")]),
        "end of a turn": replace(reference, end_of_turn=reference.end_of_turn + 1),
        "logits are not": replace(reference, logits=np.roll(reference.logits, 1, axis=1)),
    }
    for what, changed in wrong.items():
        with pytest.raises(StageFailed, match=what):
            verify(session, plain, changed, TOLERANCE)


def test_a_single_wrong_row_of_the_embedding_shows(reference: Reference, session: Session, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    source = save_tiny_model(tmp_path / "off")
    weights = load_file(source / "model.safetensors")
    weights["model.embed_tokens.weight"][300] *= 1.5
    save_file(weights, source / "model.safetensors")
    convert(source, tmp_path / "off.gguf", "F16")
    with pytest.raises(StageFailed, match="logits are not"):
        verify(session, tmp_path / "off.gguf", reference, TOLERANCE)
    assert "agreement" in verify(session, tmp_path / "off.gguf", reference, None)
