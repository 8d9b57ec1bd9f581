from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from pipeline import worker
from pipeline.engine.events import Tail
from pipeline.engine.memory import Sampler, device, gpu_uuids, sample
from pipeline.engine.runner import Runner
from tests.engine.conftest import Begin
from tests.engine.toy import CATALOG

OURS = os.getpid()


class NVMLError(Exception):
    pass


def silent(*_: Any) -> float:
    raise NVMLError


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets up a driver with GPUs that each report these processes: (id, bytes or None). `lost`: indexes that fail in
    the middle of a run; `mute`: it tells neither watts nor degrees."""

    def install(*running: list[tuple[int, int | None]], lost: Sequence[int] = (), mute: bool = True) -> None:
        nvml: Any = ModuleType("pynvml")

        def memory(index: int) -> SimpleNamespace:
            return silent() if index in lost else SimpleNamespace(used=900 + index, total=1000)  # type: ignore

        nvml.NVMLError, nvml.NVML_TEMPERATURE_GPU = NVMLError, 0
        nvml.nvmlInit = lambda: None
        nvml.nvmlDeviceGetCount = lambda: len(running)
        nvml.nvmlDeviceGetHandleByIndex = lambda index: index
        nvml.nvmlDeviceGetMemoryInfo = memory
        nvml.nvmlDeviceGetName = lambda _: "a GPU"
        nvml.nvmlDeviceGetUUID = lambda index: f"GPU-{index + 1}-2-3"
        nvml.nvmlDeviceGetComputeRunningProcesses = lambda index: [
            SimpleNamespace(pid=pid, usedGpuMemory=used) for pid, used in running[index]
        ]
        nvml.nvmlDeviceGetPowerUsage = silent if mute else lambda index: 120_500 + index
        nvml.nvmlDeviceGetTemperature = silent if mute else lambda index, _: 60 + index
        monkeypatch.setitem(sys.modules, "pynvml", nvml)

    return install


def test_several_devices_each_with_its_own_figures(driver: Callable[..., None]) -> None:
    driver([(OURS, 300), (1, 500)], [(1, 20)], mute=False)
    first, second = sample(OURS)["gpus"]
    assert (first["used"], first["process"], first["watts"], first["celsius"]) == (900, 300, 120.5, 60)
    assert (second["used"], second["process"], second["watts"], second["celsius"]) == (901, 0, 120.501, 61)


def test_a_device_that_fails_in_the_middle_leaves_the_others_and_the_sampler(driver: Callable[..., None]) -> None:
    samples: list[Any] = []
    driver([], [])
    sampler = Sampler(lambda: (OURS, {}), samples.append, gap=0.01)
    try:
        for lost, left in (((), [0, 1]), ((0,), [1]), ((0, 1), []), ((), [0, 1])):
            driver([], [], lost=lost)
            end = time.monotonic() + 60
            while not samples or [gpu["index"] for gpu in samples[-1]["gpus"]] != left:
                assert time.monotonic() < end and sampler._thread.is_alive(), (lost, left)
                time.sleep(0.01)
    finally:
        sampler.close()
    assert samples[-1]["host_used"] > 0


def test_without_a_driver_or_with_one_that_fails_at_once_there_is_the_host(
    driver: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    for broken in ("nvmlInit", "nvmlDeviceGetCount"):
        driver([])
        monkeypatch.setattr(sys.modules["pynvml"], broken, silent)
        found = sample(OURS)
        assert found["gpus"] == [] and found["host_total"] > found["host_used"] > 0
        assert not device().cuda and gpu_uuids() == []


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
