"""Requests and replies in OpenAI's Batch format: half the price, within a day, with the same log."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from attention_programs.errors import UserError
from attention_programs.files import read_text, write_text
from attention_programs.llm.backends import Replies
from attention_programs.llm.budget import Prices
from attention_programs.llm.call_log import Call, CallLog, Request, now
from attention_programs.llm.completions import read_answer, read_json

PRICE_SHARE = 0.5
"""Price of a batch relative to single calls."""
URL = "/v1/chat/completions"


@dataclass
class Export:
    """Answers from a log and collects the requests that it has no answer to."""

    log: CallLog
    missing: list[Request] = field(default_factory=list)
    """Requests without an answer."""

    def replies(self, requests: Sequence[Request]) -> Replies:
        """The available answers; heads without one are left for later."""
        found = Replies()
        for request in requests:
            if not found.take(request, self.log):
                self.missing.append(request)
                found.left.append(request.head)
        return found


def export_batch(requests: Sequence[Request], log: CallLog, path: Path) -> None:
    """Writes requests to upload and records them in the log, so that their replies can be matched."""
    lines = [
        {
            "custom_id": request.key,
            "method": "POST",
            "url": URL,
            "body": {"model": request.model, "messages": request.messages, **request.settings},
        }
        for request in requests
    ]
    write_text(path, "".join(json.dumps(line, sort_keys=True, ensure_ascii=False) + "\n" for line in lines))
    for request in requests:
        if log.exported(request.key) is None:
            log.append(Call(request.key, "exported", request, time=now()))


@dataclass(frozen=True)
class Imported:
    """What a file of replies contained."""

    answered: int
    failed: int
    known: int
    """Replies that were already in the log."""
    unreadable: tuple[str, ...] = ()
    """Lines that are not replies to an exported request, and why."""


def import_batch(path: Path, log: CallLog, prices: Prices) -> Imported:
    """Reads the replies of a batch into the log, skipping lines that can't be read.

    Raises:
        UserError: if the file has no reply to an exported request.
    """
    answered = failed = known = 0
    unreadable: list[str] = []
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = read_json(line)
            key = str(row.get("custom_id", ""))
        except (ValueError, AttributeError):
            unreadable.append(f"row {number} is not a JSON object")
            continue
        request = log.exported(key)
        if request is None:
            unreadable.append(f"row {number} ({key[:10] or 'no custom_id'}) is unknown")
            continue
        if log.answer(request) is not None:
            known += 1
            continue
        call = _call(request, row, prices)
        log.append(call)
        answered += call.status == "answered"
        failed += call.status == "failed"
    if unreadable and not answered + failed + known:
        raise UserError(f"{path}: no reply to a request in this log; {unreadable[0]}; export with --export-batch first")
    return Imported(answered, failed, known, tuple(unreadable))


def _call(request: Request, row: dict[str, Any], prices: Prices) -> Call:
    response = row.get("response")
    response = response if isinstance(response, dict) else {}
    body = response.get("body") or {}
    try:
        if row.get("error") or response.get("status_code") != 200:
            raise ValueError(json.dumps(row.get("error") or response.get("body"))[:200])
        answer = read_answer(body, request.messages)
    except ValueError as error:
        return Call(request.key, "failed", request, error=f"batch: {error}", time=now())
    return Call(
        request.key,
        "answered",
        request,
        reply=answer.reply,
        finish_reason=answer.finish_reason,
        usage=answer.usage,
        cost=round(PRICE_SHARE * prices.cost(answer.usage), 9),
        served_by={"batch": str(row.get("id", "")), "model": str(body.get("model", request.model))},
        time=now(),
    )
