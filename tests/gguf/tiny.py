"""Random Qwen3 models that llama.cpp answers in milliseconds, with Qwen3's pre-tokenizer, marks and chat template."""

from __future__ import annotations

from pathlib import Path

TEXTS = [
    "Why is the sky blue? Because short waves scatter more than long ones; don't they? We'll see.",
    "Name three rivers, please: the Rhine, the Danube and the Elbe. There are 12 or 123 of them.",
    "def add(first, second):\n    return first + second\n\n\nprint(add(1, 2))\n",
    "Grüße, naïve café, Русский язык, 日本語のテキスト, 한국어, हिन्दी.  Two  spaces\tand tabs.\r\n",
]


def save_tiny_model(folder: Path, *, width: int = 128, tied: bool = True, half: bool = False, shards: int = 1) -> Path:
    """A model directory; `half` stores bf16. Heads are wider than the model divided by them, as in Qwen3, and the
    embedding has rows without a token."""
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    from pipeline.training.tokenizer import train_tokenizer

    tokenizer = train_tokenizer(TEXTS * 3, 400, 512)
    config = Qwen3Config(
        vocab_size=len(tokenizer) // 32 * 32 + 64,
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=64,
        max_position_embeddings=512,
        rope_parameters={"rope_type": "default", "rope_theta": 20000.0},
        rms_norm_eps=1e-5,
        tie_word_embeddings=tied,
        initializer_range=0.06,
        eos_token_id=tokenizer.eos_token_id,
    )
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = Qwen3ForCausalLM(config)
        for name, weights in model.named_parameters():
            if "norm" in name:
                torch.nn.init.uniform_(weights, 0.5, 1.5)
    model.to(torch.bfloat16 if half else torch.float32)
    size = sum(weights.numel() * weights.element_size() for weights in model.parameters())
    model.save_pretrained(folder, max_shard_size=size // shards + 1 if shards > 1 else "5GB")
    tokenizer.save_pretrained(folder)
    return folder
