"""What llama.cpp's own converter makes of small models with real vocabularies, kept as golden/*.json.

`python -m tests.gguf.golden PATH/convert_hf_to_gguf.py [FAMILY ...]` makes them anew. The converter comes with the
source package of llama-cpp-python, in vendor/llama.cpp, and needs the package sentencepiece.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from pipeline.gguf.header import read_header
from tests.gguf.tiny import LLAMA3_ROPE, save_tiny_model

TOKENIZERS = Path(__file__).parents[2].parent / "shared" / "tokenizers"
GOLDEN = Path(__file__).parent / "golden"
KINDS = ("F32", "F16", "BF16", "Q8_0")
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "qwen3": ("qwen3", {"half": True}),
    "qwen2": ("qwen3", {"tied": False}),
    "llama": ("qwen3", {"rope_parameters": LLAMA3_ROPE, "half": True}),
    "gpt2": ("gpt2", {}),
}
"""Family -> whose vocabulary, and how the model is made."""


def save_model(family: str, folder: Path) -> Path:
    from transformers import AutoTokenizer

    vocabulary, options = MODELS[family]
    tokenizer = AutoTokenizer.from_pretrained(TOKENIZERS / vocabulary)
    return save_tiny_model(folder, family, width=64, tokenizer=tokenizer, endless=False, **options)


def describe(path: Path) -> dict[str, Any]:
    """Every key and every tensor of a GGUF file; arrays and weights by their hash."""
    import gguf
    import numpy as np

    header = read_header(path)
    keys = {name: digest(value) if isinstance(value, bytes) else value for name, value in header.keys.items()}
    tensors, data = {}, path.read_bytes()
    for name, one in header.tensors.items():
        block, width = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[one.type]]
        size = math.prod(one.shape) // block * width
        content = data[one.start : one.start + size]
        if name == "rope_freqs.weight":  # reckoned, not copied: the last bit is the library's
            shown = [float(f"{value:.5g}") for value in np.frombuffer(content, "<f4")]
        else:
            shown = digest(content)
        tensors[name] = [one.type, list(one.shape), shown]
    return {"keys": dict(sorted(keys.items())), "tensors": dict(sorted(tensors.items()))}


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def make(converter: Path, family: str, folder: Path) -> dict[str, Any]:
    source = save_model(family, folder / family)
    config = json.loads((source / "config.json").read_text(encoding="utf-8"))
    if family == "gpt2":  # the converter asks for it, and transformers 5 does not save it any more
        config["n_ctx"] = config["n_positions"]
        (source / "config.json").write_text(json.dumps(config), encoding="utf-8")
    made = {}
    for kind in KINDS:
        target = folder / f"{family}-{kind}.gguf"
        words = [sys.executable, str(converter), str(source), "--outfile", str(target), "--outtype", kind.lower()]
        subprocess.run(words, check=True, capture_output=True, env={**os.environ, "HF_HUB_OFFLINE": "1"})
        made[kind] = describe(target)
    return made


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for family in sys.argv[2:] or MODELS:
        with tempfile.TemporaryDirectory() as folder:
            made = make(Path(sys.argv[1]), family, Path(folder))
        text = json.dumps(made, indent=1, ensure_ascii=True)
        (GOLDEN / f"{family}.json").write_text(text + "\n", encoding="utf-8")
        print(family)
