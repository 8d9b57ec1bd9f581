import random
from pathlib import Path

import pytest

from pipeline.training.tokenizer import MARKS, SPECIAL, chat_template, train_tokenizer

REAL = Path(__file__).parents[2].parent / "shared" / "tokenizers" / "qwen3"
TEXTS = [
    "Nobody has measured the soil.",
    "The slope is steep, the soil is sandy; it's 42 % wet.\n",
    "We'll see, they've gone.",
]
HARD = (
    "It's  3.14159 - naïve café, e\u0301tude.\n\n\n  we'LL try:  日本語 123456\t🙂 don't\r\n"
    "x = [1, 2]; <|im_start|>user\nhi<|im_end|> <think>\n\n</think>\n  trailing  "
)
TALK = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "One?"},
    {"role": "assistant", "content": "<think>\nhm\n</think>\n\nTwo."},
    {"role": "user", "content": "And now?"},
]
MODES = [{}, {"enable_thinking": True}, {"enable_thinking": False}]


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(TEXTS * 20, 400, 512)


@pytest.fixture(scope="module")
def real():
    if not REAL.is_dir():
        pytest.skip("Qwen3's own tokenizer is not beside this checkout")
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(REAL)


def test_any_text_survives_the_round_trip(tokenizer):
    import unicodedata

    assert tokenizer.decode(tokenizer.encode(HARD)) == unicodedata.normalize("NFC", HARD)


def test_marks_are_single_tokens_and_only_turns_are_special(tokenizer):
    for mark in (*SPECIAL, *MARKS):
        assert len(tokenizer.encode(mark)) == 1
    shown = tokenizer.decode(tokenizer.encode("<|im_start|>a<think>b</think><|im_end|>"), skip_special_tokens=True)
    assert shown == "a<think>b</think>"
    assert (tokenizer.eos_token, tokenizer.pad_token, tokenizer.bos_token) == ("<|im_end|>", "<|endoftext|>", None)


def test_training_is_deterministic_and_learns_the_words(tokenizer):
    again = train_tokenizer(TEXTS * 20, 400, 512)
    assert again.backend_tokenizer.to_str() == tokenizer.backend_tokenizer.to_str()
    assert len(tokenizer) <= 400
    assert len(tokenizer.encode(" soil")) == 1


def test_a_saved_tokenizer_loads_as_it_was(tokenizer, tmp_path):
    from transformers import AutoTokenizer, Qwen3Config

    Qwen3Config().save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    assert loaded.encode(HARD) == tokenizer.encode(HARD)
    assert loaded.chat_template == chat_template()


def test_text_is_split_as_qwen3_splits_it(tokenizer, real):
    def pieces(tokenizer, text):
        backend = tokenizer.backend_tokenizer
        return backend.pre_tokenizer.pre_tokenize_str(backend.normalizer.normalize_str(text))

    draw = random.Random(1)
    noise = ["".join(draw.choices(" \n\t'aZé9½日🙂.,-\r_sSdD", k=60)) for _ in range(200)]
    for text in [HARD, *TEXTS, *noise]:
        assert pieces(tokenizer, text) == pieces(real, text)


@pytest.mark.parametrize("mode", MODES)
def test_chats_are_rendered_as_qwen3_renders_them(tokenizer, real, mode):
    for talk in (TALK, TALK[:3]):
        options = {"tokenize": False, "add_generation_prompt": talk is TALK, **mode}
        assert tokenizer.apply_chat_template(talk, **options) == real.apply_chat_template(talk, **options)


def test_the_template_has_both_modes_and_drops_past_thoughts(tokenizer):
    def render(**mode):
        return tokenizer.apply_chat_template(TALK, tokenize=False, add_generation_prompt=True, **mode)

    assert render().endswith("<|im_start|>assistant\n")
    assert render(enable_thinking=False).endswith("<|im_start|>assistant\n<think>\n\n</think>\n\n")
    assert "hm" not in render() and "Two." in render()


def test_trl_trains_with_this_template(tokenizer):
    from trl.chat_template_utils import get_training_chat_template

    assert "{%- generation %}" in get_training_chat_template(tokenizer)
