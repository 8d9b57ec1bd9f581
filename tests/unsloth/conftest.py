"""Everything here needs the real Unsloth and bitsandbytes, and never imports Unsloth in this process: it would change
TRL for all tests to come."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from tests.training.rig import inputs

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    missing = [name for name in ("unsloth", "bitsandbytes") if importlib.util.find_spec(name) is None]
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.unsloth)
            if missing:
                item.add_marker(pytest.mark.skip(reason=f"{' and '.join(missing)} not installed: see .ci/run"))


@pytest.fixture(scope="session")
def given(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Inputs with a model wide enough for bitsandbytes' layout for AVX512, which stops gradients."""
    return inputs(tmp_path_factory.mktemp("given"), width=64)
