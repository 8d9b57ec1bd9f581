from __future__ import annotations

import os
import sys
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from pipeline import worker
from pipeline.engine.events import Tail
from pipeline.engine.memory import sample
from pipeline.engine.runner import Runner
from tests.engine.conftest import Begin
from tests.engine.toy import CATALOG

OURS = os.getpid()


class NVMLError(Exception):
    pass


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[tuple[int, int | None]]], None]:
    """Sets up a driver with one GPU that reports these processes: (id, bytes or None)."""

    def install(running: list[tuple[int, int | None]]) -> None:
        nvml: Any = ModuleType("pynvml")
        nvml.NVMLError, nvml.NVML_TEMPERATURE_GPU = NVMLError, 0
        nvml.nvmlInit = lambda: None
        nvml.nvmlDeviceGetCount = lambda: 1
        nvml.nvmlDeviceGetHandleByIndex = lambda index: index
        nvml.nvmlDeviceGetMemoryInfo = lambda _: SimpleNamespace(used=900, total=1000)
        nvml.nvmlDeviceGetName = lambda _: "a GPU"
        nvml.nvmlDeviceGetUUID = lambda _: "GPU-1-2-3"
        nvml.nvmlDeviceGetComputeRunningProcesses = lambda _: [
            SimpleNamespace(pid=pid, usedGpuMemory=used) for pid, used in running
        ]

        def silent(*_: Any) -> float:
            raise NVMLError

        nvml.nvmlDeviceGetPowerUsage = nvml.nvmlDeviceGetTemperature = silent
        monkeypatch.setitem(sys.modules, "pynvml", nvml)

    return install


def held(reserved: dict[str, int] | None = None) -> Any:
    (gpu,) = sample(OURS, reserved)["gpus"]
    return gpu["process"]


def test_the_driver_s_word_counts_where_it_gives_it(driver: Callable[..., None]) -> None:
    driver([(OURS, 300), (1, 500)])
    assert held({"1-2-3": 250}) == held() == 300


def test_on_windows_the_worker_s_own_figure_stands_in(driver: Callable[..., None]) -> None:
    driver([(OURS, None), (1, None)])
    assert held({"1-2-3": 250}) == 250
    assert held({"another": 250}) is None, "not known, which is not nothing"
    assert held() is None


def test_where_the_driver_knows_processes_by_other_numbers_too(driver: Callable[..., None]) -> None:
    driver([(1, 500)])
    assert held({"1-2-3": 250}) == 250
    assert held() == 0


def test_a_worker_tells_what_its_allocator_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    torch: Any = ModuleType("torch")
    monkeypatch.setitem(sys.modules, "torch", torch)
    assert worker.reserved() == {}, "in the midst of its import"
    torch.cuda = SimpleNamespace(
        is_initialized=lambda: True,
        device_count=lambda: 2,
        get_device_properties=lambda gpu: SimpleNamespace(uuid=f"id-{gpu}"),
        memory_reserved=lambda gpu: 100 * gpu,
    )
    assert worker.reserved() == {"id-0": 0, "id-1": 100}
    torch.cuda.is_initialized = lambda: False
    assert worker.reserved() == {}, "nothing is asked that would wake the GPU"


def test_a_run_s_memory_events_hold_what_its_worker_says(begin: Begin, driver: Callable[..., None]) -> None:
    driver([])
    run = begin(steps={"count": {"count": 3}, "sum": {"trouble": "holds", "pause": 5.0}})
    assert Runner(run, CATALOG).drive() == 0
    shown = [event.data["gpus"][0]["process"] for event in Tail(run.events).read() if event.kind == "memory"]
    assert shown and shown[-1] == 250
