"""Gemini as teacher or judge: with an API key, or through Vertex with a project. Online and in Batch jobs.

It sends once and hands back the raw body: the library neither parses it nor tries again, and `gemini_reply` reads it.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from pipeline.engine.errors import ProviderError
from pipeline.providers.gemini_batch import KEY, State, batch_possible, batch_schema, find_job, read_job
from pipeline.providers.gemini_client import KEY_VARIABLES, host_of, open_client
from pipeline.providers.gemini_faults import Busy, Place, told
from pipeline.providers.gemini_reply import read_body
from pipeline.providers.provider import ProviderSettings, Reply, Request, Throttled, Unavailable

if TYPE_CHECKING:
    from google import genai
    from google.genai import types

T = TypeVar("T")
CHECK_SECONDS = 30.0
PAGE_SIZE = 100


class Gemini:
    """A Provider and BatchProvider. Threads may share one; nothing is imported or opened before the first call."""

    def __init__(self, settings: ProviderSettings, environ: Mapping[str, str] = os.environ) -> None:
        self.settings = settings
        names = [settings.key_env] if settings.key_env else list(KEY_VARIABLES)
        variable = next((name for name in names if environ.get(name, "").strip()), names[0])
        secret = environ.get(variable, "").strip()
        self._place = Place(host_of(settings), settings.model, settings.project, settings.location, variable, secret)
        whose = f"{settings.project} {settings.location}" if settings.project else variable
        self.account = f"gemini {self._place.host} {whose}"
        self._client: genai.Client | None = None
        self._lock = threading.Lock()
        self._seen = threading.local()

    def check(self) -> None:
        """One free call that shows that address, key, model and region are right.

        A service that is merely busy passes: waiting is for whoever sends. Raises ProviderError for all else.
        """
        try:
            self._json(self._free_call)
        except (Throttled, Busy):
            return
        except Unavailable as error:
            where = "`base_url` and `location`" if self.settings.project else "and `base_url`"
            raise ProviderError(error.what, error.why, f"Check the network, HTTPS_PROXY, {where}.") from None

    def send(self, request: Request) -> bytes:
        """Ask once; the raw body. Raises Refused, Throttled, Unavailable, and ProviderError for what ends the step."""
        answer = self._ask(
            lambda client: client.models.generate_content(
                model=self.settings.model, contents=_contents(request), config=self._config(request)
            )
        )
        response = answer.sdk_http_response
        body = (response.body if response else "") or ""
        if body.lstrip().startswith("<"):
            raise self._place.page(200)
        return body.encode("utf-8")

    def read(self, raw: bytes) -> Reply:
        """Parse a body; needs neither key nor library."""
        return read_body(raw)

    def close(self) -> None:
        with self._lock:
            if self._client:
                self._client.close()
                self._client = None

    def batch_start(self, name: str, requests: Sequence[Request]) -> str:
        """Hand in a job under that name; the service's id of it. All together may have 20 MB."""
        if not batch_possible(self.settings):
            raise ProviderError(
                "Batch jobs are not possible through Vertex.",
                "It takes their requests from Cloud Storage or BigQuery alone.",
                "Set `batch = false`, or use an API key and leave out `project`.",
            )

        def create(client: genai.Client) -> object:
            from google.genai import types

            source = [
                types.InlinedRequest(
                    contents=_contents(request), metadata={KEY: str(number)}, config=self._config(request, batch=True)
                )
                for number, request in enumerate(requests)
            ]
            named = types.CreateBatchJobConfig(display_name=name)
            return client.batches.create(model=self.settings.model, src=source, config=named)

        job = self._json(create).get("name")
        if not isinstance(job, str):
            raise Unavailable(f"{self._place.host} took in a batch job and told no name of it.", perhaps_billed=True)
        return job

    def batch_find(self, name: str) -> str | None:
        """The id of the job of that name; None where there is none."""
        token: str | None = None
        while True:
            page = self._json(lambda client, token=token: self._list(client, token))  # type: ignore[misc]
            if job := find_job(page, name):
                return job
            token = page.get("nextPageToken")
            if not token:
                return None

    def batch_poll(self, job: str) -> tuple[State, list[bytes | None], str]:
        """State, the bodies in the order of the requests (None: that one failed), and the service's word for it."""
        found = self._json(lambda client: client.batches.get(name=job))
        try:
            return read_job(found)
        except (ValueError, TypeError, AttributeError) as error:
            raise Unavailable(f"{self._place.host} told of a batch job in a form not known: {error}") from None

    def _free_call(self, client: genai.Client) -> object:
        from google.genai import types

        options = types.HttpOptions(timeout=int(1000 * min(CHECK_SECONDS, self.settings.timeout)))
        if not self.settings.project:
            return client.models.get(model=self.settings.model, config=types.GetModelConfig(http_options=options))
        # On Vertex `get` looks at neither project nor region; counting is as free and looks at both.
        counting = types.CountTokensConfig(http_options=options)
        return client.models.count_tokens(model=self.settings.model, contents="?", config=counting)

    def _list(self, client: genai.Client, token: str | None) -> object:
        from google.genai import types

        return client.batches.list(config=types.ListBatchJobsConfig(page_size=PAGE_SIZE, page_token=token))

    def _config(self, request: Request, batch: bool = False) -> types.GenerateContentConfig:
        from google.genai import types

        thinking = request.thinking or self.settings.thinking
        config = types.GenerateContentConfig(
            system_instruction=request.system or None,
            temperature=self.settings.temperature,
            top_p=self.settings.top_p,
            max_output_tokens=request.max_tokens or self.settings.max_tokens,
            # Unset, it is random. Set, a sample can be drawn again as well as the service can, and no two bodies are
            # the same, so that no cache on the way answers two samples, or a second attempt, with one text.
            seed=request.sample + 1000 * request.attempt,
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
            automatic_continuation=False,  # further calls, further costs
            should_return_http_response=True,
        )
        if thinking:
            level = types.ThinkingLevel(thinking.upper())
            config.thinking_config = types.ThinkingConfig(thinking_level=level, include_thoughts=True)
        if request.schema is not None:
            config.response_mime_type = "application/json"
            if batch:
                config.response_schema = batch_schema(request.schema)
            else:
                config.response_json_schema = dict(request.schema)
        return config

    def _ask(self, call: Callable[[genai.Client], T]) -> T:
        """Call the library, and raise our errors instead of its own."""
        client = self._connect()
        try:
            return call(client)
        except Exception as error:
            ours = told(error, self._place)
            if ours is None:
                raise
        raise ours

    def _json(self, call: Callable[[genai.Client], object]) -> dict[str, Any]:
        """The body of a call as the service sent it.

        The library's own model of a response fails on what it does not know: with batch jobs, on errors with details.
        """

        def tolerant(client: genai.Client) -> dict[str, Any]:
            self._seen.body = b""
            try:
                call(client)
            except (ValueError, TypeError, KeyError, AttributeError):
                if not self._seen.body:
                    raise  # about the request
            body = json.loads(self._seen.body)
            return body if isinstance(body, dict) else {}

        return self._ask(tolerant)

    def _keep(self, body: bytes) -> None:
        """Called with every body, in the thread that asked for it."""
        self._seen.body = body

    def _connect(self) -> genai.Client:
        with self._lock:
            if self._client is None:
                self._client = open_client(self.settings, self._place, self._keep)
            return self._client


def _contents(request: Request) -> Any:
    roles = {"assistant": "model", "user": "user"}
    return [{"role": roles[turn["role"]], "parts": [{"text": turn["content"]}]} for turn in request.messages]
