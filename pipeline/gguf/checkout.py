"""llama.cpp's own converter, for the architectures that ours does not know: run from a checkout that a person named."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from pipeline.engine.errors import ConfigError, StageFailed
from pipeline.engine.fingerprints import path_hash
from pipeline.engine.rows import content_hash
from pipeline.gguf.convert import About, Kind

CONVERTER = "convert_hf_to_gguf.py"
PARTS = ("conversion", "gguf-py/gguf")
"""Folders of the checkout that the converter is made of."""
LAST_WORDS = 1500
"""Characters of what it printed that an error shows."""


def find_converter(checkout: Path) -> Path:
    """Raises ConfigError where the folder is no checkout."""
    converter = checkout.expanduser() / CONVERTER
    if not converter.is_file():
        raise ConfigError(
            f"{checkout} is no checkout of llama.cpp.",
            f"It has no {CONVERTER}.",
            "Name the folder that `git clone https://github.com/ggml-org/llama.cpp` made.",
        )
    return converter


def converter_hash(checkout: Path) -> str:
    """Of the code that converts, and of nothing else in the checkout."""
    converter = find_converter(checkout)
    parts = [converter, *(part for name in PARTS for part in sorted((converter.parent / name).glob("*.py")))]
    return content_hash([path_hash(part) for part in parts])


def convert_elsewhere(checkout: Path, source: Path, target: Path, kind: Kind, about: About) -> None:
    """Write the model in `source` as `target` by the checkout's converter, under a temporary name first.

    Raises StageFailed with its last words where it fails.
    """
    temporary = target.with_name(target.name + ".part")
    told = {"general.name": about.name, "general.license": about.license}
    with tempfile.TemporaryDirectory() as folder:
        metadata = Path(folder) / "metadata.json"
        metadata.write_text(json.dumps({key: text for key, text in told.items() if text}), encoding="utf-8")
        words = [
            sys.executable, str(find_converter(checkout)), str(source), "--outfile", str(temporary),
            "--outtype", kind.lower(), "--metadata", str(metadata),
        ]  # fmt: skip
        try:
            done = subprocess.run(
                words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, stdin=subprocess.DEVNULL
            )
            if done.returncode != 0 or not temporary.is_file():
                printed = done.stdout.decode("utf-8", "replace").strip()[-LAST_WORDS:]
                raise StageFailed(
                    f"llama.cpp's converter failed on {source} (exit code {done.returncode}).",
                    f"Its last words: {printed}" if printed else "It said nothing.",
                    "Install what it asks for, update the checkout, or use a model of an architecture it knows.",
                )
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
