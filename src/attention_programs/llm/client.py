"""The client of a live endpoint: one request with retries, each attempt logged as a call."""

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, cast
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx2
import openai
from openai import BaseModel
from openai.types.chat import ChatCompletionMessageParam

from attention_programs.config import ExplainerSettings
from attention_programs.errors import UserError
from attention_programs.llm.budget import Prices
from attention_programs.llm.call_log import Call, Request, now
from attention_programs.llm.completions import NO_TOKENS, Usage, read_answer, read_json, read_usage
from attention_programs.llm.failures import Failure, failure_of
from attention_programs.llm.secrets import Redaction

LOOPBACK = ("127.0.0.1", "localhost", "::1")
NO_KEY = "none"
"""Sent to an endpoint on this machine that needs no key."""
MAX_BYTES = 2**24
"""Maximum size of a decompressed answer."""
LONGEST_PAUSE = 30.0
"""Maximum seconds between attempts if the endpoint does not say."""


class CleaningTransport(httpx2.BaseTransport):
    """Cleans every answer before anything else sees it, traces included.

    Endpoints echo the key in errors, proxies in their pages; and JSON can contain lone surrogates, which files can't.

    Args:
        inner: The transport that sends the calls.
        redaction: Removes the key.
        seconds: Time limit for a whole answer, even while parts of it keep arriving.
    """

    def __init__(self, inner: httpx2.BaseTransport, redaction: Redaction, seconds: float) -> None:
        self._inner = inner
        self._redaction = redaction
        self._seconds = seconds

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Sends one request and cleans its answer."""
        start = time.monotonic()
        with contextlib.closing(self._inner.handle_request(request)) as response:
            decoded = httpx2.Response(  # so that the key is found in compressed answers, too
                response.status_code, headers=response.headers, stream=response.stream, request=request
            )
            content = self._whole(decoded.iter_bytes(), start)
        failed = response.status_code != 200
        headers = [
            (name, self._redaction.clean(value, of_an_error=True))
            for name, value in response.headers.multi_items()
            if name.lower() not in ("content-encoding", "content-length", "transfer-encoding")
        ]
        text = self._redaction.clean(content.decode("utf-8", errors="replace"), failed)
        with contextlib.suppress(ValueError):  # whatever is not JSON is reported when it is read
            text = self._redaction.clean(json.dumps(read_json(text), ensure_ascii=False), failed)
        return httpx2.Response(response.status_code, headers=headers, content=text.encode(), request=request)

    def _whole(self, pieces: Iterator[bytes], start: float) -> bytes:
        content = bytearray()
        for piece in pieces:
            content += piece
            if len(content) > MAX_BYTES:
                raise httpx2.DecodingError(f"an answer of more than {MAX_BYTES:,} bytes")
            if time.monotonic() - start > self._seconds:
                raise httpx2.ReadTimeout("an answer without an end")
        return bytes(content)

    def close(self) -> None:
        """Closes the connections."""
        self._inner.close()


def read_key(settings: ExplainerSettings) -> str:
    """The key from the environment.

    Raises:
        UserError: if there is none for a remote endpoint, it can't be sent, or the address contains credentials.
    """
    address = urlsplit(settings.base_url)
    if address.username or address.password or address.query:
        raise UserError(
            "explainer.base_url contains a user name, a password or a query; remove it and put the key into "
            f"${settings.key_variable}"
        )
    if address.scheme not in ("http", "https") or not address.hostname:
        raise UserError(f"explainer.base_url is {settings.base_url!r}; use a URL such as https://api.openai.com/v1")
    key = os.environ.get(settings.key_variable, "").strip()
    if not key and address.hostname not in LOOPBACK:
        raise UserError(f"no key for {settings.base_url}: set the environment variable {settings.key_variable}")
    if not (key.isascii() and key.isprintable()):
        raise UserError(f"the key in {settings.key_variable} has a character that can't be sent; set it again")
    return key or NO_KEY


class Client:
    """A thread-safe client of an OpenAI-compatible endpoint."""

    def __init__(self, settings: ExplainerSettings, stop: threading.Event | None = None) -> None:
        key = read_key(settings)
        self._settings = settings
        self._stop = stop or threading.Event()
        known = {
            "address": urlsplit(settings.base_url).netloc,
            "model": settings.model,
            "quantization": settings.quantization,
            "file_sha256": settings.file_sha256,
        }
        self._served_by = {name: value for name, value in known.items() if value}
        self._prices = Prices.of(settings)
        carrier = httpx2.HTTPTransport(proxy=_proxy(settings.base_url))
        transport = CleaningTransport(carrier, Redaction(key), settings.timeout_seconds)
        self._http = httpx2.Client(transport=transport, trust_env=False, follow_redirects=True)
        self._openai = openai.OpenAI(
            api_key=key,
            base_url=settings.base_url,
            timeout=settings.timeout_seconds,
            max_retries=0,  # retries are made here, as every attempt is logged
            http_client=self._http,
        )

    def ask(self, request: Request, log: Callable[[Call], None]) -> Call:
        """Makes one call, with as many attempts as the settings allow.

        Raises:
            UserError: if the endpoint rejects the key, the model or the address, so that every call would fail.
        """
        for attempt in range(1, self._settings.attempts + 1):
            call, failure = self._try(request, attempt)
            log(call)
            if failure is None or not failure.passing or attempt == self._settings.attempts:
                return call
            pause = min(2.0 ** (attempt - 1), LONGEST_PAUSE) if failure.pause is None else failure.pause
            if pause > self._settings.timeout_seconds or self._stop.wait(pause):
                return call
        raise AssertionError("attempts is 1 or more")

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def _try(self, request: Request, attempt: int) -> tuple[Call, Failure | None]:
        start = time.monotonic()
        call = Call(request.key, "failed", request, attempt=attempt, served_by=self._served_by)
        failure: Failure | None
        try:
            completion = self._openai.chat.completions.create(
                model=request.model,
                messages=cast(list[ChatCompletionMessageParam], request.messages),
                stream=False,
                **request.settings,
            )
            call, failure = self._read(call, completion)
        except openai.APIStatusError as error:
            try:
                failure = failure_of(error, self._settings, request.settings)
            except UserError as told:
                raise told from None  # its cause contains the whole call
        except openai.APITimeoutError:
            failure = Failure(f"no reply within {self._settings.timeout_seconds:g} s")
        except openai.APIConnectionError as error:
            failure = Failure(f"no connection ({type(error.__cause__ or error).__name__})")
        except (openai.APIError, httpx2.HTTPError, ValueError) as error:  # not JSON, or not of this shape
            failure = Failure(f"no answer in the form of the interface ({type(error).__name__})")
        message = "" if failure is None else failure.message
        seconds = round(time.monotonic() - start, 3)
        return replace(call, error=message, seconds=seconds, time=now()), failure

    def _read(self, call: Call, completion: Any) -> tuple[Call, Failure | None]:
        messages = call.request.messages
        body = completion.to_dict(mode="python", warnings=False) if isinstance(completion, BaseModel) else completion
        try:
            answer = read_answer(body, messages)
        except ValueError as error:
            counted = isinstance(body, dict) and body.get("usage")
            spent = read_usage(body, messages, "") if counted else NO_TOKENS  # paid for, whatever else is in it
            return self._paid(call, spent), Failure(str(error))
        call = replace(call, status="answered", reply=answer.reply, finish_reason=answer.finish_reason)
        return self._paid(call, answer.usage), None

    def _paid(self, call: Call, usage: Usage) -> Call:
        return replace(call, usage=usage, cost=self._prices.cost(usage))


def _proxy(base_url: str) -> str | None:
    address = urlsplit(base_url)
    host = address.hostname or ""
    return None if host in LOOPBACK or proxy_bypass(host) else getproxies().get(address.scheme)
