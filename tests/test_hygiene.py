"""What may not be imported: heaviness at the door is felt at every start."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "transformers", "trl", "peft", "datasets", "accelerate", "llama_cpp", "gguf", "google", "openai",
         "unsloth", "numpy", "matplotlib")  # fmt: skip


def modules_after(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print('\\n'.join(sys.modules))"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return set(done.stdout.splitlines())


HELP = """
import sys
sys.argv = ["pipeline", "--help"]
from pipeline.cli import main
try:
    main()
except SystemExit:
    pass
"""


def test_help_loads_neither_the_catalog_nor_anything_heavy() -> None:
    modules = modules_after(HELP)
    assert not modules & {*HEAVY, "pipeline.catalog", "pydantic"}
    assert "typer" in modules


@pytest.mark.parametrize(
    "module", ["pipeline.catalog", "pipeline.engine.runner", "pipeline.worker", "pipeline.engine.view"]
)
def test_light_rooms_stay_light(module: str) -> None:
    assert not modules_after(f"import {module}") & set(HEAVY)


PAINT = """
import asyncio, sys, tempfile
from pathlib import Path
import tui.__main__
from tui.app import Cockpit
async def paint(root):
    async with Cockpit(root, home=root).run_test(size=(120, 40)) as pilot:
        await pilot.pause()
with tempfile.TemporaryDirectory() as root:
    asyncio.run(paint(Path(root)))
"""


def test_the_first_paint_of_the_screen_waits_for_nothing_that_it_can_do_without() -> None:
    modules = modules_after(PAINT)
    spared = {*HEAVY, "pydantic", "typer", "urllib.request", "pynvml", "pipeline.catalog", "pipeline.engine.stage"}
    assert not modules & spared
    assert "tui.screens.run" in modules
