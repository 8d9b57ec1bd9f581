"""What google-genai and the HTTP client below it raise, told as our errors: what passes, what does not, what to do.

No message holds the key, and none holds a page of HTML.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import Any

from pipeline.engine.errors import ProviderError
from pipeline.providers.provider import Refused, Throttled, Unavailable

NEVER_SENT = {"ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError", "WriteError", "WriteTimeout"}
"""Names in httpx and its fork httpx2, of which the library takes either: the request did not arrive whole."""
WRONG_ADDRESS = {"UnsupportedProtocol", "InvalidURL", "LocalProtocolError"}
LONGEST = 400
"""Characters of the service's own words that a message holds."""


class Busy(Unavailable):
    """The service itself answered that it cannot answer now; so the address, at least, is right."""


@dataclass(frozen=True)
class Place:
    """Where requests go and with what, for the words of an error."""

    host: str
    model: str
    project: str
    """Empty: the Gemini API with a key; else Vertex."""
    location: str
    variable: str
    """The variable that holds the key."""
    secret: str = field(default="", repr=False)

    def quote(self, words: object) -> str:
        """Somebody else's words: on one line, not too long, without the key."""
        text = " ".join(str(words).split())
        text = text.replace(self.secret, "[key]") if self.secret else text
        return text if len(text) <= LONGEST else text[:LONGEST] + " ..."

    def page(self, status: int) -> Unavailable:
        """For a web page or the like where JSON should be."""
        return Unavailable(f"{self.host} sent a page instead of JSON (HTTP {status}): a proxy may be answering.")


def told(error: Exception, place: Place) -> ProviderError | None:
    """Our error for theirs; None for one that nobody but a fault in our code explains."""
    from google.auth import exceptions as auth
    from google.genai import errors

    name, family = type(error).__name__, type(error).__module__.partition(".")[0]
    if isinstance(error, errors.APIError):
        return _of_status(error.code, error.details, error.response, place)
    if family in ("httpx", "httpx2"):
        return _of_connection(name, error, place)
    if isinstance(error, auth.TransportError):
        return Unavailable(f"Google gave no access token: {place.quote(error)}")
    if isinstance(error, auth.GoogleAuthError):
        return ProviderError(
            "This machine has no valid credentials for Google Cloud.",
            place.quote(error),
            "Run `gcloud auth application-default login`, or use an API key and leave out `project`.",
        )
    if isinstance(error, json.JSONDecodeError | UnicodeDecodeError):
        return place.page(200)
    if isinstance(error, ValueError):
        return Refused("The request cannot be put into words of the service.", place.quote(error))
    return None


def _of_connection(name: str, error: Exception, place: Place) -> ProviderError:
    words = f"{name}: {place.quote(error)}"
    if name in WRONG_ADDRESS:
        return ProviderError(f"{place.host} is not an address that can be asked.", words, "Correct `base_url`.")
    if name in NEVER_SENT:
        return Unavailable(f"No connection to {place.host} ({words}).")
    return Unavailable(f"The answer of {place.host} did not come whole ({words}).", perhaps_billed=True)


def _of_status(status: int, body: Any, response: Any, place: Place) -> ProviderError:
    body = body if isinstance(body, dict) else {}
    inner = body.get("error", body)
    inner = inner if isinstance(inner, dict) else {"message": inner}
    details = _dicts(inner.get("details"))
    message = str(inner.get("message") or "")
    is_page = message.lstrip().startswith("<")
    words = "" if is_page else place.quote(message)
    said = f"{words or 'no reason given'} (HTTP {status})"
    if status == 429:
        return Throttled(said, _delay(details, response), _per_day(details))
    if status < 400 or (is_page and status >= 500):  # the service itself never redirects
        return place.page(status)
    if is_page:
        where = "`base_url` and `location`" if place.project else "and `base_url`"
        return ProviderError(place.page(status).what, "", f"Check HTTPS_PROXY, {where}.")
    if status >= 500 or status in (408, 409, 499):
        return Busy(said)
    if status in (400, 413, 422):
        return _of_request(status, inner, details, words, said, place)
    return _of_access(status, details, words, said, place)


def _of_request(
    status: int, inner: dict[str, Any], details: list[dict[str, Any]], words: str, said: str, place: Place
) -> ProviderError:
    if any(str(item.get("reason", "")).startswith("API_KEY") for item in details):
        return _bad_key(words, place)
    if status == 400 and inner.get("status") == "FAILED_PRECONDITION":
        mend = "Enable billing for the key's project, or go through Vertex with `project`."
        return ProviderError("The Gemini API does not serve this account here.", words, mend)
    return Refused(said)


def _of_access(status: int, details: list[dict[str, Any]], words: str, said: str, place: Place) -> ProviderError:
    if status == 404 and place.project:
        return ProviderError(
            f"Vertex has no model `{place.model}` in the region `{place.location}` for the project `{place.project}`.",
            words,
            'Check the name of the model and `location`: preview models are often in `location = "global"` alone.',
        )
    if status == 404:
        mend = "Check the name of the model, and `base_url` if it is set."
        return ProviderError(f"{place.host} has no model `{place.model}`.", words, mend)
    if status == 407:
        return ProviderError("A proxy asks for a password.", words, "Put it into HTTPS_PROXY, or go round the proxy.")
    if status in (401, 403) and any(item.get("reason") == "SERVICE_DISABLED" for item in details):
        return ProviderError(
            "The API is not enabled for this project.", words, "Enable it in the Google Cloud console."
        )
    if status in (401, 403) and place.project:
        mend = "Check `project`, its role Vertex AI User, and `gcloud auth application-default login`."
        return ProviderError(f"Vertex refuses access to the project `{place.project}`.", words, mend)
    if status in (401, 403):
        return _bad_key(words, place)
    return ProviderError(f"{place.host}: {said}", "", "Check the settings of this provider.")


def _bad_key(words: str, place: Place) -> ProviderError:
    mend = "Make a key at https://aistudio.google.com/apikey and put it into that variable."
    return ProviderError(f"The key in {place.variable} is not accepted by {place.host}.", words, mend)


def _delay(details: list[dict[str, Any]], response: Any) -> float | None:
    """Seconds, from RetryInfo in the body, which the service uses, or from the header that a gateway may set."""
    said = [item["retryDelay"] for item in details if "retryDelay" in item]
    said.append(getattr(response, "headers", {}).get("retry-after"))
    for value in said:
        try:
            seconds = float(str(value).removesuffix("s"))
        except ValueError:
            continue
        if math.isfinite(seconds) and seconds >= 0:
            return min(seconds, 86400.0)
    return None


def _per_day(details: list[dict[str, Any]]) -> bool:
    violations = [violation for item in details for violation in _dicts(item.get("violations"))]
    return any("PerDay" in str(violation.get("quotaId")) for violation in violations)


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
