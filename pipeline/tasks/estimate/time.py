"""How long a training will take, foretold from a short trial of it, and its measured memory beside the estimated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, median
from typing import Any

from pipeline.engine.errors import FreshProcess, PipelineError
from pipeline.engine.rows import Row
from pipeline.engine.stage import Finding, Trial
from pipeline.tasks.estimate.words import gib, span

WARM_UP = 3
"""Steps at the beginning that no figure is taken of: libraries compile, caches fill, the allocator grows."""


@dataclass(frozen=True)
class Measured:
    """What a trial brought."""

    rows: Sequence[Mapping[str, Any]]
    """The metrics of its steps."""
    startup: float
    """Seconds before the first step: imports, and the model's load."""
    process: int
    """Most bytes that the process held in the host's memory."""
    gpu: int | None
    """Most bytes that it held on the GPU, by the driver; None where it does not tell."""
    effective: Mapping[str, Mapping[str, Any]]
    """Settings that were not honoured as asked."""


def a_step(rows: Sequence[Mapping[str, Any]], cycle: int, name: str = "step_time") -> tuple[float, int]:
    """(seconds of a step, steps left out at the beginning): the median over cycles of `cycle` steps, whose first draws
    completions and whose others use them again."""
    cycles = [rows[place : place + cycle] for place in range(0, len(rows) - cycle + 1, cycle)]
    left_out = min(WARM_UP, len(cycles) - 1)
    seconds = [sum(float(row[name]) for row in part) / cycle for part in cycles[left_out:]]
    return median(seconds), left_out * cycle


def foretell(measured: Measured, found: Mapping[str, Any], trial: Trial, *, elsewhere: bool) -> list[Finding]:
    """The time of a whole training and the memory that its trial took.

    `found`: the data of the step's findings; `elsewhere`: the plan is for another device than the trial ran on.
    """
    return [_time(measured, int(found["exposures"]["steps"]), trial), _memory(measured, {} if elsewhere else found)]


def _time(measured: Measured, steps: int, trial: Trial) -> Finding:
    seconds, left_out = a_step(measured.rows, trial.cycle)
    whole = measured.startup + steps * seconds
    data: Row = {
        "tried": len(measured.rows),
        "left_out": left_out,
        "seconds_a_step": round(seconds, 4),
        "startup": round(measured.startup, 3),
        "steps": steps,
        "seconds": round(whole, 1),
        "beside": list(trial.beside),
        "effective": sorted(measured.effective),
    }
    text = (
        f"time: about {span(whole)}: {steps} steps of {seconds:.3g} s (median of {len(measured.rows) - left_out} "
        f"tried) after {span(measured.startup)} to load."
    )
    if longest := trial.longest:
        part, _ = a_step(measured.rows, trial.cycle, "time_generate")
        lengths = [float(row["completion_length_max"]) for row in measured.rows if row.get("completion_length_max")]
        most = whole + steps * part * max(0.0, longest / mean(lengths) - 1) if lengths else whole
        data |= {"generate": round(part, 4), "seconds_at_most": round(most, 1)}
        text += f" {part / seconds:.0%} of it is spent writing; {span(most)} if completions grow to {longest} tokens."
    if trial.beside:
        text += f" Not in it: {', '.join(trial.beside)}."
    if measured.effective:
        text += f" Not as asked: {', '.join(sorted(measured.effective))}."
    return Finding("note", text, data={"time": data})


def _memory(measured: Measured, found: Mapping[str, Any]) -> Finding:
    """On a GPU by PyTorch's allocator, against the estimate without CUDA's own; else by the process in the host."""
    held = [int(row["memory_gpu"]) for row in measured.rows if row.get("memory_gpu")]
    data: Row = {"process": measured.process, "allocator": max(held, default=None), "gpu": measured.gpu}
    estimated = int(found.get("total", 0))
    if not held:
        text = f"memory measured: the process held at most {gib(measured.process)}, Python and its libraries included"
        if estimated:
            data["estimated"] = estimated
            text += f"; {gib(estimated)} were estimated for the training alone"
        return Finding("note", f"{text}.", data={"measured": data})
    text = f"memory measured: at most {gib(max(held))} by PyTorch's allocator"
    if measured.gpu is not None:
        text += f", {gib(measured.gpu)} of the GPU by its driver"
    if estimated:
        estimated -= sum(part["bytes"] for part in found["parts"] if part["name"] == "CUDA overhead")
        data["estimated"] = estimated
        text += f"; {gib(estimated)} were estimated without CUDA's own ({max(held) / estimated - 1:+.0%})"
    return Finding("note", f"{text}.", data={"measured": data})


def out_of_memory(told: str) -> bool:
    """Whether an error's words say that memory ran out."""
    words = told.lower().replace(" ", "")
    return any(word in words for word in ("outofmemory", "memoryranout", "memoryerror", "defaultcpuallocator"))


def failed(error: PipelineError, found: Mapping[str, Any]) -> Finding:
    """A trial that did not come to its end: memory that ran out is what it was meant to find, all else is a fault."""
    told = f"{error.what} {error.why}".strip()
    if not out_of_memory(told):
        return Finding("fault", f"The trial failed. {told}", error.mend, {"trial": "failed"})
    if isinstance(error, FreshProcess):
        mend = "A run comes down to that by itself and goes on; set it in the preset to save the detour."
    elif first := found.get("first_knob"):
        mend = f"Turn first: {first['change']} (saves {gib(first['saves'])})."
    else:
        mend = "No setting saves enough: take a smaller model."
    return Finding("warning", f"The trial ran out of memory. {told}", mend, {"trial": "out of memory"})
