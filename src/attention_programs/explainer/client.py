"""Asking a live endpoint: one call with its tries, each of which becomes an exchange."""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, cast
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx2
import openai
from openai.types.chat import ChatCompletion, ChatCompletionMessageParam

from attention_programs.config import ExplainerSettings
from attention_programs.errors import UserError
from attention_programs.explainer.budget import Prices
from attention_programs.explainer.exchanges import Exchange, Request, Usage, now

LOOPBACK = ("127.0.0.1", "localhost", "::1")
NO_KEY = "none"
"""Sent to an endpoint on this machine that needs no key."""
REMOVED = "[key removed]"
LONGEST_PAUSE = 30.0
"""Seconds between tries where the endpoint does not say."""
BUSY = (408, 409, 425, 429)
"""Statuses, beside those from 500 on, after which the same call may go well."""


@dataclass(frozen=True)
class Failure:
    """Why a try gave no reply."""

    message: str
    passing: bool
    """Whether the same call may go well later."""
    pause: float | None = None
    """Seconds that the endpoint asks to wait."""


class RedactingTransport(httpx2.BaseTransport):
    """Takes the key out of every answer before anything else sees it: endpoints echo it in errors, proxies in pages.

    Args:
        inner: What carries the calls.
        key: The key.
    """

    def __init__(self, inner: httpx2.BaseTransport, key: str) -> None:
        self._inner = inner
        self._key = key

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Carries one call."""
        response = self._inner.handle_request(request)
        content = httpx2.Response(
            response.status_code, headers=response.headers, stream=response.stream, request=request
        ).read()  # decoded, so that a compressed key is found as well
        headers = [
            (name, value.replace(self._key, REMOVED))
            for name, value in response.headers.multi_items()
            if name.lower() not in ("content-encoding", "content-length", "transfer-encoding")
        ]
        clean = content.replace(self._key.encode(), REMOVED.encode()) if self._key != NO_KEY else content
        return httpx2.Response(response.status_code, headers=headers, content=clean, request=request)

    def close(self) -> None:
        """Ends the connections."""
        self._inner.close()


def read_key(settings: ExplainerSettings) -> str:
    """The key from the environment.

    Raises:
        UserError: if there is none and the endpoint is not on this machine, or the address holds one.
    """
    address = urlsplit(settings.base_url)
    if address.username or address.password:
        raise UserError(
            f"explainer.base_url holds a name or password; take it out and put the key into ${settings.key_variable}"
        )
    if address.scheme not in ("http", "https") or not address.hostname:
        raise UserError(f"explainer.base_url is {settings.base_url!r}; write an address like https://api.openai.com/v1")
    key = os.environ.get(settings.key_variable, "").strip()
    if not key and address.hostname not in LOOPBACK:
        raise UserError(f"no key for {settings.base_url}: set the environment variable {settings.key_variable}")
    return key or NO_KEY


class Client:
    """Calls an OpenAI-compatible endpoint; usable from several threads.

    Args:
        settings: Model, address, limits.
        stop: Set to end all waiting.
    """

    def __init__(self, settings: ExplainerSettings, stop: threading.Event | None = None) -> None:
        key = read_key(settings)
        self._settings = settings
        self._stop = stop or threading.Event()
        self._prices = Prices.of(settings)
        transport = RedactingTransport(httpx2.HTTPTransport(proxy=_proxy(settings.base_url)), key)
        self._http = httpx2.Client(transport=transport, trust_env=False, follow_redirects=True)
        self._openai = openai.OpenAI(
            api_key=key,
            base_url=settings.base_url,
            timeout=settings.timeout_seconds,
            max_retries=0,  # every try is logged, so they are made here
            http_client=self._http,
        )

    def ask(self, request: Request, log: Callable[[Exchange], None]) -> Exchange:
        """Makes one call, with as many tries as the settings allow.

        Args:
            request: What to ask.
            log: Is given every try, the last one too.

        Raises:
            UserError: if the endpoint refuses the key, the model or the address: no other call would go better.
        """
        for attempt in range(1, self._settings.attempts + 1):
            exchange, failure = self._try(request, attempt)
            log(exchange)
            if failure is None or not failure.passing or attempt == self._settings.attempts:
                return exchange
            pause = min(2.0 ** (attempt - 1), LONGEST_PAUSE) if failure.pause is None else failure.pause
            if pause > self._settings.timeout_seconds or self._stop.wait(pause):
                return exchange
        raise AssertionError("attempts is 1 or more")

    def close(self) -> None:
        """Ends the connections."""
        self._http.close()

    def _try(self, request: Request, attempt: int) -> tuple[Exchange, Failure | None]:
        start = time.monotonic()
        exchange = Exchange(request.key, "failed", request, attempt=attempt, served_by=self._served_by())
        failure: Failure | None = None
        try:
            completion = self._openai.chat.completions.create(
                model=request.model,
                messages=cast(list[ChatCompletionMessageParam], request.messages),
                stream=False,
                **request.settings,
            )
            exchange, failure = self._read(exchange, completion)
        except openai.APIStatusError as error:
            failure = self._status(error)
        except openai.APITimeoutError:
            failure = Failure(f"no reply within {self._settings.timeout_seconds:g} s", passing=True)
        except openai.APIConnectionError as error:
            failure = Failure(f"no connection ({type(error.__cause__ or error).__name__})", passing=True)
        except (openai.APIError, httpx2.HTTPError, ValueError) as error:  # no JSON, or none of this shape
            failure = Failure(f"no answer in the form of the interface ({type(error).__name__})", passing=True)
        message = "" if failure is None else failure.message
        seconds = round(time.monotonic() - start, 3)
        return replace(exchange, error=message, seconds=seconds, time=now()), failure

    def _read(self, exchange: Exchange, completion: Any) -> tuple[Exchange, Failure | None]:
        """Takes the reply out of an answer, which may be anything that is JSON."""
        if not isinstance(completion, ChatCompletion):
            return exchange, Failure("no answer in the form of the interface", passing=True)
        counted = completion.usage
        usage = Usage(counted.prompt_tokens or 0, counted.completion_tokens or 0) if counted else Usage()
        exchange = replace(exchange, usage=usage, cost=self._prices.cost(usage))
        choice = completion.choices[0] if completion.choices else None
        message = choice.message if choice else None
        if choice is None or message is None:
            return exchange, Failure("an answer without choices", passing=True)
        text = message.content or message.refusal or ""
        finish = "refusal" if message.refusal and not message.content else str(choice.finish_reason or "")
        return replace(exchange, status="answered", reply=text, finish_reason=finish), None

    def _status(self, error: openai.APIStatusError) -> Failure:
        """What a status means: a refusal for good ends the run, a busy endpoint is asked again.

        Raises:
            UserError: if no other call would go better.
        """
        status, said = error.status_code, " ".join(str(error.message).split())[:200]
        place, model = self._settings.base_url, self._settings.model
        if status in (401, 403):
            raise UserError(
                f"{place} refuses the key in {self._settings.key_variable} (status {status}: {said}); set another"
            ) from None
        if status == 404:
            raise UserError(f"{place} has no model {model!r}, or no chat completions (status 404: {said})") from None
        if status == 429 and error.code == "insufficient_quota":
            raise UserError(f"{place}: the account's quota is used up ({said}); what was answered is kept") from None
        return Failure(
            f"status {status}: {said}", status in BUSY or status >= 500, _retry_after(error.response.headers)
        )

    def _served_by(self) -> dict[str, str]:
        known = {
            "address": urlsplit(self._settings.base_url).netloc,
            "model": self._settings.model,
            "quantization": self._settings.quantization,
            "file_sha256": self._settings.file_sha256,
        }
        return {name: value for name, value in known.items() if value}


def _proxy(base_url: str) -> str | None:
    """The proxy that the environment names for an address."""
    address = urlsplit(base_url)
    host = address.hostname or ""
    return None if host in LOOPBACK or proxy_bypass(host) else getproxies().get(address.scheme)


def _retry_after(headers: httpx2.Headers) -> float | None:
    """Seconds that an endpoint asks to wait, or None.

    >>> _retry_after(httpx2.Headers({"Retry-After": "7"}))
    7.0
    >>> _retry_after(httpx2.Headers({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}))
    0.0
    """
    value = headers.get("retry-after", "")
    try:
        return max(float(value), 0.0)
    except ValueError:
        pass
    try:
        return max((parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds(), 0.0)
    except (TypeError, ValueError):
        return None
