"""The client against a server on this machine that does what endpoints do."""

import base64
import gzip
import json
import socket
import threading
import time
import traceback
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request as HttpRequest
from werkzeug import Response

from attention_programs.config import ExplainerSettings
from attention_programs.errors import UserError
from attention_programs.llm.backends import LiveBackend
from attention_programs.llm.budget import Spending
from attention_programs.llm.call_log import Call, Request, open_log
from attention_programs.llm.client import Client, read_key

KEY = "sk-test-0123456789"
PATH = "/v1/chat/completions"
PROGRAM = '```python\ndef program(text):\n    """Rests — “first” 第一."""\n    return text.first_token\n```'


def completion(content: str | None, finish: str = "stop", **message: Any) -> dict[str, Any]:
    return {
        "id": "x",
        "object": "chat.completion",
        "created": 0,
        "model": "served",
        "choices": [
            {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": content, **message}}
        ],
        "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
    }


def request(head: str = "L0H0", content: str = "say") -> Request:
    return Request(head, 0, "weights", "model", [{"role": "user", "content": content}], {"max_tokens": 50, "seed": 0})


@pytest.fixture
def settings(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> ExplainerSettings:
    monkeypatch.setenv("TEST_KEY", KEY)
    return ExplainerSettings(
        model="model", base_url=httpserver.url_for("/v1"), key_variable="TEST_KEY", attempts=3, timeout_seconds=2.0,
        concurrency=2, price_prompt=2.0, price_reply=10.0, max_completion_tokens=50,
    )  # fmt: skip


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the client waits between tries; nobody waits."""
    waited: list[float] = []

    def wait(self: threading.Event, timeout: float | None = None) -> bool:
        waited.append(timeout or 0.0)
        return self.is_set()

    class Event(threading.Event):
        pass

    Event.wait = wait  # type: ignore[method-assign]
    monkeypatch.setattr("attention_programs.llm.client.threading.Event", Event)
    return waited


def ask(settings: ExplainerSettings) -> list[Call]:
    tries: list[Call] = []
    client = Client(settings)
    try:
        client.ask(request(), tries.append)
    finally:
        client.close()
    return tries


def test_an_answer(httpserver: HTTPServer, settings: ExplainerSettings) -> None:
    httpserver.expect_request(PATH, headers={"Authorization": f"Bearer {KEY}"}).respond_with_json(completion(PROGRAM))
    (call,) = ask(settings)
    assert (call.status, call.reply, call.finish_reason) == ("answered", PROGRAM, "stop")
    assert (call.usage.prompt, call.usage.reply, call.cost) == (100, 20, 0.0004)
    sent = httpserver.log[0][0].get_json()
    assert sent == {"model": "model", "messages": request().messages, "max_tokens": 50, "seed": 0, "stream": False}


def test_busy_then_well(httpserver: HTTPServer, settings: ExplainerSettings, pauses: list[float]) -> None:
    httpserver.expect_ordered_request(PATH).respond_with_data("slow down", 429, {"Retry-After": "1.5"})
    httpserver.expect_ordered_request(PATH).respond_with_data("oops", 500)
    httpserver.expect_ordered_request(PATH).respond_with_json(completion("fine"))
    tries = ask(settings)
    assert [(t.status, t.attempt) for t in tries] == [("failed", 1), ("failed", 2), ("answered", 3)]
    assert "status 429" in tries[0].error
    assert "status 500" in tries[1].error
    assert pauses == [1.5, 2.0]


def test_an_endpoint_that_wants_too_long_a_pause_is_left(
    httpserver: HTTPServer, settings: ExplainerSettings, pauses: list[float]
) -> None:
    httpserver.expect_request(PATH).respond_with_data("later", 429, {"Retry-After": "3600"})
    assert len(ask(settings)) == 1
    assert not pauses


def test_a_refused_request_is_not_asked_again(httpserver: HTTPServer, settings: ExplainerSettings) -> None:
    httpserver.expect_request(PATH).respond_with_json({"error": {"message": "context too long"}}, 400)
    (call,) = ask(settings)
    assert call.status == "failed"
    assert "context too long" in call.error


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("{half", "no answer in the form of the interface"),
        ("[]", "no answer in the form of the interface"),
        (json.dumps({**completion("x"), "choices": []}), "without choices"),
        (json.dumps({**completion("x"), "choices": None}), "without choices"),
    ],
)
def test_answers_that_are_none(
    body: str, error: str, httpserver: HTTPServer, settings: ExplainerSettings, pauses: list[float]
) -> None:
    httpserver.expect_request(PATH).respond_with_data(body, content_type="application/json")
    tries = ask(settings)
    assert [t.status for t in tries] == ["failed"] * 3
    assert all(error in t.error for t in tries)
    assert pauses == [1.0, 2.0]


def test_a_refusal_is_an_answer(httpserver: HTTPServer, settings: ExplainerSettings) -> None:
    httpserver.expect_request(PATH).respond_with_json(completion(None, refusal="I can't help with that."))
    (call,) = ask(settings)
    assert (call.status, call.finish_reason) == ("answered", "refusal")


def test_no_reply_in_time(httpserver: HTTPServer, settings: ExplainerSettings, pauses: list[float]) -> None:
    def slow(_: HttpRequest) -> Response:
        time.sleep(0.6)
        return Response("{}")

    httpserver.expect_request(PATH).respond_with_handler(slow)
    tries = ask(replace(settings, timeout_seconds=0.2, attempts=1))
    assert "no reply within 0.2 s" in tries[0].error


@pytest.fixture
def cut_off() -> Iterator[str]:
    """An endpoint that breaks off in the middle of its answer."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                connection.sendall(
                    b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n{"id"'
                )

    threading.Thread(target=serve, daemon=True).start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    listener.close()


def test_a_connection_that_breaks_off(cut_off: str, settings: ExplainerSettings, pauses: list[float]) -> None:
    tries = ask(replace(settings, base_url=cut_off, attempts=2))
    assert [t.status for t in tries] == ["failed", "failed"]
    assert "no connection" in tries[0].error or "no answer" in tries[0].error


def test_nobody_listens(settings: ExplainerSettings, pauses: list[float]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    tries = ask(replace(settings, base_url=f"http://127.0.0.1:{port}/v1", attempts=2))
    assert "no connection" in tries[1].error


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (401, {"error": {"message": f"bad key {KEY}"}}, "rejects the key in TEST_KEY"),
        (403, {"error": {"message": "no"}}, "rejects the key"),
        (404, {"error": {"message": "no such model"}}, "has no model 'model'"),
        (429, {"error": {"message": "pay", "code": "insufficient_quota"}}, "quota is used up"),
    ],
)
def test_what_no_other_call_would_fix_ends_the_run(
    status: int, body: dict[str, Any], message: str, httpserver: HTTPServer, settings: ExplainerSettings
) -> None:
    httpserver.expect_request(PATH).respond_with_json(body, status)
    with pytest.raises(UserError, match=message) as caught:
        ask(settings)
    assert KEY not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("status", [200, 400, 500])
def test_an_echoed_key_is_nowhere(
    status: int, httpserver: HTTPServer, settings: ExplainerSettings, pauses: list[float], tmp_path: Path
) -> None:
    body = completion(f"your key is {KEY}") if status == 200 else {"error": {"message": f"key {KEY} is odd"}}
    httpserver.expect_request(PATH).respond_with_json(body, status, headers={"x-echo": KEY})
    log = open_log(tmp_path / "log.jsonl")
    client = Client(settings)
    client.ask(request(), log.append)
    client.close()
    written = (tmp_path / "log.jsonl").read_text()
    assert KEY not in written
    assert "[key removed]" in written


def test_keys_and_addresses(settings: ExplainerSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_key(settings) == KEY
    monkeypatch.delenv("TEST_KEY")
    assert read_key(settings) == "none"  # this machine needs none
    with pytest.raises(UserError, match="set the environment variable TEST_KEY"):
        read_key(replace(settings, base_url="https://api.example.org/v1"))
    with pytest.raises(UserError, match="remove it and put the key"):
        read_key(replace(settings, base_url="https://me:secret@api.example.org/v1"))
    with pytest.raises(UserError, match="use a URL such as"):
        read_key(replace(settings, base_url="api.example.org"))


def live(settings: ExplainerSettings, path: Path) -> tuple[LiveBackend, Spending]:
    stop = threading.Event()
    spending = Spending.of(settings)
    return LiveBackend(open_log(path), Client(settings, stop), spending, settings, stop), spending


def test_a_rerun_pays_for_what_is_missing(httpserver: HTTPServer, settings: ExplainerSettings, tmp_path: Path) -> None:
    httpserver.expect_request(PATH).respond_with_json(completion("x"))
    requests = [request("L0H0", "a"), request("L0H1", "b")]
    first, spending = live(settings, tmp_path / "log.jsonl")
    assert set(first.replies(requests).answers) == {"L0H0", "L0H1"}
    assert spending.line() == "2 calls, 200 + 40 tokens, cost 0.0008"
    again, spending = live(settings, tmp_path / "log.jsonl")
    assert set(again.replies([*requests, request("L0H2", "c")]).answers) == {"L0H0", "L0H1", "L0H2"}
    assert spending.calls == 1
    assert len(httpserver.log) == 3


def test_a_failed_call_is_logged_and_asked_again(
    httpserver: HTTPServer, settings: ExplainerSettings, tmp_path: Path
) -> None:
    httpserver.expect_ordered_request(PATH).respond_with_json({"error": {"message": "no"}}, 400)
    httpserver.expect_ordered_request(PATH).respond_with_json(completion("x"))
    first, spending = live(settings, tmp_path / "log.jsonl")
    found = first.replies([request()])
    assert not found.answers
    assert list(found.failed) == ["L0H0"]
    assert spending.line().startswith("1 call (1 failed)")
    again, _ = live(settings, tmp_path / "log.jsonl")
    assert list(again.replies([request()]).answers) == ["L0H0"]
    assert [e.status for e in open_log(tmp_path / "log.jsonl")] == ["failed", "answered"]


@pytest.mark.parametrize(("bound", "answered"), [({"max_tokens": 150}, 1), ({"max_cost": 0.0012}, 2)])
def test_the_budget_stops_cleanly(
    bound: dict[str, Any], answered: int, httpserver: HTTPServer, settings: ExplainerSettings, tmp_path: Path
) -> None:
    httpserver.expect_request(PATH).respond_with_json(completion("x"))
    asking, spending = live(replace(settings, concurrency=1, **bound), tmp_path / "log.jsonl")
    found = asking.replies([request(f"L0H{i}", str(i)) for i in range(4)])
    assert list(found.answers) == [f"L0H{i}" for i in range(answered)]
    assert found.left == [f"L0H{i}" for i in range(answered, 4)]
    assert "left of" in spending.line()


def test_an_interrupt_loses_nothing_that_was_paid_for(
    httpserver: HTTPServer, settings: ExplainerSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    httpserver.expect_request(PATH).respond_with_json(completion("x"))

    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("attention_programs.llm.backends.wait", interrupted)
    asking, _ = live(settings, tmp_path / "log.jsonl")
    with pytest.raises(KeyboardInterrupt):
        asking.replies([request(f"L0H{i}", str(i)) for i in range(5)])
    kept = list(open_log(tmp_path / "log.jsonl"))
    assert [call.status for call in kept] == ["answered"] * 2  # those under way, and no more


def logged(settings: ExplainerSettings, path: Path) -> list[Call]:
    """Asks once; what the log's file then holds."""
    log = open_log(path)
    client = Client(settings)
    try:
        client.ask(request(), log.append)
    finally:
        client.close()
    return list(open_log(path))


def test_half_a_character_is_replaced_and_the_reply_kept(
    httpserver: HTTPServer, settings: ExplainerSettings, tmp_path: Path
) -> None:
    body = json.dumps(completion("HERE")).replace("HERE", r"ok \ud83d and \ud83d\ude00")
    httpserver.expect_request(PATH).respond_with_data(body, content_type="application/json")
    (call,) = logged(settings, tmp_path / "log.jsonl")
    assert (call.status, call.reply) == ("answered", "ok \ufffd and \U0001f600")


def test_thoughts_in_chunks_stay_out_of_the_log(
    httpserver: HTTPServer, settings: ExplainerSettings, tmp_path: Path
) -> None:
    chunks = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": PROGRAM}]
    body: dict[str, Any] = completion(None)
    body["choices"][0]["message"]["content"] = chunks
    httpserver.expect_request(PATH).respond_with_json(body)
    (call,) = logged(settings, tmp_path / "log.jsonl")
    assert call.reply == PROGRAM
    assert '"reply": "```python' in (tmp_path / "log.jsonl").read_text()


@pytest.mark.parametrize("key", ["text", "x", "EMPTY", "token"])
def test_a_key_that_is_a_word_leaves_replies_as_they_came(
    key: str, httpserver: HTTPServer, settings: ExplainerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_KEY", key)
    httpserver.expect_request(PATH).respond_with_json(completion(PROGRAM))
    assert ask(settings)[0].reply == PROGRAM


SPELLED_KEY = "sk-ab/cd+ef0123456789"


@pytest.mark.parametrize("status", [200, 400, 401, 500])
@pytest.mark.parametrize(
    "spelling",
    [
        r"sk-ab\/cd+ef0123456789",
        r"sk-ab\u002fcd+ef0123456789",
        base64.b64encode(SPELLED_KEY.encode()).decode(),
        base64.b64encode(f"me:{SPELLED_KEY}".encode()).decode(),
        quote(SPELLED_KEY, safe=""),
    ],
)
def test_no_spelling_of_the_key_comes_through(
    spelling: str, status: int, httpserver: HTTPServer, settings: ExplainerSettings, monkeypatch: pytest.MonkeyPatch,
    pauses: list[float], tmp_path: Path,
) -> None:  # fmt: skip
    monkeypatch.setenv("TEST_KEY", SPELLED_KEY)
    body = json.dumps(completion("HERE") if status == 200 else {"error": {"message": "odd: HERE"}})
    httpserver.expect_request(PATH).respond_with_data(
        body.replace("HERE", spelling), status, content_type="application/json"
    )
    said = ""
    try:
        logged(settings, tmp_path / "log.jsonl")
    except UserError as error:
        said = "".join(traceback.format_exception(error))
    said += (tmp_path / "log.jsonl").read_text() if (tmp_path / "log.jsonl").exists() else ""
    assert "[key removed]" in said
    assert not any(part in said for part in ("cd+ef0123456789", "cd%2Bef", "Y2QrZWYwMTIzNDU2", "cTpzay1hYi9jZCtlZ"))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            {"error": {"message": "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
                       "'max_completion_tokens' instead.", "param": "max_tokens", "code": "unsupported_parameter"}},
            r"rejects max_tokens .*set explainer\.max_completion_tokens_name to max_completion_tokens",
        ),
        (
            {"error": {"message": "Unsupported value: only the default (1) is supported", "param": "seed"}},
            r"rejects seed .*add it to explainer\.leave_out \(--leave-out seed\)",
        ),
        ({"detail": [{"loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]}, "rejects seed"),
    ],
)  # fmt: skip
def test_a_refused_parameter_ends_the_run_at_once(
    body: dict[str, Any], message: str, httpserver: HTTPServer, settings: ExplainerSettings, tmp_path: Path
) -> None:
    httpserver.expect_request(PATH).respond_with_json(body, 400)
    asking, _ = live(replace(settings, concurrency=1), tmp_path / "log.jsonl")
    with pytest.raises(UserError, match=message):
        asking.replies([request(f"L0H{i}", str(i)) for i in range(9)])
    assert len(httpserver.log) == 1


def test_a_prompt_that_is_too_long_fails_alone(httpserver: HTTPServer, settings: ExplainerSettings) -> None:
    said = "max_tokens is too large: the prompt has 4,000 tokens and the context 4,096"
    httpserver.expect_request(PATH).respond_with_json({"error": {"message": said}}, 400)
    (call,) = ask(settings)
    assert said in call.error


def test_counts_that_can_not_be_true_never_lower_the_spending(
    httpserver: HTTPServer, settings: ExplainerSettings, tmp_path: Path
) -> None:
    httpserver.expect_ordered_request(PATH).respond_with_json(
        {**completion("It rests."), "usage": {"prompt_tokens": -10, "completion_tokens": 40}}
    )
    httpserver.expect_ordered_request(PATH).respond_with_json({**completion("It rests."), "usage": None})
    asking, spending = live(replace(settings, concurrency=1), tmp_path / "log.jsonl")
    asking.replies([request("L0H0", "Which tokens?"), request("L0H1", "Which tokens then?")])
    assert spending.line() == (
        "2 calls, 7 + 43 tokens (estimated for 2, which the endpoint did not count), cost 0.0004"
    )


def test_keys_that_no_call_can_carry(settings: ExplainerSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", "sk-“quoted”-0123456789")
    with pytest.raises(UserError, match="the key in TEST_KEY has a character that can't be sent"):
        read_key(settings)
    with pytest.raises(UserError, match="remove it and put the key"):
        read_key(replace(settings, base_url="https://api.example.org/v1?key=secret"))


def test_an_answer_that_drips_on_is_left(httpserver: HTTPServer, settings: ExplainerSettings) -> None:
    def drip(_: HttpRequest) -> Response:
        def pieces() -> Iterator[bytes]:
            for _ in range(60):
                time.sleep(0.05)
                yield b" "

        return Response(pieces(), content_type="application/json")

    httpserver.expect_request(PATH).respond_with_handler(drip)
    (call,) = ask(replace(settings, timeout_seconds=0.3, attempts=1))
    assert call.error == "no reply within 0.3 s"
    assert call.seconds < 2


def test_an_answer_without_measure_is_left(
    httpserver: HTTPServer, settings: ExplainerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("attention_programs.llm.client.MAX_BYTES", 1000)
    body = gzip.compress(json.dumps(completion("x" * 100_000)).encode())
    httpserver.expect_request(PATH).respond_with_data(
        body, content_type="application/json", headers={"Content-Encoding": "gzip"}
    )
    (call,) = ask(replace(settings, attempts=1))
    assert call.status == "failed"
    assert "DecodingError" in call.error


def test_signs_that_steer_a_terminal_are_taken_out_of_errors(
    httpserver: HTTPServer, settings: ExplainerSettings
) -> None:
    httpserver.expect_request(PATH).respond_with_json({"error": {"message": "bad \x1b[2J\n request"}}, 400)
    assert ask(settings)[0].error == "status 400: bad [2J request"
