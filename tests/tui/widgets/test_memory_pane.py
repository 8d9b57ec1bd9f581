"""The pane of GPU and host memory: what it shows of drivers that tell much, little, nonsense, nothing any more."""

from __future__ import annotations

import math
from typing import Any

import pytest
from textual.app import App, ComposeResult

from tui.widgets.memory_pane import GUTTER, MemoryPane

GIB = 2**30


class Shown(App[None]):
    def __init__(self, plain: bool) -> None:
        super().__init__()
        self.plain = plain

    def compose(self) -> ComposeResult:
        yield MemoryPane(plain=self.plain)


def gpu(index: int = 0, **more: Any) -> dict[str, Any]:
    return {"index": index, "name": "RTX [/x]", "used": 12 * GIB, "total": 16 * GIB, "process": 9 * GIB,
            "watts": 250.4, "celsius": 71, **more}  # fmt: skip


def host(*gpus: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"host_used": 8 * GIB, "host_total": 32 * GIB, "process": 3 * GIB, "gpus": list(gpus), **more}


async def drawn(
    *samples: dict[str, Any], estimate: float | None = None, width: int = 60, height: int = 30, plain: bool = False
) -> str:
    app = Shown(plain)
    async with app.run_test(size=(width, height)) as pilot:
        pane = app.query_one(MemoryPane)
        pane.show([(float(place), sample) for place, sample in enumerate(samples)], estimate)
        await pilot.pause()
        lines = [strip.text.rstrip() for strip in app.screen._compositor.render_strips()]
        assert max(map(len, lines)) <= width
        return "\n".join(lines)


async def test_every_device_has_its_own_lines() -> None:
    text = await drawn(host(gpu(), gpu(1, used=2 * GIB, process=0, watts=None, celsius=40)))
    first, second = text[: text.index("GPU 1")], text[text.index("GPU 1") :]
    assert "GPU 0 RTX [/x]" in first and "12.00 of 16.00 GiB" in first and "250 W  71 °C" in first
    assert "this step 9.00 GiB" in first and "others    3.00 GiB" in first
    assert "2.00 of 16.00 GiB" in second and "others    2.00 GiB" in second and "power     40 °C" in second
    assert "host" in second and "8.00 of 32.00 GiB" in second and "3.00 GiB" in second


async def test_the_plans_estimate_is_a_line_against_the_same_whole() -> None:
    text = await drawn(host(gpu()), estimate=8.0 * GIB)
    used, plan = (next(row for row in text.splitlines() if row.startswith(name)) for name in ("used", "plan"))
    assert "8.00 GiB" in plan
    assert used.count("█") > plan.count("█") > 0  # 12 of 16 against 8 of 16
    assert "plan" not in await drawn(host(gpu()))


async def test_a_device_that_fell_silent_is_told_of() -> None:
    text = await drawn(host(gpu(), gpu(1)), host(gpu(1)))
    assert "GPU 0 no longer answers." in text and "GPU 1 RTX" in text
    text = await drawn(host(gpu()), host())
    assert "GPU 0 no longer answers." in text and "No NVIDIA driver" not in text and "host" in text


async def test_no_driver_and_no_sample_say_so() -> None:
    assert "No NVIDIA driver here." in await drawn(host()) and "No figures: memory is measured" in await drawn()


@pytest.mark.parametrize("width", [26, 60])
@pytest.mark.parametrize("bad", [None, "much", math.nan, math.inf, -1, 1e-320, 10**30, 10**400, [], {}])
async def test_figures_that_are_none_end_nothing(bad: Any, width: int) -> None:
    text = await drawn(host(gpu(used=bad, total=bad, process=bad, watts=bad, celsius=bad)), width=width, plain=True)
    assert "GPU 0" in text and "host" in text


def rows_of(text: str) -> list[list[str]]:
    """The letters of every history, from the top."""
    found: list[list[str]] = [[]]
    for row in text.splitlines():
        if row[GUTTER - 1 : GUTTER] == "|":
            found[-1].append(row[GUTTER:].rstrip())
        elif found[-1]:
            found.append([])
    return [one for one in found if any(one)]


async def test_the_history_is_of_the_device_itself() -> None:
    samples = [host(gpu(used=16 * GIB * step / 2), gpu(1, used=0)) for step in range(3)]
    first, second, of_host = rows_of(await drawn(*samples, width=GUTTER + 3, height=21, plain=True))
    assert first == ["  *", " *", "*"] and second == ["", "", "***"]
    assert [bool(row) for row in of_host[:3]] == [False, False, True]  # 8 of 32


async def test_the_history_takes_the_room_that_is_left_and_no_peak_is_lost() -> None:
    samples = [host(gpu(used=16 * GIB if step == 500 else 4 * GIB)) for step in range(1000)]
    low, high = [rows_of(await drawn(*samples, height=height, plain=True))[0] for height in (13, 41)]
    assert len(low) == 3 and low[0].strip() == "*" and len(high) == 17 and high[0].strip() == "*"
    assert high[12].count("*") == 60 - GUTTER and not "".join(high[13:])  # a quarter of all, and nothing below


async def test_the_history_says_of_how_much_it_is() -> None:
    text = await drawn(host(), host(), plain=True)
    assert " 32 GiB|" in text and "\n      0|" in text


async def test_a_figure_that_is_not_known_is_a_gap() -> None:
    samples = [host(gpu(used=None if 20 < step < 80 else 4 * GIB)) for step in range(100)]
    (row,) = [row for row in rows_of(await drawn(*samples, height=41, plain=True))[0] if row]
    assert row.count("*") < 30 and " " * 20 in row


async def test_the_plans_estimate_is_a_line_in_the_history() -> None:
    samples = [host(gpu(used=4 * GIB)) for _ in range(100)]
    assert "+" * (60 - GUTTER) in rows_of(await drawn(*samples, estimate=12.0 * GIB, height=41, plain=True))[0]
    assert "+" not in "".join(rows_of(await drawn(*samples, height=41, plain=True))[0])
