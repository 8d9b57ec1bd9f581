"""Any server that speaks OpenAI's chat completions: the service itself, LM Studio, vLLM, llama-server, Ollama."""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from pipeline.engine.errors import MissingDependency, ProviderError
from pipeline.engine.presets import nearest
from pipeline.providers.openai_faults import NotThere, is_page, read_fault
from pipeline.providers.openai_reply import read_completion, told_error
from pipeline.providers.provider import ProviderSettings, Reply, Request, Unavailable

if TYPE_CHECKING:
    import openai

SERVICE = "https://api.openai.com/v1"
CONNECT = 10.0
"""Seconds for a connection: a server that is there answers at once, however long it then thinks."""
CAP_NAMES = {"api.openai.com": "max_completion_tokens", "openai.azure.com": "max_completion_tokens"}
"""Host -> the name of the limit there; all others know `max_tokens` (Ollama and LM Studio know no other)."""
RAW = {"X-Stainless-Raw-Response": "stream"}
"""What tells the client to hand over the response before it parses it; its `with_streaming_response` sets the same."""
SHOWN = 20
"""Models that an error lists."""
NOT_STRICT = {"allOf", "oneOf", "not", "if", "dependentRequired", "dependentSchemas", "patternProperties"}
"""Of JSON Schema, what the service's strict mode does not take."""


