"""Opens the client of google-genai for an API key or for Vertex, with all that it would do on its own switched off."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pipeline.engine.errors import MissingDependency, ProviderError
from pipeline.providers.gemini_faults import Place
from pipeline.providers.provider import ProviderSettings

if TYPE_CHECKING:
    from google import genai
    from google.auth.credentials import Credentials

KEY_VARIABLES = ("GEMINI_API_KEY", "GOOGLE_API_KEY")
SPARE = 4
"""Connections beyond the workers': those of checks and batch jobs."""


def host_of(settings: ProviderSettings) -> str:
    """Where requests go, without scheme and password: for messages and the account's name."""
    if settings.base_url:
        url = urlsplit(settings.base_url)
        return (url.netloc.rpartition("@")[2] + url.path.rstrip("/")) or settings.base_url
    if not settings.project:
        return "generativelanguage.googleapis.com"
    if settings.location == "global":
        return "aiplatform.googleapis.com"
    if settings.location in ("us", "eu"):
        return f"aiplatform.{settings.location}.rep.googleapis.com"
    return f"{settings.location}-aiplatform.googleapis.com"


def open_client(settings: ProviderSettings, place: Place, keep: Callable[[bytes], None]) -> genai.Client:
    """`keep` is given every body before the library parses it. Raises ProviderError, MissingDependency."""
    try:
        import httpx2
        from google import genai
        from google.genai import types
    except ImportError as error:
        what = f"google-genai cannot be imported: {error}."
        raise MissingDependency(what, "", "Install it with: pip install google-genai") from None
    with_token = bool(settings.project and settings.base_url and settings.key_env)
    if with_token or not settings.project:
        _look_at_key(place)
    # It warns that GOOGLE_API_KEY is used where both are set, which is not so with a key given.
    logging.getLogger("google_genai").setLevel(logging.ERROR)
    connections = settings.workers + SPARE
    options = types.HttpOptions(
        # Said even where it is the default: else variables of the library decide where the key is sent.
        base_url=settings.base_url or f"https://{place.host}/",
        api_version="v1beta1" if settings.project else "v1beta",  # v1 lacks previews and the `-latest` names
        timeout=int(1000 * settings.timeout),
        retry_options=types.HttpRetryOptions(attempts=1),
        client_args={
            "limits": httpx2.Limits(max_connections=connections, max_keepalive_connections=connections),
            # The service never redirects, and on the way to elsewhere the client would take the key along.
            "follow_redirects": False,
            "event_hooks": {"response": [lambda response: keep(response.read())]},
        },
    )
    if not settings.project:
        return genai.Client(enterprise=False, api_key=place.secret, http_options=options)
    return genai.Client(
        enterprise=True,
        project=settings.project,
        location=settings.location,
        credentials=_token(place.secret) if with_token else None,  # None: the machine's own
        http_options=options,
    )


def _look_at_key(place: Place) -> None:
    """Raises ProviderError for a key that is missing, or that no header can carry."""
    if not place.secret:
        name = place.variable
        other = f" (nor is {KEY_VARIABLES[1]})" if name == KEY_VARIABLES[0] else ""
        raise ProviderError(
            f"There is no key for {place.host}: {name} is not set{other}.",
            "",
            f"Set {name} in the environment; keys are made at https://aistudio.google.com/apikey.",
        )
    if not place.secret.isascii() or not place.secret.isprintable() or " " in place.secret:
        raise ProviderError(f"What {place.variable} holds is no key.", "It holds spaces or signs that no key has.", "")


def _token(secret: str) -> Credentials:
    from google.oauth2.credentials import Credentials

    return Credentials(token=secret)  # type: ignore[no-untyped-call]
