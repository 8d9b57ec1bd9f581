"""Models, adapters and GGUF files made elsewhere: what a path holds, and the files of it that are brought in."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pipeline.engine.errors import DataError
from pipeline.engine.rows import Row, read_json
from pipeline.gguf.header import read_header
from pipeline.training.fetch import TOKENIZERS, WANTED, model_files

Kind = Literal["model", "adapter", "gguf"]
ADAPTER, ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


def kind_of(source: Path) -> Kind | None:
    """What a file or folder is, by what lies in it; None where it is none of these."""
    if source.is_file():
        with source.open("rb") as file:
            return "gguf" if file.read(4) == b"GGUF" else None
    if (source / ADAPTER).is_file():
        return "adapter"
    if (source / "config.json").is_file():
        return "model"
    return "gguf" if any(source.glob("*.gguf")) else None


def files_of(kind: Kind, source: Path) -> list[Path]:
    """The files that an artifact of that kind is made of. Raises DataError where something is missing or broken."""
    if kind == "model":
        return model_files(source)
    if kind == "adapter":
        return _adapter_files(source)
    files = [source] if source.is_file() else sorted(source.glob("*.gguf"))
    if not files:
        raise DataError(f"{source} is no GGUF file, and holds none.", "", "Name a file that ends in .gguf.")
    for file in files:
        read_header(file)
    return files


def describe(kind: Kind, source: Path) -> Row:
    """What a person may want to know of it, for the artifact's summary."""
    if kind == "model":
        config = read_json(source / "config.json")
        return {"architecture": config.get("model_type", ""), "dtype": config.get("dtype", config.get("torch_dtype"))}
    if kind == "adapter":
        config = read_json(source / ADAPTER)
        return {key: config.get(key) for key in ("base_model_name_or_path", "r", "lora_alpha", "target_modules")}
    files = files_of(kind, source)
    headers = {file: read_header(file) for file in files}
    first = headers[files[0]].keys
    return {
        "architecture": first.get("general.architecture", ""),
        "model_name": first.get("general.name", ""),
        "chat_template": "tokenizer.chat_template" in first,
        "files": {
            file.name: {"bytes": file.stat().st_size, "tensors": header.types()} for file, header in headers.items()
        },
    }


def _adapter_files(source: Path) -> list[Path]:
    mend = "Name a folder as PEFT's save_pretrained writes it."
    if not (source / ADAPTER).is_file():
        raise DataError(f"{source} is no adapter.", f"It holds no {ADAPTER}.", mend)
    if not (source / ADAPTER_WEIGHTS).is_file():
        why = "Weights of other formats are not read, for they may hold code."
        raise DataError(f"{source} lacks {ADAPTER_WEIGHTS}.", why, mend)
    kind = read_json(source / ADAPTER).get("peft_type")
    if kind != "LORA":
        raise DataError(f"{source} is an adapter of kind {kind}.", "Only LoRA can be merged here.", mend)
    beside = {path for pattern in WANTED for path in source.glob(pattern) if path.suffix != ".safetensors"}
    return sorted({*beside, source / ADAPTER_WEIGHTS})


def tokenizer_of(adapter: Path, model: Path) -> Path:
    """The folder whose tokenizer an adapter was trained with: its own, else, as many are saved without, its model's."""
    return adapter if any((adapter / name).is_file() for name in TOKENIZERS) else model
