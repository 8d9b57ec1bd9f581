"""What a person should know about a run's state, in a line: why it waits, how it ended, and what to do next."""

from __future__ import annotations

from textual.content import Content

from tui.feed import Snapshot
from tui.text import clock, line, moment, shown

HINTS = {
    "died": "Its process is gone without a word. r goes on from what is saved.",
    "stopped": "Stopped on request, with everything saved. r goes on.",
    "failed": "A step failed; o opens the log. r tries again from what is saved.",
    "stalled": "Alive, but silent for ten times its usual gap. o opens the log, x stops it.",
}
LIVE = ("running", "waiting", "stalled")


def hint(snapshot: Snapshot) -> Content:
    """Empty while all goes its way."""
    said = _state(snapshot)
    if not snapshot.fault:
        return said
    return said + Content(" " if said else "") + line(snapshot.fault, "$error")


def _state(snapshot: Snapshot) -> Content:
    if snapshot.life == "waiting" and snapshot.waiting:
        until = snapshot.waiting.get("until")
        said = line(f"Waits: {snapshot.waiting.get('reason', '')}", "$warning")
        return said + Content.styled(f", until {moment(until)}" if isinstance(until, int | float) else "", "$warning")
    if snapshot.life == "failed" and snapshot.finished and snapshot.finished.get("error"):
        error = snapshot.finished["error"]
        parts = [str(error.get(part) or "") for part in ("what", "why", "mend")]
        return shown(" ".join(filter(None, parts)), "$error") + Content.styled(" r tries again.", "$error")
    if snapshot.life in ("done", "unmet") and snapshot.finished:
        seconds = snapshot.finished.get("seconds")
        took = clock(seconds) if isinstance(seconds, int | float) else "–"
        return Content.styled(f"Finished in {took}; {verdict(snapshot)}. 5 shows the report.",
                              "$success" if snapshot.life == "done" else "$warning")  # fmt: skip
    return Content.styled(HINTS.get(snapshot.life, ""), "$warning")


def verdict(snapshot: Snapshot) -> str:
    """Of the report of the run: what its criteria came to."""
    for step in reversed(snapshot.steps):
        found = step.summary.get("verdict")
        if isinstance(found, dict):
            return f"verdict: {line(found.get('outcome')).plain}"
    return "verdict: not met" if snapshot.life == "unmet" else "no verdict was asked for"


def welcome() -> Content:
    """For a folder where nothing has run."""
    return Content.assemble(
        ("Nothing has run here yet.\n\n", "bold"),
        ("s", "bold $primary"), "   starts the preset quickstart: prompts, traces, judge, SFT, GRPO,\n"
        "    GGUF and a report, on a model of a million parameters, in three to\n"
        "    five minutes on two cores, with no key and no network.\n\n",
        ("3", "bold $primary"), "   fills in a form for a run of your own, of any preset\n",
        ("F1", "bold $primary"), "  says what every key does where the focus is",
    )  # fmt: skip
