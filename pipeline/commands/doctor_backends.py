"""What `doctor` says of who trains: Unsloth, bitsandbytes and Triton, each tried in a process of its own.

Unsloth alters other libraries as it is imported, and bitsandbytes imports well where its first call fails.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata

from packaging.requirements import InvalidRequirement, Requirement

from pipeline.engine.rows import Row

CAPPED = ("torch", "trl", "transformers", "peft", "datasets", "bitsandbytes")
"""What Unsloth is particular about."""
TRY_UNSLOTH = "from pipeline.training.load import import_unsloth; import_unsloth(); answer = {}"
TRY_BITS = (
    "from pipeline.training.bits import no_adamw_8bit, no_nf4; answer = {'nf4': no_nf4(), 'adamw': no_adamw_8bit()}"
)
STANDARD = "Until then steps train with Hugging Face and PEFT."


def backends(gpu: str, torch: Row | None) -> list[Row]:
    """One row for each that is installed. `gpu` and `torch` as in `doctor.torch_and_gpu`."""
    if torch is None or "error" in torch:
        return []
    rows = []
    if importlib.util.find_spec("unsloth"):
        outside = outside_ceilings(metadata.requires("unsloth") or [], versions(CAPPED))
        rows += unsloth(ask(TRY_UNSLOTH), outside, cuda=bool(torch["cuda"]))
        if gpu:
            rows.append(triton(importlib.util.find_spec("triton") is not None, sys.platform))
    if importlib.util.find_spec("bitsandbytes"):
        rows.append(bitsandbytes(ask(TRY_BITS)))
    return rows


def ask(code: str) -> Row:
    """`answer` as the code leaves it, in a fresh Python; {"error": its last words} where it ends otherwise."""
    mark = "answer: "
    words = [sys.executable, "-c", f"{code}; import json; print({mark!r} + json.dumps(answer))"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, errors="replace", check=False, timeout=600)
    except subprocess.TimeoutExpired:
        return {"error": "it has not answered within ten minutes"}
    last = next((line for line in reversed(done.stdout.splitlines()) if line.startswith(mark)), None)
    if done.returncode or last is None:
        said = done.stderr.strip().splitlines()
        return {"error": said[-1][:300] if said else f"exit {done.returncode}"}
    return dict(json.loads(last.removeprefix(mark)))


def versions(packages: Sequence[str]) -> dict[str, str]:
    found = {}
    for name in packages:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def outside_ceilings(requirements: Sequence[str], installed: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """(package, installed version, what is asked for) for each installed one outside the requirements."""
    found = []
    for text in requirements:
        try:
            asked = Requirement(text)
        except InvalidRequirement:
            continue
        version = installed.get(asked.name)
        wanted = asked.marker is None or asked.marker.evaluate({"extra": ""})
        if version and wanted and not asked.specifier.contains(version, prereleases=True):
            found.append((asked.name, version, str(asked.specifier)))
    return found


def unsloth(tried: Row, outside: Sequence[tuple[str, str, str]], *, cuda: bool) -> list[Row]:
    """Whether it can be imported, and whether what is installed beside it lies within its ceilings."""
    rows = []
    if outside:
        found = ", ".join(f"{name} {version}, it asks for {asked}" for name, version, asked in outside)
        mend = "pip install " + " ".join(f'"{name}{asked}"' for name, _, asked in outside)
        rows.append(_row("Unsloth's ceilings", "broken", found, mend))
    if "error" in tried:
        mend = f"Mend what it names, or uninstall it. {STANDARD}"
        if "torchvision" in tried["error"] and not cuda:
            mend = f"pip uninstall torchvision: it is built for CUDA, and torch for the CPU. {STANDARD}"
        return [*rows, _row("Unsloth", "broken", f"cannot be imported: {tried['error']}", mend)]
    return [*rows, _row("Unsloth", "good", "can be imported", "")]


def bitsandbytes(tried: Row) -> Row:
    """4 bits are what it is for; without AdamW in 8 bits a training still runs, and says so."""
    if why := tried.get("error") or tried["nf4"]:
        mend = f'pip install --force-reinstall --no-deps "bitsandbytes>=0.50". {STANDARD.removesuffix(".")} in 16 bits.'
        return _row("bitsandbytes", "broken", f"no 4 bits: {why}", mend)
    if why := tried["adamw"]:
        return _row("bitsandbytes", "good", f"4 bits; no AdamW in 8: {why}", "")
    return _row("bitsandbytes", "good", "4 bits, AdamW in 8 bits", "")


def triton(installed: bool, platform: str) -> Row:
    """What compiles Unsloth's kernels on a GPU."""
    if installed:
        return _row("Triton", "good", "installed", "")
    name = "triton-windows" if platform == "win32" else "triton"
    return _row("Triton", "broken", "not installed: Unsloth cannot train on the GPU", f"pip install {name}")


def _row(check: str, state: str, found: str, mend: str) -> Row:
    return {"check": check, "state": state, "found": found, "mend": mend}
