"""A tiny model that talks for minutes: a context of a million tokens, and greedy answers that never come to an end."""

from __future__ import annotations

import json
from pathlib import Path

from pipeline.gguf.convert import About, convert
from tests.gguf.tiny import save_tiny_model

CONTEXT, TOKENS = 20_000, 19_000
"""What to load it with, and to ask of it: about a minute of an answer, at temperature 0."""


def make_endless(folder: Path) -> Path:
    source = save_tiny_model(folder / "hf")
    config = json.loads((source / "config.json").read_text(encoding="utf-8"))
    config["max_position_embeddings"] = 2**30
    (source / "config.json").write_text(json.dumps(config), encoding="utf-8")
    convert(source, folder / "endless.gguf", "F16", About("endless"))
    return folder / "endless.gguf"
