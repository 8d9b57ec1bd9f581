"""Figures of an estimate as people read them."""

from __future__ import annotations


def gib(size: int) -> str:
    """A size in bytes: "9.13 GiB", "12.0 MiB"."""
    return f"{size / 2**30:.2f} GiB" if size >= 2**27 else f"{size / 2**20:.1f} MiB"


def span(seconds: float) -> str:
    """A duration: "48 s", "12 min", "3.4 h", "2.1 days"."""
    for most, each, unit in ((120, 1, "s"), (2 * 3600, 60, "min"), (48 * 3600, 3600, "h")):
        if seconds < most:
            return f"{seconds / each:.3g} {unit}" if unit == "h" else f"{seconds / each:.0f} {unit}"
    return f"{seconds / 86400:.3g} days"


def many(count: float) -> str:
    """A count: "812", "12.3 thousand", "4.56 million"."""
    for most, each, unit in ((10_000, 1, ""), (1_000_000, 1_000, " thousand"), (10**9, 10**6, " million")):
        if count < most:
            return f"{count / each:,.0f}" if not unit else f"{count / each:.3g}{unit}"
    return f"{count / 1e9:.3g} billion"
