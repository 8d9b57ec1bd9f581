"""Hours and money of a training on GPUs that one may rent: the dated table `configs/gpus.toml` and the arithmetic."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

from pydantic import Field, ValidationError

from pipeline.engine.errors import ConfigError
from pipeline.engine.presets import nearest
from pipeline.engine.settings import Settings
from pipeline.engine.stage import Finding
from pipeline.tasks.estimate.words import many, span

FILE = "gpus.toml"
MFU = 0.35
"""Share of a GPU's peak that a training of this size reaches; an assumption unless the table has a measured one."""


class GPU(Settings):
    """One entry of the table."""

    tflops: float = Field(gt=0)
    """Dense bfloat16 peak, in 10^12 operations a second."""
    dollars: float = Field(ge=0)
    """An hour's rent."""
    memory: int = Field(gt=0)
    """GB."""
    mfu: float = Field(MFU, gt=0, le=1)
    """Share of the peak that is reached."""
    seen: date
    """The day of these figures."""
    source: str = ""


def read_gpus(root: Path) -> dict[str, GPU]:
    """The workspace's own table, else the one that comes along. Raises ConfigError."""
    path = root / "configs" / FILE
    if not path.is_file():
        path = Path(__file__).parents[3] / "configs" / FILE
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8"))
        return {name: GPU.model_validate(row) for name, row in rows.items()}
    except (OSError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise ConfigError(f"{path} cannot be read.", str(error), "Mend it, or remove your copy.") from None


def operations(parameters: int, layers: int, width: int, block: int) -> float:
    """Of one token, forward and backward: 6 a parameter, and 12 x layers x width x block for attention.

    Source: Chowdhery et al., PaLM (2022), appendix B.
    """
    return 6.0 * parameters + 12.0 * layers * width * block


def rent(gpus: Mapping[str, GPU], name: str, tokens: float, each: float) -> Iterator[Finding]:
    """Hours and dollars of `tokens` at `each` operations on the GPU of that name; without one, on every GPU."""
    if name and name not in gpus:
        yield Finding("fault", f"gpu: {FILE} has no {name}{nearest(name, gpus)}.", f"One of {', '.join(gpus)}.")
        return
    told, data = [], {}
    for known, gpu in gpus.items() if not name else [(name, gpus[name])]:
        seconds = tokens * each / (gpu.tflops * 1e12 * gpu.mfu)
        cost = seconds / 3600 * gpu.dollars
        data[known] = {"seconds": round(seconds, 1), "dollars": round(cost, 4), "mfu": gpu.mfu, "seen": str(gpu.seen)}
        told.append(f"{known} {span(seconds)}, ${cost:.2f} (${gpu.dollars:g}/h, {gpu.seen})")
    shares = sorted({f"{gpu.mfu:.0%}" for gpu in gpus.values()})
    yield Finding(
        "note",
        f"time and money: at most {many(tokens)} tokens, {each / 1e9:.3g} billion operations each, assumed at "
        f"{' or '.join(shares)} of the peak (MFU), evaluations not counted: {'; '.join(told)}.",
        data={"rent": data},
    )
