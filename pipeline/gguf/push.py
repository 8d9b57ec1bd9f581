"""Uploads a bundle to a model hub. Only ever called where a person asked for it by name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipeline.engine.errors import MissingDependency, ProviderError

KEY = "HF_TOKEN"
"""The environment variable that huggingface_hub reads the key from."""


def push(folder: Path, files: Sequence[str], repository: str) -> str:
    """Upload those files of `folder` to a repository, made as a private one where there is none; returns its address.

    The key comes from the environment, or from where huggingface_hub keeps it after a login. Raises ProviderError.
    """
    try:
        from httpx import HTTPError
        from huggingface_hub import HfApi
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError
    except ModuleNotFoundError:
        raise MissingDependency.of_extra("huggingface_hub", "gguf") from None
    api = HfApi()
    try:
        address = api.create_repo(repository, private=True, exist_ok=True, repo_type="model")
        api.upload_folder(
            repo_id=repository, folder_path=folder, allow_patterns=list(files), commit_message="Export to GGUF"
        )
    except (HfHubHTTPError, HFValidationError, LocalTokenNotFoundError, HTTPError, OSError, ValueError) as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ProviderError(
            f"The bundle could not be pushed to {repository}.",
            why,
            f"Set {KEY} to a token that may write there, check the name, and run again; the files are kept.",
        ) from None
    return str(address)
