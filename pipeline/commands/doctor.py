"""What is installed, what is missing, and the line that mends it. Imports torch only where it is installed."""

from __future__ import annotations

import contextlib
import importlib.util
import platform
import shutil
import subprocess
import sys
from importlib import metadata

from pipeline.commands.doctor_backends import backends
from pipeline.engine.rows import Row

EXTRAS = {
    "train": ("torch", "transformers", "trl", "peft", "datasets", "accelerate"),
    "gguf": ("llama_cpp", "gguf"),
    "qlora": ("bitsandbytes",),
    "unsloth": ("unsloth", "bitsandbytes"),
}
DISTRIBUTIONS = {"llama_cpp": "llama-cpp-python"}


def examine() -> list[Row]:
    """One row a check: check, state ("good", "missing", "broken"), found, mend. What breaks a run comes first."""
    gpu, torch = gpu_name(), torch_facts()
    return [*torch_and_gpu(gpu, torch), *backends(gpu, torch), *interpreter(), *extras(), *tools()]


def gpu_name() -> str:
    """The first GPU that the driver knows, or nothing."""
    import pynvml

    with contextlib.suppress(pynvml.NVMLError):
        pynvml.nvmlInit()
        return str(pynvml.nvmlDeviceGetName(pynvml.nvmlDeviceGetHandleByIndex(0)))
    return ""


def torch_facts() -> Row | None:
    """Version, CUDA build and architectures of the installed torch, asked in a process of its own; None without one."""
    if importlib.util.find_spec("torch") is None:
        return None
    code = (
        "import json, torch; c = torch.cuda; "
        "print(json.dumps({'version': torch.__version__, 'cuda': torch.version.cuda, 'available': c.is_available(), "
        "'archs': c.get_arch_list(), 'capability': c.get_device_capability(0) if c.is_available() else None}))"
    )
    import json

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode:
        return {"error": done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"exit {done.returncode}"}
    return dict(json.loads(done.stdout))


def torch_and_gpu(gpu: str, torch: Row | None) -> list[Row]:
    """Whether torch and GPU fit each other: the fault that costs people most days, so it is named first."""
    if torch is None:
        return [_row("torch", "missing", "not installed", 'pip install -e ".[train]"')]
    if "error" in torch:
        return [_row("torch", "broken", torch["error"], 'pip install --force-reinstall "torch>=2.6,<2.14"')]
    found = f"torch {torch['version']}, GPU: {gpu or 'none'}"
    cuda = 'pip install --force-reinstall "torch>=2.6,<2.14" --index-url https://download.pytorch.org/whl/cu128'
    if gpu and torch["cuda"] is None:
        return [_row("GPU", "broken", f"{found}: a GPU is here, but torch is a CPU build", cuda)]
    if gpu and not torch["available"]:
        return [_row("GPU", "broken", f"{found}: torch cannot use the GPU", "Update the NVIDIA driver.")]
    if torch["capability"] is not None:
        major, minor = torch["capability"]
        newest = max(
            (int(arch.split("_")[1].rstrip("af")) for arch in torch["archs"] if arch.startswith("sm_")), default=0
        )
        if newest and major * 10 + minor > newest and major > newest // 10:
            return [_row("GPU", "broken", f"{found}: this torch is too old for a GPU of sm_{major}{minor}", cuda)]
    return [_row("torch and GPU", "good", found, "" if gpu else "Training runs on the CPU.")]


def interpreter() -> list[Row]:
    good = sys.version_info >= (3, 11)
    return [
        _row(
            "Python",
            "good" if good else "broken",
            f"{platform.python_version()} on {platform.system()}",
            "" if good else "Install Python 3.11 or later.",
        )
    ]


def extras() -> list[Row]:
    rows = []
    for extra, packages in EXTRAS.items():
        missing = [name for name in packages if importlib.util.find_spec(name) is None]
        versions = ", ".join(f"{name} {_version(name)}" for name in packages if name not in missing)
        if missing:
            rows.append(_row(f"extra {extra}", "missing", f"no {', '.join(missing)}", f'pip install -e ".[{extra}]"'))
        else:
            rows.append(_row(f"extra {extra}", "good", versions, ""))
    return rows


def _version(package: str) -> str:
    with contextlib.suppress(metadata.PackageNotFoundError):
        return metadata.version(DISTRIBUTIONS.get(package, package))
    return ""


def tools() -> list[Row]:
    """What compiles llama-cpp-python, needed only where there is no wheel of it."""
    if importlib.util.find_spec("llama_cpp"):
        return []
    compilers = [name for name in ("c++", "g++", "clang++", "cl") if shutil.which(name)]
    mend = "Install a C++ compiler, or use a prebuilt wheel as the README of llama-cpp-python says."
    found = f"compiler: {', '.join(compilers) or 'none'}"
    return [_row("C++ toolchain", "good" if compilers else "missing", found, "" if compilers else mend)]


def _row(check: str, state: str, found: str, mend: str) -> Row:
    return {"check": check, "state": state, "found": found, "mend": mend}
