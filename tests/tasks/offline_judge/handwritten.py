"""The sixty traces written by hand; `mark` was given to each before the judge existed and not touched since."""

import json
from pathlib import Path
from typing import Any

PATH = Path(__file__).parents[2] / "data" / "handwritten_traces.jsonl"
TRACES: list[dict[str, Any]] = [json.loads(line) for line in PATH.read_text(encoding="utf-8").splitlines()]
