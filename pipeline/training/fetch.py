"""Brings a model from the hub or a folder: safetensors, config and tokenizer, and never any code."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from pipeline.engine.errors import DataError, MissingDependency, ProviderError
from pipeline.engine.rows import read_json

WANTED = ("*.json", "*.safetensors", "*.jinja", "*.model", "merges.txt", "vocab.txt")
INDEX = "model.safetensors.index.json"
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "spiece.model")
PATIENCE = 5.0
"""Seconds to wait for the hub to name a commit."""


def commit_of(repository: str, revision: str) -> str:
    """The commit a revision of a hub model stands for: asked of the hub, else as the local cache knows it, else ""."""
    if re.fullmatch(r"[0-9a-f]{40}", revision):
        return revision
    try:
        from httpx import HTTPError
        from huggingface_hub import HfApi, constants
        from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled
    except ModuleNotFoundError:
        return ""
    try:
        return HfApi().model_info(repository, revision=revision, timeout=PATIENCE).sha or ""
    except (HfHubHTTPError, OfflineModeIsEnabled, HTTPError, OSError):
        reference = Path(constants.HF_HUB_CACHE) / f"models--{repository.replace('/', '--')}" / "refs" / revision
        return reference.read_text(encoding="utf-8").strip() if reference.is_file() else ""


def download(repository: str, commit: str) -> Path:
    """The folder of the hub's cache that holds the model. Raises ProviderError where it cannot be had."""
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import GatedRepoError, LocalEntryNotFoundError, RepositoryNotFoundError
        from huggingface_hub.utils import disable_progress_bars
    except ModuleNotFoundError:
        raise MissingDependency.of_extra("huggingface_hub", "train") from None
    disable_progress_bars()
    what = f"The model {repository} ({commit}) could not be fetched."
    try:
        folder = snapshot_download(repository, revision=commit, allow_patterns=list(WANTED), ignore_patterns=["*/*"])
    except GatedRepoError:
        mend = "Accept its terms on its page, then set HF_TOKEN to a token of yours."
        raise ProviderError(what, "Its owners ask for consent first.", mend) from None
    except RepositoryNotFoundError:
        mend = "Check the id and the revision; for a private model set HF_TOKEN."
        raise ProviderError(what, "The hub knows no such model, or shows it only to some.", mend) from None
    except LocalEntryNotFoundError:
        raise ProviderError(
            what,
            "The hub cannot be reached from here, and the model is not whole in the local cache.",
            "Connect to the network and run again, or copy the model here and name its folder as `source`.",
        ) from None
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ProviderError(what, reason, "Run again, or name a folder that holds the model as `source`.") from None
    return Path(folder)


def hub_sizes(repository: str, commit: str) -> dict[str, int]:
    """Bytes of every file that `download` would bring, by name; empty where the hub does not tell."""
    from httpx import HTTPError
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    try:
        found = HfApi().model_info(repository, revision=commit, files_metadata=True, timeout=PATIENCE).siblings or []
    except (HfHubHTTPError, OfflineModeIsEnabled, HTTPError, OSError):
        return {}
    return {
        file.rfilename: file.size
        for file in found
        if file.size is not None
        and "/" not in file.rfilename
        and any(fnmatch(file.rfilename, pattern) for pattern in WANTED)
    }


def hub_config(repository: str, commit: str) -> dict[str, Any] | None:
    """The config.json of a hub model, which is small enough to be fetched for a plan; None where it cannot be had."""
    from httpx import HTTPError
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        found = read_json(Path(hf_hub_download(repository, "config.json", revision=commit, etag_timeout=PATIENCE)))
    except (HfHubHTTPError, HTTPError, OSError, ValueError, DataError):
        return None
    return found if isinstance(found, dict) else None


def model_files(folder: Path) -> list[Path]:
    """The files of a Hugging Face causal language model, by name. Raises DataError where something is missing."""
    mend = "Name a folder with config.json, safetensors and a tokenizer, as save_pretrained writes it."
    if not folder.is_dir():
        raise DataError(f"There is no model folder {folder}.", "", mend)
    config = read_json(folder / "config.json")
    architectures = config.get("architectures") or []
    if not any(name.endswith(("ForCausalLM", "LMHeadModel")) for name in architectures):
        raise DataError(f"{folder} is no causal language model.", f"Its architectures: {architectures}.", mend)
    index = folder / INDEX
    weights = set(read_json(index)["weight_map"].values()) if index.is_file() else {"model.safetensors"}
    if missing := sorted(name for name in weights if not (folder / name).is_file()):
        why = "Weights of other formats are not read, for they may hold code." if not index.is_file() else ""
        raise DataError(f"{folder} lacks {', '.join(missing)}.", why, mend)
    if not any((folder / name).is_file() for name in TOKENIZERS):
        raise DataError(f"{folder} holds no tokenizer.", "", mend)
    wanted = {path for pattern in WANTED for path in folder.glob(pattern) if path.is_file()}
    return sorted(path for path in wanted if path.suffix != ".safetensors" or path.name in weights)


def bring(files: Iterable[Path], out: Path, each: Callable[[int], None]) -> None:
    """Hard-link files into `out`, or copy them where that cannot be; `each` is told how many there are so far."""
    for count, path in enumerate(files, 1):
        target = out / path.name
        target.unlink(missing_ok=True)
        try:
            os.link(path.resolve(), target)
        except OSError:
            shutil.copyfile(path, target)
        each(count)
