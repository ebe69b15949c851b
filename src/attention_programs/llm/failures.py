"""What a failed call means: retry later, continue without it, or end the run because every call would fail."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import openai

from attention_programs.config import ExplainerSettings
from attention_programs.errors import UserError

BUSY = (408, 409, 425, 429)
"""Statuses, besides 500 and above, after which the same call may succeed."""
_OF_THE_PROMPT = re.compile(r"\b(?:context|prompt|messages|input (?:length|tokens))\b")
"""Words of a rejection that concerns only one request."""


@dataclass(frozen=True)
class Failure:
    """Why an attempt gave no reply."""

    message: str
    passing: bool = True
    """Whether the same call may succeed later."""
    pause: float | None = None
    """Seconds that the endpoint asks to wait."""


def failure_of(error: openai.APIStatusError, settings: ExplainerSettings, sent: Iterable[str]) -> Failure:
    """What a status means.

    Raises:
        UserError: if every other call would fail, too.
    """
    status, said = error.status_code, _said(error)
    place, model = settings.base_url, settings.model
    if status in (401, 403):
        raise UserError(f"{place} rejects the key in {settings.key_variable} (status {status}: {said}); set another")
    if status == 404:
        raise UserError(
            f"{place} has no model {model!r}, or no chat completions (status 404: {said}); check explainer.model and "
            "explainer.base_url"
        )
    if status == 429 and error.code == "insufficient_quota":
        raise UserError(f"{place}: the account's quota is used up ({said}); replies so far are saved")
    if status in (400, 422):
        for name in refused_settings(said, error.param, sent):
            raise UserError(f"{place} rejects {name} (status {status}: {said}); {_remedy(name)}")
    return Failure(f"status {status}: {said}", status in BUSY or status >= 500, _retry_after(error.response.headers))


def _said(error: openai.APIStatusError) -> str:
    bare = f"Error code: {error.status_code}"
    words = error.response.text if error.message == bare else error.message.removeprefix(f"{bare} - ")
    return " ".join("".join(c if c.isprintable() else " " for c in words).split())[:300]


def refused_settings(said: str, parameter: str | None, sent: Iterable[str]) -> list[str]:
    """The settings of a request that the endpoint rejects whatever the prompt.

    >>> refused_settings("Unsupported parameter: 'max_tokens'", None, ["max_tokens", "seed"])
    ['max_tokens']
    >>> refused_settings("max_tokens and the prompt exceed the context of 4096", None, ["max_tokens", "seed"])
    []
    """
    names = list(sent)
    if parameter in names:
        return [parameter]
    if _OF_THE_PROMPT.search(said):
        return []
    return [name for name in names if re.search(rf"\b{name}\b", said)]


def _remedy(name: str) -> str:
    other = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}.get(name)
    if other:
        name = f"set explainer.max_completion_tokens_name to {other} (--max-completion-tokens-name)"
        return f"{name}, or lower explainer.max_completion_tokens"
    return f"add it to explainer.leave_out (--leave-out {name}), or change explainer.{name}"


def _retry_after(headers: Mapping[str, Any]) -> float | None:
    """Seconds that an endpoint asks to wait; None if it doesn't say.

    >>> _retry_after({"retry-after": "7"})
    7.0
    >>> print(_retry_after({"retry-after": "nan"}))
    None
    >>> _retry_after({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"})
    0.0
    """
    value = headers.get("retry-after", "")
    try:
        seconds = float(value)
        return None if math.isnan(seconds) else max(seconds, 0.0)
    except ValueError:
        pass
    try:
        return max((parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds(), 0.0)
    except (TypeError, ValueError):
        return None
