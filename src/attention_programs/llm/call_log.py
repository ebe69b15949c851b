"""The call log: every request to the explainer and its outcome, one JSON object per line, append-only."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from attention_programs.errors import UserError
from attention_programs.files import read_jsonl, sha256_text, write_text
from attention_programs.llm.completions import NO_TOKENS, Usage, spoken_text, usage_of

Status = Literal["answered", "failed", "exported"]
"""Exported calls await the reply of a batch."""


@dataclass(frozen=True)
class Request:
    """What is asked, and about which head."""

    head: str
    round: int
    """0 asks for the first programs, 1 for the first revision, and so on."""
    target: str
    """SHA-256 of the weights of the model that the head belongs to."""
    model: str
    """Name of the explainer."""
    messages: list[dict[str, str]]
    settings: dict[str, Any]
    """Temperature, seed and so on, as sent."""
    templates: dict[str, str] = field(default_factory=dict)
    """SHA-256 of each of the prompt's templates, by name."""

    @property
    def key(self) -> str:
        """SHA-256 of everything that the answer depends on: model, messages and settings."""
        return sha256_text(canonical({"messages": self.messages, "model": self.model, "settings": self.settings}))

    @property
    def prompt_sha256(self) -> str:
        """SHA-256 of the messages."""
        return sha256_text(canonical(self.messages))


@dataclass(frozen=True)
class Call:
    """A request with its reply or error."""

    key: str
    status: Status
    request: Request
    reply: str = ""
    finish_reason: str = ""
    """``stop`` or ``length`` as reported by the endpoint, ``refusal``, or ``reasoning``."""
    usage: Usage = NO_TOKENS
    cost: float = 0.0
    """In the currency of the configured prices."""
    seconds: float = 0.0
    attempt: int = 1
    error: str = ""
    served_by: dict[str, str] = field(default_factory=dict)
    """What is known about the explainer: name, quantization, file hash, address without credentials."""
    time: str = ""
    """When it finished, UTC."""

    def to_json(self) -> dict[str, Any]:
        """The call as plain JSON values."""
        return {**asdict(self), "prompt_sha256": self.request.prompt_sha256}


def now() -> str:
    """The current time as logged: UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def canonical(value: Any) -> str:
    """Canonical JSON: equal values give equal text."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


class CallLog:
    """A log in memory, optionally with a file that it is appended to.

    Args:
        calls: Earlier calls; if a request was answered several times, the last answer counts.
        path: File that new calls are appended to; None keeps them in memory only.
    """

    def __init__(self, calls: Iterable[Call] = (), path: Path | None = None) -> None:
        self._path = path
        self._all: list[Call] = []
        self._answers: dict[str, Call] = {}
        self._exported: dict[str, Request] = {}
        self._rounds: dict[tuple[str, str, int, str], Call] = {}
        for call in calls:
            self._keep(call)

    def __iter__(self) -> Iterator[Call]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def answer(self, request: Request) -> Call | None:
        """The answer to exactly this request."""
        return self._answers.get(request.key)

    def recorded(self, target: str, head: str, number: int, model: str) -> Call | None:
        """The answer for a head and round, whatever the prompt was."""
        return self._rounds.get((target, head, number, model))

    def exported(self, key: str) -> Request | None:
        """The request that was exported under this key."""
        return self._exported.get(key)

    def append(self, call: Call) -> None:
        """Adds a call, which is on disk when this returns.

        Raises:
            UserError: if it can't be written.
        """
        if self._path is not None:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                with self._path.open("ab") as stream:
                    stream.write(_line(call).encode("utf-8") + b"\n")
                    stream.flush()
                    os.fsync(stream.fileno())
            except OSError as error:
                message = (
                    f"cannot write {self._path}: {error.strerror}; free disk space or change the file's permissions"
                )
                raise UserError(message) from error
        self._keep(call)

    def _keep(self, call: Call) -> None:
        self._all.append(call)
        if call.status == "exported":
            self._exported[call.key] = call.request
        if call.status == "answered":
            request = call.request
            self._answers[call.key] = call
            self._rounds[request.target, request.head, request.round, request.model] = call


def open_log(path: Path) -> CallLog:
    """Opens a log for appending.

    A truncated last line, left by a killed process, is removed; replies that are not text and impossible token
    counts are corrected.

    Raises:
        UserError: if a line before the last is damaged.
    """
    if not path.is_file():
        return CallLog((), path)
    _mend(path)
    rows = read_jsonl(path)
    calls = _calls(rows, path)
    if any(map(_is_odd, rows)):
        write_text(path, "".join(_line(call) + "\n" for call in calls))
    return CallLog(calls, path)


def _line(call: Call) -> str:
    return json.dumps(call.to_json(), sort_keys=True, ensure_ascii=False)


def _is_odd(row: Mapping[str, Any]) -> bool:
    """Whether a line can be read as a call but has values that this version never writes."""
    return not isinstance(row.get("reply", ""), str) or min(row["usage"]["prompt"], row["usage"]["reply"]) < 0


def read_log(folder: Path) -> CallLog:
    """Reads all logs of a folder, without changing them; a missing folder counts as empty.

    Raises:
        UserError: if a line is not a call.
    """
    return CallLog(call for file in sorted(folder.glob("*.jsonl")) for call in read_calls(file))


def read_calls(path: Path) -> list[Call]:
    """Reads one file.

    Raises:
        UserError: if a line is not a call, or was altered so that its key does not match its content.
    """
    return _calls(read_jsonl(path), path)


def _calls(rows: Iterable[Mapping[str, Any]], path: Path) -> list[Call]:
    return [_call(row, f"{path}, row {number}") for number, row in enumerate(rows, start=1)]


def _call(row: Mapping[str, Any], place: str) -> Call:
    values = {name: value for name, value in row.items() if name != "prompt_sha256"}
    try:
        request = Request(**values.pop("request"))
        usage, reply = Usage(**values["usage"]), values.get("reply", "")
        if _is_odd(row):
            reply = reply if isinstance(reply, str) else spoken_text(reply)
            usage = usage_of(usage.prompt, usage.reply, request.messages, reply)
        call = Call(**{**values, "request": request, "usage": usage, "reply": reply})
    except (AttributeError, KeyError, TypeError) as error:
        raise UserError(f"{place}: not a call ({error}); remove the line") from error
    if request.key != call.key:
        raise UserError(f"{place}: key and content do not match, so the line was altered; remove it")
    return call


def _mend(path: Path) -> None:
    """Completes or removes an unterminated last line; if removed, its call was paid for but is lost."""
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole == len(content):
        return
    with path.open("r+b") as stream:
        try:
            json.loads(content[whole:])
            stream.seek(0, os.SEEK_END)
            stream.write(b"\n")
        except ValueError:
            stream.truncate(whole)
        os.fsync(stream.fileno())
