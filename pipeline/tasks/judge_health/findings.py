"""What the figures of a judge mean: each check with its figure, a light and a sentence.

No light comes from a point estimate alone: red means that the whole 95 % interval lies on the wrong side, green that
none of it does. In between it is amber: more data would tell.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pipeline.engine.rows import Row
from pipeline.tasks.judge_health.canaries import KINDS

Light = Literal["green", "amber", "red", "not measured"]
STEADY = (0.5, 0.75)
"""ICC: below the first poor, from the second good (Koo and Li 2016)."""
SHARED = (0.667, 0.8)
"""Alpha of two judges: below the first of no use, from the second reliable (Krippendorff 2004)."""
HUMAN = (0.4, 0.6)
"""Kappa with people: below the first at most fair, from the second substantial (Landis and Koch 1977)."""
ORDERED = (0.5, 0.75)
"""Accepted over rejected: at the first the reward is a coin."""
LOST = (0.05, 0.02)
"""Share of traces without a verdict: above the first too much, up to the second fine."""
MOVED = 0.05
"""Of reward: a drift, or a doubling of the words, that stays within this is let pass."""
HALF_LEVEL = 0.125
PILED = 0.9
"""Share of one dimension's verdicts on one level, from which it tells hardly anything apart."""
FEWEST = 20
"""Verdicts below which their distribution says nothing."""


def judge_findings(report: Row) -> list[Row]:
    """{"check", "light", "figure" (an estimate or null), "text"} of every check; `report` is judge_report.json."""
    return [*_repeats(report), *_scale(report), *_failures(report), *_people(report), *_canaries(report),
            *_length(report), *_drift(report), *_audit(report)]  # fmt: skip


def _finding(check: str, light: Light, figure: Row | None, text: str) -> Row:
    return {"check": check, "light": light, "figure": figure, "text": text}


def above(figure: Row, bad: float, good: float) -> Light:
    """The light of an estimate of which more is better."""
    if figure["mean"] is None:
        return "not measured"
    if figure["high"] is not None and figure["high"] < bad:
        return "red"
    return "green" if figure["low"] is not None and figure["low"] >= bad and figure["mean"] >= good else "amber"


def below(figure: Row, bad: float, good: float) -> Light:
    """The light of an estimate of which less is better."""
    turned = {"mean": _minus(figure["mean"]), "low": _minus(figure["high"]), "high": _minus(figure["low"])}
    return above(turned, -bad, -good)


def within(figure: Row, margin: float) -> Light:
    """The light of an estimate that should be 0, or at least not beyond `margin`."""
    if figure["mean"] is None:
        return "not measured"
    if figure["low"] is None:
        return "amber"
    if figure["low"] > margin or figure["high"] < -margin:
        return "red"
    return "green" if -margin <= figure["low"] and figure["high"] <= margin else "amber"


def _repeats(report: Row) -> Iterator[Row]:
    retest = report["retest"]
    if "why" in retest:
        yield _finding("repeats", "not measured", None, retest["why"])
        return
    reward = retest["reward"]
    text = (
        f"ICC of the mean of {retest['samples']} samples' reward: the share of its variance that is the trace's own. "
        f"Of one sample {_number(reward['single']['mean'])}; all samples equal in {_share(reward['equal'])} of traces."
    )
    yield _finding("repeats", above(reward["mean"], *STEADY), reward["mean"], text)
    known = {name: row for name, row in retest["dimensions"].items() if row["mean"]["mean"] is not None}
    if known:
        name, weakest = min(known.items(), key=lambda item: item[1]["mean"]["mean"])
        text = f"The least steady dimension, {_plain(name)}, likewise. One that hardly varies has a low ICC too."
        yield _finding("repeats, weakest", above(weakest["mean"], *STEADY), weakest["mean"], text)


def _scale(report: Row) -> Iterator[Row]:
    piled = []
    for name, counts in report["histogram"].items():
        given = {key: count for key, count in counts.items() if key != "null"}
        total, most = sum(given.values()), max(given, key=lambda key: given[key])
        if total >= FEWEST and given[most] >= PILED * total:
            piled.append(f"{_plain(name)} ({most} in {given[most]} of {total})")
    if piled:
        text = f"On one level nearly always, so that they tell nothing apart: {', '.join(piled)}."
        yield _finding("use of the scale", "amber", None, text)
    else:
        yield _finding("use of the scale", "green", None, "No dimension stays on one level.")


def _failures(report: Row) -> Iterator[Row]:
    failures = report["failures"]
    for outcome, what in (("blocked", "refusals"), ("invalid", "invalid verdicts"), ("cut off", "verdicts cut off")):
        entry = failures["outcomes"][outcome]
        text = f"{entry['count']} of {failures['asked']} traces, left out of the scores."
        yield _finding(what, below(entry["share"], *LOST), entry["share"], text)
    lost = failures["samples"]
    if lost["asked"] > failures["answered"]:
        text = f"{lost['count']} of {lost['asked']} single verdicts on traces that have others."
        yield _finding("samples lost", below(lost["share"], *LOST), lost["share"], text)


