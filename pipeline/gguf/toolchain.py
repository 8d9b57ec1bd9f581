"""Whether what export and chat need is here and works: asked long before they run, for a training lies between.

Libraries are imported in a process of their own, since a broken shared library may take its process along.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from functools import cache

from pipeline.engine.errors import MissingDependency

PACKAGES = {"llama_cpp": "llama-cpp-python", "gguf": "gguf", "torch": "torch", "transformers": "transformers"}
COMPILED = ("llama_cpp", "gguf")
"""Those that are tried: quick to import, and the first is a shared library compiled on this machine more often than
not. torch and transformers are tried by the training before."""
COMPILERS = ("c++", "g++", "clang++", "cl")
PATIENCE = 120
"""Seconds that an import may take."""


def missing() -> list[MissingDependency]:
    """What is not installed, each with how to mend it."""
    absent = [module for module in PACKAGES if importlib.util.find_spec(module) is None]
    found = []
    for module in absent:
        error = MissingDependency.of_extra(PACKAGES[module], "gguf")
        found.append(MissingDependency(error.what, error.why, f"{error.mend}{_of_compiler(module)}"))
    return found


def broken() -> list[MissingDependency]:
    """What is installed and cannot be imported."""
    return [
        MissingDependency(
            f"{PACKAGES[module]} is installed and cannot be imported.",
            why,
            f"Install it anew: pip install --force-reinstall --no-cache-dir {PACKAGES[module]}{_of_compiler(module)}",
        )
        for module in COMPILED
        if importlib.util.find_spec(module) is not None and (why := import_fault(module))
    ]


@cache
def import_fault(module: str) -> str:
    """Why a module cannot be imported, in one line; empty where it can."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", f"import {module}"],
            capture_output=True, text=True, encoding="utf-8", errors="replace", check=False, timeout=PATIENCE,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"Its import did not end within {PATIENCE} s."
    if done.returncode == 0:
        return ""
    last = done.stderr.strip().splitlines()[-1:] or [f"The process that imported it died, exit code {done.returncode}."]
    return last[0]


def compiler() -> str:
    """A C++ compiler by its name, or nothing."""
    return next((name for name in COMPILERS if shutil.which(name)), "")


def _of_compiler(module: str) -> str:
    """What a package that is compiled where no wheel fits needs, where that is not here either."""
    if module != "llama_cpp" or compiler():
        return ""
    return "; there is no C++ compiler here to build it with, so take a prebuilt wheel as its README says"
