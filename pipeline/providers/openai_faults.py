"""What a failed answer of an OpenAI-compatible server means: wait, try again, give this request up, or end the step."""

from __future__ import annotations

import email.utils
import json
import math
import re
import time
from collections.abc import Mapping

from pipeline.engine.errors import ProviderError
from pipeline.providers.openai_reply import told_error
from pipeline.providers.provider import Refused, Throttled, Unavailable

LONGEST = 400
"""Characters of a server's own words that an error repeats."""
NO_MONEY = ("insufficient_quota", "billing_hard_limit_reached", "billing_not_active")
DAY = re.compile(r"per[ _-]?day|\b[RT]PD\b|daily", re.IGNORECASE)
ASKED_IN_VAIN = (504, 524)
"""A gateway that waited for the server behind it: that one may have done the work and billed it."""
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class NotThere(ProviderError):
    """HTTP 404 or 405: no such model, or no such address."""


def is_page(headers: Mapping[str, str], body: bytes) -> bool:
    """Whether a body is a web page, which no model server sends."""
    return "html" in headers.get("content-type", "") or body.lstrip()[:1] == b"<"


def read_fault(status: int, headers: Mapping[str, str], body: bytes, server: str, key: str) -> ProviderError:
    """The error for an answer with a status of 400 or more. `server` is its address, `key` the name of its key.

    The server's words are repeated as they are: whoever calls hides the key in them.
    """
    words, code = _words(headers, body)
    answered = f"{server} answered HTTP {status}: {words}"
    if status == 402 or code in NO_MONEY:
        return ProviderError(
            f"{server} says that the account is out of credit.",
            words,
            "Add credit or raise the account's limit, then resume: every answer so far is kept.",
        )
    if status == 429:
        return Throttled(answered, read_delay(headers), bool(DAY.search(words)) or _day_is_over(headers))
    if status in (408, 409, 425) or status >= 500:
        return Unavailable(answered, perhaps_billed=status in ASKED_IN_VAIN)
    if status in (400, 413, 422):
        return Refused(
            f"{server} refuses the request (HTTP {status}).",
            words,
            "Compare `thinking`, `temperature` and `max_tokens` of the provider with what the model takes.",
        )
    if status == 401:
        return ProviderError(f"{server} does not accept the key.", words, f"Put a valid key into {key}.")
    if status == 403:
        return ProviderError(
            f"{server} does not allow this (HTTP 403).",
            words,
            f"The key in {key} may lack the right to this model, or the service does not serve this region.",
        )
    if status in (404, 405):
        return NotThere(
            f"{server} has no such model or address (HTTP {status}).",
            words,
            "Check `model` and `base_url` of the provider; the address mostly ends in /v1.",
        )
    return ProviderError(f"{answered}", "", "Check `base_url` of the provider.")


def _words(headers: Mapping[str, str], body: bytes) -> tuple[str, str]:
    """What the server says, in one line, and its code for it."""
    if is_page(headers, body):
        return "a web page. A proxy or a login page may be answering in its place.", ""
    text, code = body.decode("utf-8", "replace"), ""
    try:
        content = json.loads(body)
        text = told_error(content) or text
        error = content.get("error") if isinstance(content, dict) else None
        if isinstance(error, dict):
            code = str(error.get("code") or error.get("type") or "")
    except (ValueError, RecursionError):
        pass
    text = " ".join(text.split())
    return (text if len(text) <= LONGEST else text[:LONGEST] + "…") or "nothing", code


def read_delay(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks to wait, None where it does not say.

    Of several limits told by `x-ratelimit-reset-*` the one that is used up counts; if none is, the soonest.
    """
    told = _seconds(headers.get("retry-after-ms", ""), 0.001)
    told = _seconds(headers.get("retry-after", "")) if told is None else told
    if told is not None:
        return told
    resets = {
        name.removeprefix("x-ratelimit-reset"): seconds
        for name, value in headers.items()
        if name.startswith("x-ratelimit-reset") and (seconds := _seconds(value)) is not None
    }
    over = [seconds for what, seconds in resets.items() if headers.get(f"x-ratelimit-remaining{what}") == "0"]
    return max(over) if over else min(resets.values(), default=None)


def _day_is_over(headers: Mapping[str, str]) -> bool:
    return any(name.startswith("x-ratelimit-remaining") and "day" in name and headers[name] == "0" for name in headers)


def _seconds(text: str, unit: float = 1.0) -> float | None:
    """From now: `20`, `1m2.5s`, a Unix time in seconds or milliseconds, or an HTTP date."""
    text = text.strip()
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|[smhd])", text)
    if parts and "".join(number + name for number, name in parts) == text:
        return sum(float(number) * UNITS[name] for number, name in parts)
    try:
        number = float(text) * unit
    except ValueError:
        date = email.utils.parsedate_tz(text)
        number = float(email.utils.mktime_tz(date)) if date else math.nan
    if number > 1e11:
        number /= 1000
    if number > 1e8:
        number -= time.time()
    return max(0.0, number) if math.isfinite(number) else None
