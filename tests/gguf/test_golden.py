"""Our files against those of llama.cpp's own converter, tensor by tensor and key by key; see golden.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest

from pipeline.gguf.convert import Kind, convert
from tests.gguf.golden import GOLDEN, KINDS, MODELS, TOKENIZERS, describe, save_model

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not TOKENIZERS.is_dir(), reason="the real vocabularies are not beside the repository"),
]


@pytest.mark.parametrize("family", MODELS)
def test_every_tensor_and_every_key_is_theirs(family: str, tmp_path: Path) -> None:
    golden = json.loads((GOLDEN / f"{family}.json").read_text(encoding="utf-8"))
    source = save_model(family, tmp_path / family)
    for kind in KINDS:
        path = tmp_path / "a.gguf"
        convert(source, path, cast(Kind, kind))
        ours, theirs = describe(path), golden[kind]
        assert ours["tensors"] == theirs["tensors"], kind
        assert differing(ours["keys"], theirs["keys"]) == {}, kind


def differing(ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Keys with another value. The name is ours to give; of what a tokenizer adds to a text both write only a part, and
    what is left out means False for these pre-tokenizers."""
    meant = dict.fromkeys((f"tokenizer.ggml.add_{role}_token" for role in ("bos", "eos")), False)
    ours, theirs = meant | ours, meant | theirs
    keys = (ours.keys() | theirs.keys()) - {"general.name"}
    return {key: (ours.get(key), theirs.get(key)) for key in keys if ours.get(key) != theirs.get(key)}
