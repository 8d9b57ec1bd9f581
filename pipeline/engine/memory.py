"""Memory of host and GPUs, sampled beside a step and sent as `memory` events. All figures in bytes."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any

import psutil

from pipeline.engine.rows import Row

SAMPLE_GAP = 2.0


def sample(pid: int) -> Row:
    """Host and GPU memory now, with the share of process `pid` and its children; `gpus` is empty without a driver."""
    pids, rss = _family(pid)
    host = psutil.virtual_memory()
    return {
        "host_used": host.total - host.available,
        "host_total": host.total,
        "process": rss,
        "gpus": _gpus(pids),
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


def _gpus(pids: set[int]) -> list[Row]:
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []
    return [_gpu(pynvml, index, pids) for index in range(pynvml.nvmlDeviceGetCount())]


def _gpu(nvml: Any, index: int, pids: set[int]) -> Row:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    memory = nvml.nvmlDeviceGetMemoryInfo(handle)

    def ask(query: Callable[[], float]) -> float | None:
        try:
            return query()
        except nvml.NVMLError:
            return None  # not every card or driver tells

    def process() -> float:
        running = nvml.nvmlDeviceGetComputeRunningProcesses(handle)
        return sum(entry.usedGpuMemory or 0 for entry in running if entry.pid in pids)

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
    """Calls `send` with a sample every two seconds until closed."""

    def __init__(self, pid: Callable[[], int], send: Callable[[Row], None]) -> None:
        self._pid, self._send = pid, send
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self._thread.start()

    def _loop(self) -> None:
        while not self._closed.wait(SAMPLE_GAP):
            self._send(sample(self._pid()))

    def close(self) -> None:
        self._closed.set()
        self._thread.join()
