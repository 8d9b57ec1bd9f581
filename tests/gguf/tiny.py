"""Small random models of each family, which llama.cpp answers in milliseconds; tokenizers that split as theirs do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipeline.gguf.pre_tokenizers import BYTES, GPT2, LLAMA3

TEXTS = [
    "Why is the sky blue? Because short waves scatter more than long ones; don't they? We'll see.",
    "Name three rivers, please: the Rhine, the Danube and the Elbe. There are 12 or 123 of them.",
    "def add(first, second):\n    return first + second\n\n\nprint(add(1, 2))\n",
    "Grüße, naïve café, Русский язык, 日本語のテキスト, 한국어, हिन्दी.  Two  spaces\tand tabs.\r\n",
]
FAMILIES = ("qwen3", "qwen2", "llama", "gpt2")
LLAMA3_ROPE = {
    "rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}  # fmt: skip
LLAMA3_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<|start_header_id|>{{ message.role }}<|end_header_id|>\n\n"
    "{{ message.content | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)


def save_tiny_model(
    folder: Path,
    family: str = "qwen3",
    *,
    width: int = 128,
    tied: bool = True,
    half: bool = False,
    shards: int = 1,
    tokenizer: Any = None,
    endless: bool = True,
    **settings: Any,
) -> Path:
    """A model directory, of the same bytes whatever the version of torch; `half` stores bf16, `settings` go to the
    config, `endless` makes the end of an answer unlikely.

    Heads are wider than the model divided by them where the family can have it so, and the embedding has rows without a
    token.
    """
    import torch

    tokenizer = tokenizer or tokenizer_of(family)
    model = build(family, tokenizer, width, tied, settings)
    fill(model)
    if endless:
        model.get_output_embeddings().weight.data[sorted(tokenizer.get_added_vocab().values())] *= 0.1
    model.to(torch.bfloat16 if half else torch.float32)
    size = sum(weights.numel() * weights.element_size() for weights in model.parameters())
    model.save_pretrained(folder, max_shard_size=size // shards + 1 if shards > 1 else "5GB")
    tokenizer.save_pretrained(folder)
    return folder


def build(family: str, tokenizer: Any, width: int, tied: bool, settings: dict[str, Any]) -> Any:
    import transformers

    rows = len(tokenizer) // 32 * 32 + 64
    if family == "gpt2":
        config = transformers.GPT2Config(
            vocab_size=rows, n_embd=width, n_layer=2, n_head=4, n_positions=512, tie_word_embeddings=tied,
            bos_token_id=tokenizer.eos_token_id, eos_token_id=tokenizer.eos_token_id, **settings,
        )  # fmt: skip
        return transformers.GPT2LMHeadModel(config)
    name = family.title()
    shape = {"head_dim": 64} if family in ("qwen3", "llama") else {}
    config = getattr(transformers, f"{name}Config")(
        **{
            "vocab_size": rows,
            "hidden_size": width,
            "intermediate_size": 2 * width,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": 512,
            "rope_parameters": {"rope_type": "default", "rope_theta": 20000.0},
            "rms_norm_eps": 1e-5,
            "tie_word_embeddings": tied,
            "bos_token_id": tokenizer.bos_token_id,
            "eos_token_id": tokenizer.eos_token_id,
            **shape,
            **settings,
        }
    )
    return getattr(transformers, f"{name}ForCausalLM")(config)


def fill(model: Any) -> None:
    """Random weights that depend on nothing but their names and shapes."""
    import numpy as np
    import torch

    for name, weights in sorted(model.named_parameters()):
        chance = np.random.default_rng(list(name.encode()))
        is_norm = ("norm" in name or "ln_" in name) and name.endswith("weight")
        values = chance.uniform(0.5, 1.5, weights.shape) if is_norm else chance.normal(0, 0.06, weights.shape)
        weights.data = torch.from_numpy(values.astype(np.float32))
    model.tie_weights()


def tokenizer_of(family: str) -> Any:
    """One that splits as the family's own does, trained on TEXTS."""
    from pipeline.training.tokenizer import train_tokenizer

    if family == "gpt2":
        return train_bpe((GPT2, BYTES), ["<|endoftext|>"], eos_token="<|endoftext|>", bos_token="<|endoftext|>")
    if family == "llama":
        marks = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
        tokenizer = train_bpe(
            (LLAMA3, BYTES), marks, whole_words=True, eos_token=marks[1], bos_token=marks[0],
            chat_template=LLAMA3_TEMPLATE,
        )  # fmt: skip
        return adding_bos(tokenizer)
    return train_tokenizer(TEXTS * 3, 400, 512)


def train_bpe(done: tuple[str, ...], marks: list[str], whole_words: bool = False, **roles: Any) -> Any:
    """A byte-level BPE tokenizer whose pre-tokenizer does these steps, as `pre_tokenizers.KNOWN` words them."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    splits = [pre_tokenizers.Split(Regex(step), "isolated") for step in done if step != BYTES]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*splits, pre_tokenizers.ByteLevel(False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(TEXTS * 3, trainer)
    if whole_words:
        content = json.loads(tokenizer.to_str())
        content["model"]["ignore_merges"] = True
        tokenizer = Tokenizer.from_str(json.dumps(content))
    tokenizer.add_tokens([AddedToken(mark, special=True, normalized=False) for mark in marks])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=512, **roles)


def adding_bos(tokenizer: Any) -> Any:
    """The tokenizer, with its bos before every text."""
    from tokenizers.processors import TemplateProcessing

    bos = tokenizer.bos_token
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single=f"{bos} $A", pair=f"{bos} $A {bos} $B", special_tokens=[(bos, tokenizer.bos_token_id)]
    )
    return tokenizer