class OpenAI:
    """`base_url` empty: the service itself. Only there is OPENAI_API_KEY used unasked: no other server is shown it."""

    def __init__(self, settings: ProviderSettings, environ: Mapping[str, str] = os.environ) -> None:
        self._settings = settings
        self._url = (settings.base_url or SERVICE).rstrip("/")
        self.server = re.sub(r"//[^/@]*@", "//", self._url)
        host = _host(self._url, self.server)
        self.ours = host.endswith("api.openai.com")
        self._cap = next((name for end, name in CAP_NAMES.items() if host.endswith(end)), "max_tokens")
        self._key_name = settings.key_env or ("OPENAI_API_KEY" if self.ours else "")
        self._key = environ.get(self._key_name, "").strip() if self._key_name else ""
        _check_key(self._key_name, self._key)
        self.account = " ".join(filter(None, ("openai", self.server, self._key_name)))
        self._client: openai.OpenAI | None = None
        self._lock = threading.Lock()

    def check(self) -> None:
        """Ask for the list of models. A server that has none to show is taken at its word."""
        try:
            known = self._models()
        except NotThere:
            return
        model = self._settings.model
        if known and not _is_known(model, known):
            raise ProviderError(
                f"{self.server} has no model `{model}`{nearest(model, known)}",
                _listed(known),
                "Set `model` of the provider to one of these.",
            )

    def send(self, request: Request) -> bytes:
        body = self.body(request)
        try:
            return self._call("post", "/chat/completions", body)
        except NotThere as error:
            raise ProviderError(error.what, f"{error.why} {self._known()}".strip(), error.mend) from None

    def read(self, raw: bytes) -> Reply:
        return read_completion(raw)

    def close(self) -> None:
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None

    def body(self, request: Request) -> dict[str, Any]:
        """No `seed`: without one servers draw anew, some refuse it, and what was answered once stands in the ledger."""
        settings = self._settings
        turns = [{"role": "system", "content": request.system}] if request.system else []
        turns += [{"role": turn["role"], "content": turn["content"]} for turn in request.messages]
        body: dict[str, Any] = {
            "model": settings.model,
            "messages": [{**turn, "content": _sendable(turn["content"])} for turn in turns],
            self._cap: request.max_tokens or settings.max_tokens,
        }
        if settings.temperature is not None:
            body["temperature"] = settings.temperature
        if settings.top_p is not None:
            body["top_p"] = settings.top_p
        if thinking := request.thinking or settings.thinking:
            body["reasoning_effort"] = thinking
        if request.schema is not None:
            schema = {"name": "reply", "schema": request.schema, "strict": allows_strict(request.schema)}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        return body

    def _call(self, method: Literal["get", "post"], path: str, body: dict[str, Any] | None = None) -> bytes:
        """The body of one successful response, untouched by the SDK's types, whole and in time.

        Through the client's own `get` and `post`: its typed methods spend a third of a call on looking for what needs
        to be converted in a body that is plain JSON already.
        """
        client = self._connect()
        import httpx2

        deadline = time.monotonic() + self._settings.timeout
        with self._told():
            send = partial(client.post, body=body) if method == "post" else client.get
            with closing(send(path, cast_to=httpx2.Response, options={"headers": RAW})) as response:
                headers = dict(response.headers)
                raw = b"".join(_until(deadline, response.iter_bytes()))
        if is_page(headers, raw):
            raise self._page()
        self._check_error(headers, raw)
        return raw

    def stream(self, body: Mapping[str, Any]) -> Generator[Any, None, None]:
        """The chunks of a streamed completion, as JSON has them; closed early, it breaks the connection off.

        Raises what `send` raises, and ValueError for a chunk that is no JSON.
        """
        client = self._connect()
        import openai

        kind = openai.Stream[object]
        asked = {**body, "stream": True, "stream_options": {"include_usage": True}}
        post = partial(client.post, "/chat/completions", cast_to=object, stream=True, stream_cls=kind)
        with self._told(), post(body=asked) as chunks:
            if is_page(dict(chunks.response.headers), b""):
                raise self._page()
            yield from chunks

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What the client raises, as errors of ours."""
        import httpx2
        import openai

        try:
            yield
        except openai.APIStatusError as error:
            raise self._fault(error.status_code, dict(error.response.headers), error.response.content) from None
        except (openai.APIConnectionError, httpx2.HTTPError, TimeoutError) as error:
            raise self._broken(error) from None
        except openai.APIError as error:  # told in the middle of a stream
            raise Unavailable(self._hide(f"{self.server} answered with an error: {error.message[:400]}")) from None

    def _connect(self) -> openai.OpenAI:
        with self._lock:
            if self._client is None:
                try:
                    import httpx2
                    import openai
                except ImportError:
                    what, mend = "openai is not installed.", "Install it with: pip install -e ."
                    raise MissingDependency(what, "It comes with this project.", mend) from None
                timeout = httpx2.Timeout(self._settings.timeout, connect=min(CONNECT, self._settings.timeout))
                # The address is always given: the SDK would take another from the environment.
                self._client = openai.OpenAI(
                    api_key=self._key or "none", base_url=self._url, timeout=timeout, max_retries=0
                )
                if not self.ours:
                    self._client.organization = self._client.project = None
            return self._client

    def _check_error(self, headers: dict[str, str], raw: bytes) -> None:
        """Raise the error that some servers tell with status 200: LM Studio of an address it does not know, OpenRouter
        of the service behind it."""
        body = _json(raw)
        if "choices" in body or "data" in body or not told_error(body):
            return
        error = body.get("error")
        code = error.get("code") if isinstance(error, dict) else None
        if isinstance(code, int) and code >= 400:
            raise self._fault(code, headers, raw)
        if "endpoint" in told_error(body).lower():
            raise self._fault(404, headers, raw)
        raise Unavailable(self._hide(f"{self.server} answered with an error: {told_error(body)[:400]}"))

    def _fault(self, status: int, headers: dict[str, str], body: bytes) -> ProviderError:
        error = read_fault(status, headers, body, self.server, self._key_name or "the variable that `key_env` names")
        error.what, error.why = self._hide(error.what), self._hide(error.why)
        error.args = (error.what,)
        return error

    def _broken(self, error: Exception) -> ProviderError:
        """A connection that could not be made, or broke, or took too long."""
        import httpx2

        cause = error if isinstance(error, httpx2.HTTPError | TimeoutError) else error.__cause__
        name = type(cause).__name__
        if isinstance(cause, httpx2.ReadTimeout | TimeoutError):
            return Unavailable(f"{self.server} gave no answer in {self._settings.timeout:g} s.", perhaps_billed=True)
        if isinstance(cause, httpx2.ReadError | httpx2.RemoteProtocolError | httpx2.DecodingError):
            text = f"{self.server} broke off before its answer was whole ({name})."
            return Unavailable(text, perhaps_billed=True)
        words = self._hide(" ".join(str(cause).split())[:200])
        return Unavailable(f"{self.server} cannot be reached ({name}: {words}). Does it run, is the address right?")

    def _page(self) -> Unavailable:
        return Unavailable(f"{self.server} answered with a web page: a proxy or a login page may be in its place.")

    def _hide(self, text: str) -> str:
        """A server's words without our key, whole or in part: some repeat it."""
        text = text.replace(self._key, "(the key)") if len(self._key) > 5 else text
        return re.sub(r"\b(sk|pk|gsk|xai)-[\w*.-]{4,}", "(the key)", text)

    def _models(self) -> list[str]:
        """Names that the server lists. Raises NotThere where it lists none at all."""
        body = _json(self._call("get", "/models"))
        entries = body.get("data")
        names = [entry.get("id") for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
        return sorted(name for name in names if isinstance(name, str))

    def _known(self) -> str:
        try:
            return _listed(self._models())
        except ProviderError:
            return ""


def allows_strict(schema: Any) -> bool:
    """Whether the service's strict mode takes a schema: every object closed, with all of its properties required."""
    if isinstance(schema, list):
        return all(map(allows_strict, schema))
    if not isinstance(schema, Mapping):
        return True
    if NOT_STRICT & schema.keys():
        return False
    properties = schema.get("properties", {})
    kinds = schema.get("type")
    if "object" in (kinds if isinstance(kinds, list) else [kinds]) and (
        schema.get("additionalProperties") is not False or set(properties) != set(schema.get("required", ()))
    ):
        return False
    parts = [value for key, value in schema.items() if key not in ("properties", "enum", "required")]
    return all(map(allows_strict, [*parts, *properties.values()]))


def _host(url: str, shown: str) -> str:
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return parts.hostname
    except ValueError:  # of a port that is no number
        pass
    raise ProviderError(f"`base_url` is no address: {shown}", "", "Write it whole, such as http://localhost:1234/v1.")


def _check_key(name: str, key: str) -> None:
    if name and not key:
        raise ProviderError(f"There is no key: {name} is not set.", "", f"Set {name}, or name another in `key_env`.")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ProviderError(f"What {name} holds is no key.", "It has characters that no key has.", "Copy it anew.")


def _sendable(text: str) -> str:
    """A model's words may hold half of a surrogate pair, which UTF-8 cannot carry."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _until(deadline: float, chunks: Iterable[bytes]) -> Iterable[bytes]:
    """The SDK's limit is one between bytes: a server that trickles would never meet it."""
    for chunk in chunks:
        if time.monotonic() > deadline:
            raise TimeoutError
        yield chunk


def _json(raw: bytes) -> dict[str, Any]:
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _is_known(model: str, known: list[str]) -> bool:
    """Ollama leaves `:latest` out, some list `models/NAME`, and OpenRouter's `NAME:nitro` is a way to ask for NAME."""
    short = model.partition(":")[0]
    return any(name in (model, f"{model}:latest", short) or name.endswith(f"/{model}") for name in known)


def _listed(known: list[str]) -> str:
    more = f" and {len(known) - SHOWN} more" if len(known) > SHOWN else ""
    return f"It has {', '.join(known[:SHOWN])}{more}." if known else ""
