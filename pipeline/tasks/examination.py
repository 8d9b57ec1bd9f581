"""What every contestant is asked: the held-out prompts, the battery and the calibration probes, as one list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.engine.errors import DataError
from pipeline.engine.rows import Row, content_hash, read_json
from pipeline.tasks.battery.battery import Battery
from pipeline.tasks.calibration.probes import ASKS, probes

FORMAT = 1
SHEET = "answers.json"
SETS = ("heldout", "battery", "calibration")


class Question(NamedTuple):
    """One prompt, and how many answers are wanted of it."""

    set: str
    prompt_id: str
    category: str
    """Of a test of the battery its group."""
    messages: Sequence[Mapping[str, str]]
    truth: Any
    samples: int

    def row(self, sample: int) -> Row:
        """What an answer's row begins with."""
        return {
            "id": f"{self.set}/{self.prompt_id}/{sample}",
            "set": self.set,
            "prompt_id": self.prompt_id,
            "category": self.category,
            "sample": sample,
            "messages": list(self.messages),
            "truth": self.truth,
        }


def questions(prompts: Iterable[Row], battery: Battery, samples: Mapping[str, int], limit: int = 0) -> list[Question]:
    """All three sets in the order of SETS; a set with no samples is not asked. `limit`: of held-out prompts, spread
    evenly over the list, which is in order of category; 0: all."""
    heldout = [prompt for prompt in prompts if prompt["split"] == "heldout"]
    chosen = heldout
    if 0 < limit < len(heldout):
        chosen = [heldout[place * len(heldout) // limit] for place in range(limit)]
    found = [
        Question("heldout", row["id"], row["category"], row["messages"], row["truth"], samples["heldout"])
        for row in chosen
    ]
    found += [
        Question("battery", test.id, test.group, [_user(test.prompt)], None, samples["battery"])
        for test in battery.tests
    ]
    found += [
        Question("calibration", row["prompt_id"], "calibration", row["messages"], row["truth"], samples["calibration"])
        for row in probes(heldout)
    ]
    return [question for question in found if question.samples]


def _user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def asked_hash(asked: Iterable[Question]) -> str:
    """Names all that is asked (12 hex digits): answers to other questions do not compare."""
    return content_hash([[*question[:2], question.messages, question.samples] for question in asked])[:12]


def form_hash() -> str:
    """Names the words that probes are asked in."""
    return content_hash(ASKS)[:12]


def read_sheet(folder: Path) -> Row:
    """answers.json of a contestant. Raises DataError for a folder that holds none of ours."""
    path = folder / SHEET
    sheet = read_json(path) if path.is_file() else None
    if not isinstance(sheet, dict) or sheet.get("format") != FORMAT or not {"contestant", "limits"} <= sheet.keys():
        why = f"{SHEET} is missing or of another format."
        raise DataError(f"{folder} holds no answers that can be read.", why, "Make them with the stage answers.")
    return sheet


def differing(sheets: Mapping[str, Row]) -> tuple[str, str, str] | None:
    """(what, why, how to mend it) where contestants were not asked the same under the same limits.

    `sheets`: name -> anything with `limits`, and `asked` where that is known.
    """
    unlike = []
    for limit in dict.fromkeys(key for sheet in sheets.values() for key in sheet["limits"]):
        values = {name: sheet["limits"].get(limit) for name, sheet in sheets.items()}
        if len(set(values.values())) > 1:
            unlike.append(f"{limit} ({', '.join(f'{name} {value}' for name, value in values.items())})")
    if unlike:
        what = f"The contestants have different limits: {'; '.join(unlike)}."
        return what, "What they answered does not compare.", "Give all answers steps the same settings."
    asked = {name: sheet["asked"] for name, sheet in sheets.items() if "asked" in sheet}
    if len(set(asked.values())) > 1:
        names = ", ".join(f"{name} {value}" for name, value in asked.items())
        what = f"The contestants were asked different questions: {names}."
        return what, "What they answered does not compare.", "Give all answers steps the same prompts and battery."
    return None
