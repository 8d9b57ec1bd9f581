"""A step of the command line whose Unsloth fails, at import or in its first step: one alert says why, it finishes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.engine.rows import Row, read_json, read_rows

BROKEN = {
    "import": "raise ImportError('operator torchvision::nms does not exist')\n",
    # The real one, but for its adapters, whose forward pass ends as a kernel does that was compiled for another GPU.
    "step": """
import importlib.util, pathlib, sys
here = str(pathlib.Path(__file__).parents[1])
sys.path.remove(here)
del sys.modules["unsloth"]
import unsloth as real
sys.path.insert(0, here)
adapt = real.FastLanguageModel.get_peft_model
def get_peft_model(*args, **settings):
    model = adapt(*args, **settings)
    def forward(*_, **__):
        raise RuntimeError("no kernel image is available for execution on the device")
    model.forward = forward
    return model
real.FastLanguageModel.get_peft_model = staticmethod(get_peft_model)
""",
}
SAID = {"import": "torchvision::nms", "step": "no kernel image"}


@pytest.mark.parametrize("place", ["import", "step"])
def test_a_step_finishes_without_an_unsloth_that_fails(place: str, given: dict[str, Path], tmp_path: Path) -> None:
    package = tmp_path / "packages" / "unsloth"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(BROKEN[place], encoding="utf-8")
    path = os.pathsep.join([str(package.parent), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    out, root = tmp_path / "out", tmp_path / "root"
    root.mkdir()
    command = [sys.executable, "-m", "pipeline", "stage", "sft", "--model", given["model"], "--scores", given["scores"],
               "--max-steps", "2", "--max-seq-length", "512", "--out", out, "--root", root]  # fmt: skip
    done = subprocess.run(
        [str(word) for word in command],
        env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    made = read_json(out / "made.json")
    assert made["summary"]["backend"] == "standard"
    assert SAID[place] in made["effective"]["backend"]["why"]
    assert len([text for text in _alerts(root) if SAID[place] in text]) == 1


def _alerts(root: Path) -> list[str]:
    """Texts of the alerts, without the notes on settings."""
    (events,) = root.rglob("events.jsonl")
    rows: list[Row] = [row["data"] for row in read_rows(events) if row["kind"] == "alert"]
    return [row["text"] for row in rows if row.get("level") != "note"]
