"""The Batch side of Gemini: what is handed in, and how a job and its answers are read, from plain JSON.

Large jobs have been seen to return their answers in another order, so every request carries its number as metadata.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from pipeline.providers.provider import ProviderSettings

if TYPE_CHECKING:
    from google.genai import types

State = Literal["running", "done", "failed"]
KEY = "number"
DONE = {"SUCCEEDED", "PARTIALLY_SUCCEEDED"}
FAILED = {"FAILED", "CANCELLED", "EXPIRED"}


def batch_possible(settings: ProviderSettings) -> bool:
    """Whether the service takes requests in a job: with a key it does, Vertex only from Cloud Storage or BigQuery."""
    return settings.kind == "gemini" and not settings.project


def batch_schema(schema: Mapping[str, Any]) -> types.Schema | None:
    """A JSON schema in the older form, of OpenAPI; None where that cannot express it.

    The Batch endpoint has been reported to fill `responseJsonSchema` with nonsense, and to honour `responseSchema`.
    """
    from google.genai import types

    try:
        parsed = types.JSONSchema.model_validate(schema)
        return types.Schema.from_json_schema(json_schema=parsed, raise_error_on_unsupported_field=True)
    except (ValueError, KeyError):
        return None


def find_job(page: Mapping[str, Any], name: str) -> str | None:
    """The id of the job of that display name in a page of a list."""
    for operation in page.get("operations") or []:
        if (operation.get("metadata") or {}).get("displayName") == name:
            return str(operation["name"])
    return None


def read_job(job: Mapping[str, Any]) -> tuple[State, list[bytes | None], str]:
    """How a job stands, its bodies in the order of the requests, and the service's word for it."""
    metadata = job.get("metadata") or {}
    word = str(metadata.get("state") or "").removeprefix("BATCH_STATE_").removeprefix("JOB_STATE_")
    if word in DONE:
        state: State = "done"
    elif word in FAILED or job.get("error"):
        state = "failed"
    else:
        return "running", [], word.lower()
    output = metadata.get("output") or job.get("response") or {}
    answers = (output.get("inlinedResponses") or {}).get("inlinedResponses") or []
    count = int((metadata.get("batchStats") or {}).get("requestCount") or 0)
    bodies, note = _in_order(answers, count)
    message = (job.get("error") or {}).get("message") or ""
    return state, bodies, "; ".join(part for part in (word.lower(), str(message), note) if part)


def _in_order(answers: list[dict[str, Any]], count: int) -> tuple[list[bytes | None], str]:
    numbers = [_number(answer) for answer in answers]
    note = ""
    if answers and not any(number is not None for number in numbers):
        if count not in (0, len(answers)):
            return [None] * count, "its answers carry no numbers and some are missing: whose they are cannot be known"
        numbers = list(range(len(answers)))  # the documented order
        note = "its answers carry no numbers and were taken in the order of the requests"
    known = [number for number in numbers if number is not None]
    bodies: list[bytes | None] = [None] * max([count, *(number + 1 for number in known)])
    for number, answer in zip(numbers, answers, strict=True):
        if number is not None and isinstance(answer.get("response"), dict):
            bodies[number] = json.dumps(answer["response"]).encode()
    return bodies, note


def _number(answer: Mapping[str, Any]) -> int | None:
    value = (answer.get("metadata") or {}).get(KEY)
    return int(value) if isinstance(value, str) and value.isdecimal() and len(value) < 8 else None