def _people(report: Row) -> Iterator[Row]:
    people = report["people"]
    text = "Weighted kappa of the judge's levels with people's, 0 being chance."
    if not people["pairs"]:
        text = "No person scored these traces: mark some (mark ARTIFACT ID score helpfulness=0.75)."
    elif people["unjudged"]:
        text += f" {people['unjudged']} more dimensions had a person's score, and none of the judge."
    yield _finding("people's scores", above(people["kappa"], *HUMAN), people["kappa"], text)
    text = f"How often one of {people['accepted']} accepted is rewarded above one of {people['rejected']} rejected."
    if people["auroc"]["mean"] is None:
        text = f"{people['accepted']} traces are accepted by a person and {people['rejected']} rejected; it takes both."
    yield _finding("people's verdicts", above(people["auroc"], *ORDERED), people["auroc"], text)


def _canaries(report: Row) -> Iterator[Row]:
    found = report["canaries"]
    if "why" in found:
        yield _finding("canaries", "not measured", None, found["why"])
        return
    for kind, row in found["kinds"].items():
        light: Light = "not measured" if not row["scored"] else "red" if row["at_or_above"] else "green"
        text = f"{KINDS[kind][0].upper()}{KINDS[kind][1:]}."
        if row["scored"]:
            text += (
                f" {row['at_or_above']} of {row['scored']} at or above the {found['standard']} traces of their prompt;"
                f" mean reward {_number(row['reward'])} against {_number(row['reference'])}."
            )
        else:
            text += " No verdict on any of them."
        yield _finding(f"canary: {kind}", light, row["difference"], text)


def _length(report: Row) -> Iterator[Row]:
    length = report["length"]
    figure, raw = length["within_type"], length["within_prompt"]["mean"]
    text = "Reward for twice the words, among traces of one prompt and one type."
    if raw is not None:
        text += f" With types mixed {raw:+.3f}, where good traces may be longer on purpose."
    light = within(figure, MOVED)
    if light != "not measured":
        text += " It may be that longer ones say more: the canary of padding tells whether words alone pay."
    yield _finding("length", "amber" if light == "red" else light, figure, text)


def _drift(report: Row) -> Iterator[Row]:
    drift = report["drift"]
    if "why" in drift:
        yield _finding("drift", "not measured", None, drift["why"])
        return
    figure = drift["reward"]["difference"]
    rows = {"reward": drift["reward"], **drift["dimensions"]}
    if drift["exact"]:
        moved = [name for name, row in rows.items() if row["difference"]["mean"] or row["null"]]
        text = "The embedded judge is a function: the same text earns the same marks, so this has to be 0 exactly"
        text += f", and is not: {', '.join(map(_plain, moved))}." if moved else ", and is."
        yield _finding("drift", "red" if moved else "green", figure, text)
        return
    changed = {name: row for name, row in drift["dimensions"].items() if row["changed"]}
    far = any(abs(row["difference"]["mean"]) >= HALF_LEVEL for row in changed.values())
    light: Light = "red" if far else within(figure, MOVED)
    light = "amber" if light == "green" and changed else light
    text = f"{drift['items']} traces asked again as occasion {drift['occasion']}: reward now less the stored one."
    for name, row in changed.items():
        text += f" {_plain(name).capitalize()} moved by {row['difference']['mean']:+.3f}."
    yield _finding("drift", light, figure, text)
    if new := sorted(set(drift["models"]) - set(report["judge"]["models"])):
        text = f"Its name is now {', '.join(new)}; the scores were made by {', '.join(report['judge']['models'])}."
        yield _finding("judge's version", "amber", None, text)


def _audit(report: Row) -> Iterator[Row]:
    audit = report["audit"]
    if "why" in audit:
        yield _finding("audit", "not measured", None, audit["why"])
    else:
        alpha, gap = audit["reward"]["alpha"], audit["reward"]["difference"]["mean"]
        text = f"Alpha of both judges' reward on {audit['items']} traces; the audit's is {gap:+.3f} to the judge's."
        yield _finding("audit", above(alpha, *SHARED), alpha, text)
    if audit.get("same_family"):
        text = "Both judges seem to be of one family: they may share their faults, so this proves little."
        yield _finding("audit's family", "amber", None, text)
    if report["judge"]["own_writing"]:
        text = "The judge's family also wrote traces here, and judges prefer what sounds like them."
        yield _finding("self-preference", "amber", None, text)


def _minus(value: float | None) -> float | None:
    return None if value is None else -value


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"


def _plain(name: str) -> str:
    return name.replace("_", " ")
