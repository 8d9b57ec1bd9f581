"""What `plan` can say of a provider before anything is sent: a missing key, what has no effect, tokens and money."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.engine.errors import PipelineError, ProviderError
from pipeline.engine.stage import Finding
from pipeline.providers.gemini_client import KEY_VARIABLES
from pipeline.providers.open import make_provider
from pipeline.providers.prices import load_prices
from pipeline.providers.provider import ProviderSettings, Usage

LETTERS = 4
"""Of a token, roughly, in English."""


@dataclass(frozen=True)
class Load:
    """Calls of one kind, and what one of them is expected to take on average."""

    what: str
    calls: int
    letters: int
    """Of system prompt and messages."""
    thought: int
    """Tokens, as are the answer's."""
    output: int


def foresee(
    settings: ProviderSettings, name: str, loads: Sequence[Load], root: Path, environ: Mapping[str, str]
) -> list[Finding]:
    """Findings on the provider that the setting `name` gives: faults, warnings, and a note of calls, tokens and money.

    `loads` may be empty where nothing can be counted yet. Nothing is sent.
    """
    findings = [
        Finding("warning", f"`{name}.{key}` has no effect on a provider of kind {settings.kind}.", "Leave it out.")
        for key in settings.without_effect()
    ]
    if settings.kind == "offline":
        return findings
    try:
        make_provider(settings, environ).close()
        _look_for_key(settings, environ)
    except PipelineError as error:
        findings.append(Finding("fault", " ".join(filter(None, [error.what, error.why])), error.mend))
    calls = sum(load.calls for load in loads)
    if calls:
        findings += _cost(settings, loads, calls, root)
    return findings


def _look_for_key(settings: ProviderSettings, environ: Mapping[str, str]) -> None:
    """Gemini itself asks for its key only at the first call, for what stands in the ledger is read without one."""
    names = [settings.key_env] if settings.key_env else list(KEY_VARIABLES)
    by_key = settings.kind == "gemini" and not settings.project
    if by_key and not any(environ.get(name, "").strip() for name in names):
        mend = f"Set {names[0]}, or `project` on the provider to go through Vertex with this machine's credentials."
        raise ProviderError(f"There is no key: {' or '.join(names)} is not set.", "", mend)


def _cost(settings: ProviderSettings, loads: Sequence[Load], calls: int, root: Path) -> list[Finding]:
    prices = load_prices([root / "configs", Path(__file__).parents[2] / "configs"])
    usages = [Usage(load.letters // LETTERS, 0, load.output, load.thought) for load in loads]
    costs = [prices.cost(settings.model, usage, settings.batch) for usage in usages]
    bounds = [prices.bound(settings.model, load.letters, settings.max_tokens) for load in loads]
    data = {
        "calls": calls,
        "input": sum(load.calls * usage.input for load, usage in zip(loads, usages, strict=True)),
        "output": sum(load.calls * (load.thought + load.output) for load in loads),
        "cost": _total(loads, costs),
        "bound": _total(loads, bounds),
    }
    assumed = ", ".join(f"{load.what} {load.thought}+{load.output}" for load in loads)
    text = (
        f"{calls} calls, about {data['input']:,} tokens in and {data['output']:,} out, if a reply takes as many tokens "
        f"of thought + answer as assumed ({assumed}); the first calls will tell."
    )
    cap, cost, mend = settings.spend_cap, data["cost"], "Raise `spend_cap` of the provider, or ask for less."
    if cost is not None:
        text += (
            f" About ${cost:,.2f} at that, up to ${data['bound']:,.2f} with every reply at its limit; what is asked "
        )
        text += "again, because its reply could not be used, comes on top."
    elif settings.kind != "local" and not settings.base_url:
        text += f" No price of {settings.model} stands in configs/prices.toml."
    findings = [Finding("note", text, "", data)]
    if cap is not None and cost is not None and cost > cap:
        text = f"The spend cap of ${cap:,.2f} will stop this before its end: about ${cost:,.2f} are expected."
        findings.append(Finding("warning", text, mend))
    return findings


def _total(loads: Sequence[Load], each: Sequence[float | None]) -> float | None:
    """US dollars of all loads; None where a price is not known."""
    known = [price * load.calls for load, price in zip(loads, each, strict=True) if price is not None]
    return round(sum(known), 4) if len(known) == len(loads) else None
