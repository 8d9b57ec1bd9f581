"""What the commands of the pipeline answer, and a model that talks, without a process: for pictures."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.engine.rows import Row
from pipeline.tasks.rubric import DIMENSIONS
from tests.tui.reported import estimate, report
from tests.tui.workspace import ANSWERS, GIB, REASONS, STEPS, THOUGHTS, scores


def finding(level: str, text: str, mend: str = "", **data: Any) -> Row:
    return {"level": level, "text": text, "mend": mend, "data": data}


def plan(faulty: bool) -> Row:
    parts = {"parts": [{"name": "weights", "bytes": 3 * GIB}], "total": int(12.4 * GIB)}
    money = finding("note", "money: 3,000 calls, 1.9 M tokens in, 3.1 M out: about $ 12.40 at batch prices.")
    found: dict[str, list[Row]] = {
        "traces": [money]
        + [
            finding(
                "fault",
                "GEMINI_API_KEY is not set, where the teacher's key is read from.",
                "Set it, or --set providers.teacher.kind=offline.",
            )
        ]
        * faulty,
        "sft": [
            finding("note", "memory: about 11.1 GiB of 15.9 at the peak: weights 2.6, activations 5.9.", **parts),
            finding("note", "exposures: 120 steps of 4 x 4 rows; each of 940 rows is seen 2.04 times."),
            finding(
                "warning", "23 of 940 rows are longer than max_seq_length 1,024 and left out.", "Raise it to 1,310."
            ),
        ],
        "grpo": [
            finding("note", "memory: about 12.4 GiB of 15.9 at the peak.", **parts),
            finding("note", "time: about 31 minutes, by the last run on this GPU."),
        ],
    }
    states = {"prompts": "cached", "base": "cached"}
    return {
        "faulty": faulty,
        "disk_free": 212 * GIB,
        "steps": [
            {
                "step": name,
                "stage": name,
                "state": states.get(name, "new"),
                "why": ""
                if name in states
                else "learning_rate: 0.0002 -> 0.0001"
                if name == "sft"
                else "an input is new",
                "findings": found.get(name, []),
            }
            for name in STEPS
        ],
    }


def board() -> Row:
    gates = (
        ("cut_off", "amber", "asked for, and ended at the limit", 31, 3000, 0.0103, 0.01, 0.1),
        ("refusals", "red", "answers that decline as a whole", 331, 2969, 0.1115, 0.02, 0.1),
        ("exact_duplicates", "green", "rows that were there before", 0, 2969, 0.0, 0.01, 0.1),
        (
            "near_duplicates",
            "green",
            "rows that share 80 % of their letters with an earlier one",
            12,
            2969,
            0.004,
            0.05,
            0.2,
        ),
        ("leakage", "green", "held-out prompts that are in training rows", 0, 2969, 0.0, 0.0, 0.01),
    )
    return {
        "kind": "scores",
        "rows": 3000,
        "read": 2969,
        "gates": [
            {
                "name": name,
                "level": level,
                "what": what,
                "hits": hits,
                "of": of,
                "value": value,
                "amber": amber,
                "red": red,
                "why": "What is in the data comes out of the model.",
                "mend": "Select by reward, or reject them by mark.",
                "examples": ["safety-0003/1", "safety-0009/4"] if hits else [],
            }
            for name, level, what, hits, of, value, amber, red in gates
        ],
        "figures": {
            "outcomes": {"answered": 2969, "cut off": 31},
            "categories": {"safety": 600, "dialogue": 794},
            "words": {"thought": {"median": 61, "p95": 112}, "answer": {"median": 44, "p95": 83}},
            "openings": [{"words": "Wanting time makes", "share": 0.021}],
        },
    }


def compared() -> Row:
    results = [
        {
            "name": one["name"],
            "left": one["tuned"],
            "right": one["baseline"],
            "left_gain": one["difference"],
            "right_gain": estimate(0.01, 0.04),
            "difference": one["difference"]["mean"],
        }
        for one in report()["table"]
    ]
    return {
        "verdict": [{"name": "verdict", "left": "not met", "right": "met"}],
        "results": results,
        "settings": [{"step": "sft", "key": "learning_rate", "left": 0.0002, "right": 0.0001}],
    }


def differing() -> Row:
    return {
        "settings": ["sft.learning_rate: 0.0002 -> 0.0001", "grpo.beta: 0.0 -> 0.02", "sft.r: 16 -> 32"],
        "results": [
            {"result": f"{step}.{name}", "first": 0.41 + place / 9, "second": 0.43 + place / 9 * (place % 3 > 0)}
            for place, (step, name) in enumerate(
                (step, name) for step in ("sft", "grpo", "report") for name in ("loss", "reward", "seconds")
            )
        ],
    }


class Commands:
    """In the place of `subprocess.run`: the words of a command -> what it prints."""

    faulty = False

    def __call__(self, argv: Sequence[str], **_: Any) -> subprocess.CompletedProcess[bytes]:
        words = list(argv)[3:]
        value = self._answer(words)
        return subprocess.CompletedProcess(argv, 0, json.dumps(value).encode(), b"")

    def _answer(self, words: Sequence[str]) -> Mapping[str, Any]:
        match words[0]:
            case "plan":
                return plan(self.faulty)
            case "traces":
                return board()
            case "diff":
                return differing()
            case "report":
                return compared()
            case "judge":
                found = scores(random.Random(3), 0.8)
                return {"scores": found, "reasons": dict(zip(DIMENSIONS, REASONS, strict=True))}
        return {}


class Talking:
    """In the place of a model's process: says what it is told to at once, or dies of it."""

    def __init__(self, _root: Path, heard: Any) -> None:
        self._heard, self._events = heard, list[Row]()
        self._name = ""
        self.pid = None

    def tell(self, do: str, **fields: Any) -> None:
        if do == "load":
            self._name = str(fields.get("model", "")).rpartition("/")[2]
            settings = {"system": "", "temperature": 0.7, "top_p": 0.95, "top_k": 40, "seed": 7, "max_tokens": 512}
            self._say("loaded", fields, name=self._name, title="", context=4096, settings=settings)
        elif do == "send" and fields["text"].startswith("die"):
            self._events.append({"event": "died", "why": "Signal 11 ended it.\nggml: GGML_ASSERT(n <= n_ctx) failed"})
        elif do == "send":
            place = sum(map(ord, fields["text"] + self._name)) % 3
            for piece in (THOUGHTS[place], "\n"):
                self._say("thought", fields, text=piece)
            self._say("answer", fields, text=ANSWERS[place])
            self._say(
                "done",
                fields,
                finish="stop",
                tokens=97 + place,
                tokens_per_second=41.2 + place,
                first_seconds=0.31,
                reused=0,
                prompt_tokens=38,
                context=4096,
                used=212 + 400 * place,
                left=3884,
                turns=1,
                forgotten=0,
            )
        self._heard()

    def _say(self, event: str, command: Row, **fields: Any) -> None:
        self._events.append({"event": event, "id": command.get("id"), **fields})

    def fetch(self) -> list[Row]:
        events, self._events = self._events, []
        return events

    def close(self) -> None:
        self._events = []
