"""Memory of host and GPUs, sampled beside a step and sent as `memory` events. All figures in bytes."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import psutil

from pipeline.engine.errors import ConfigError
from pipeline.engine.rows import Row

SAMPLE_GAP = 2.0


@dataclass(frozen=True)
class Device:
    """Where a training would have to fit."""

    name: str
    total: int
    cuda: bool


def read_size(text: str) -> int:
    """Bytes of "16GB" or "16": cards are sold by the GB and hold GiB. Raises ConfigError."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?) *(?:gi?b?)?", text.strip(), re.IGNORECASE)
    if not found or not (size := int(float(found[1]) * 2**30)):
        raise ConfigError(f"--gpu: {text[:40]!r} is no size.", "", "Write it as 16GB.")
    return size


def device(named: int | None = None) -> Device:
    """A GPU of `named` bytes; else the first one here; else this machine's own memory."""
    if named is not None:
        return Device(f"a GPU of {named / 2**30:g} GiB", named, cuda=True)
    if gpus := _gpus(set(), {}):
        return Device(f"the {gpus[0]['name']}", gpus[0]["total"], cuda=True)
    return Device("this machine's memory, as there is no GPU", psutil.virtual_memory().total, cuda=False)


def sample(pid: int, reserved: Mapping[str, int] | None = None) -> Row:
    """Host and GPU memory now, with the share of process `pid` and its children; `gpus` is empty without a driver.

    `reserved`: bytes by the id of a GPU that those processes say they hold there. It stands in where the driver does
    not tell: on Windows it reports none per process, in a container it knows them by other numbers.
    """
    pids, rss = _family(pid)
    host = psutil.virtual_memory()
    return {
        "host_used": host.total - host.available,
        "host_total": host.total,
        "process": rss,
        "gpus": _gpus(pids, reserved or {}),
    }


def _family(pid: int) -> tuple[set[int], int]:
    pids, rss = set(), 0
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        for member in [process, *process.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                rss += member.memory_info().rss
                pids.add(member.pid)
    return pids, rss


def _gpus(pids: set[int], reserved: Mapping[str, int]) -> list[Row]:
    import pynvml

    try:
        pynvml.nvmlInit()
        count = pynvml.nvmlDeviceGetCount()
    except pynvml.NVMLError:
        return []
    found = []
    for index in range(count):
        with contextlib.suppress(pynvml.NVMLError):  # one that fell off the bus leaves the others
            found.append(_gpu(pynvml, index, pids, reserved))
    return found


def gpu_uuids() -> list[str]:
    """Of every GPU here, by its index; none without a driver."""
    import pynvml

    try:
        pynvml.nvmlInit()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
        return [str(pynvml.nvmlDeviceGetUUID(handle)) for handle in handles]
    except pynvml.NVMLError:
        return []


def _gpu(nvml: Any, index: int, pids: set[int], reserved: Mapping[str, int]) -> Row:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    memory = nvml.nvmlDeviceGetMemoryInfo(handle)

    def ask(query: Callable[[], float | None]) -> float | None:
        try:
            return query()
        except nvml.NVMLError:
            return None  # not every card or driver tells

    def process() -> int | None:
        running = nvml.nvmlDeviceGetComputeRunningProcesses(handle)
        held: list[int | None] = [entry.usedGpuMemory for entry in running if entry.pid in pids]
        if held and None not in held:
            return sum(filter(None, held))
        told = reserved.get(str(nvml.nvmlDeviceGetUUID(handle)).removeprefix("GPU-"))
        return told if told is not None or held else 0

    return {
        "index": index,
        "name": str(nvml.nvmlDeviceGetName(handle)),
        "used": memory.used,
        "total": memory.total,
        "process": ask(process),
        "watts": ask(lambda: nvml.nvmlDeviceGetPowerUsage(handle) / 1000),
        "celsius": ask(lambda: nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU)),
    }


class Sampler:
    """Calls `send` with a sample every `gap` seconds until closed."""

    def __init__(
        self,
        worker: Callable[[], tuple[int, Mapping[str, int]]],
        send: Callable[[Row], None],
        gap: float = SAMPLE_GAP,
    ) -> None:
        """`worker` gives what `sample` takes."""
        self._worker, self._send, self._gap = worker, send, gap
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self._thread.start()

    def _loop(self) -> None:
        while not self._closed.wait(self._gap):
            self._send(sample(*self._worker()))

    def close(self) -> None:
        self._closed.set()
        self._thread.join()
