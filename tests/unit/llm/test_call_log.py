"""The call log, batches, replay, and the budget."""

import json
from pathlib import Path
from typing import Any

import pytest

from attention_programs.errors import UserError
from attention_programs.llm.backends import ReplayBackend
from attention_programs.llm.batch import Export, export_batch, import_batch
from attention_programs.llm.budget import Prices, Spending
from attention_programs.llm.call_log import Call, CallLog, Request, open_log, read_log
from attention_programs.llm.completions import Usage

MESSAGES = [{"role": "user", "content": "“Wörter” 第一"}]


def request(head: str = "L0H0", number: int = 0, content: str = "say", target: str = "w") -> Request:
    return Request(head, number, target, "m", [{"role": "user", "content": content}], {"seed": 0})


def answered(asked: Request, reply: str = "yes") -> Call:
    return Call(asked.key, "answered", asked, reply=reply, finish_reason="stop", usage=Usage(10, 2))


def test_the_key_is_that_of_model_messages_and_settings() -> None:
    one = request()
    assert one.key == request(head="L9H9", number=3, target="other").key
    assert one.key != request(content="say!").key
    assert one.key != Request("L0H0", 0, "w", "m2", one.messages, one.settings).key
    assert one.key != Request("L0H0", 0, "w", "m", one.messages, {"seed": 1}).key


def test_a_log_survives_its_file(tmp_path: Path) -> None:
    path = tmp_path / "folder/log.jsonl"
    log = open_log(path)
    asked = Request("L0H0", 0, "w", "m", MESSAGES, {"seed": 0}, {"system.md.j2": "abc"})
    log.append(Call(asked.key, "failed", asked, error="status 500"))
    assert log.answer(asked) is None
    log.append(answered(asked, "第一 \u2028 line"))
    assert list(open_log(path)) == list(log)
    found = read_log(tmp_path / "folder").answer(asked)
    assert found is not None
    assert found.reply == "第一 \u2028 line"
    assert read_log(tmp_path / "none").answer(asked) is None


@pytest.mark.parametrize("torn", ["{", '{"key": "abc", "status"', '{"key": "ä'])
def test_a_torn_last_line_is_removed(torn: str, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    open_log(path).append(answered(request()))
    whole = path.read_bytes()
    path.write_bytes(whole + torn.encode()[:-1] + torn.encode()[-1:])
    log = open_log(path)
    assert len(log) == 1
    assert path.read_bytes() == whole
    log.append(answered(request("L0H1", content="more")))
    assert len(open_log(path)) == 2


def test_a_last_line_that_only_lacks_its_end_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    open_log(path).append(answered(request()))
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    assert len(open_log(path)) == 1
    assert path.read_bytes() == whole


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"key": "0" * 64}, "row 1: key and content do not match"),
        ({"request": {}}, "row 1: not a call"),
        ({"surprise": 1}, "row 1: not a call"),
    ],
)
def test_a_line_that_was_altered_is_named(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps({**answered(request()).to_json(), **change}) + "\n")
    with pytest.raises(UserError, match=message):
        open_log(path)


def test_replay_takes_the_round_of_the_head_and_counts_equal_prompts() -> None:
    replay = ReplayBackend(
        CallLog([answered(request(), "one"), answered(request("L0H1", content="old"), "two")]), "here"
    )
    found = replay.replies([request(), request("L0H1", content="new")])
    assert [call.reply for call in found.answers.values()] == ["one", "two"]
    assert found.prompts_reproduced_verbatim == 1


@pytest.mark.parametrize(
    "missing",
    [request("L5H1", content="x"), request(number=1, content="x"), request(target="other model", content="x")],
)
def test_replay_names_what_is_missing(missing: Request) -> None:
    replay = ReplayBackend(CallLog([answered(request())]), "library/exchanges")
    with pytest.raises(UserError, match=rf"library/exchanges has no reply of 'm' for head {missing.head}, round"):
        replay.replies([missing])


def test_a_failed_call_is_no_answer_in_replay() -> None:
    asked = request()
    with pytest.raises(UserError, match="no reply"):
        ReplayBackend(CallLog([Call(asked.key, "failed", asked, error="x")]), "here").replies([asked])


def batch_line(key: str, content: str = "yes", **change: Any) -> dict[str, Any]:
    body = {
        "model": "m-2026",
        "choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": content}}],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 100},
    }
    return {"id": "b", "custom_id": key, "response": {"status_code": 200, "body": body}, "error": None, **change}


def test_a_batch_goes_out_and_comes_back(tmp_path: Path) -> None:
    log = open_log(tmp_path / "log.jsonl")
    log.append(answered(request()))
    export = Export(log)
    found = export.replies([request(), request("L0H1", content="b"), request("L0H2", content="c")])
    assert (list(found.answers), found.left) == (["L0H0"], ["L0H1", "L0H2"])
    export_batch(export.missing, log, tmp_path / "requests.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "requests.jsonl").read_text().splitlines()]
    assert [line["custom_id"] for line in lines] == [asked.key for asked in export.missing]
    assert lines[0]["body"] == {"model": "m", "messages": request(content="b").messages, "seed": 0}
    assert (lines[0]["method"], lines[0]["url"]) == ("POST", "/v1/chat/completions")

    replies = [
        batch_line(lines[0]["custom_id"]),
        batch_line(lines[1]["custom_id"], response={"status_code": 429, "body": {"error": "busy"}}),
        batch_line("somebody else's"),
    ]
    (tmp_path / "replies.jsonl").write_text("".join(json.dumps(row) + "\n" for row in replies))
    again = open_log(tmp_path / "log.jsonl")  # the log alone knows what was exported
    imported = import_batch(tmp_path / "replies.jsonl", again, Prices(2.0, 10.0))
    assert (imported.answered, imported.failed, imported.known) == (1, 1, 0)
    taken = again.answer(request("L0H1", content="b"))
    assert taken is not None
    assert (taken.reply, taken.cost, taken.usage) == ("yes", 0.0015, Usage(1000, 100))
    assert again.answer(request("L0H2", content="c")) is None
    assert import_batch(tmp_path / "replies.jsonl", again, Prices()).known == 1


@pytest.mark.parametrize(
    "change", [{"response": None}, {"response": {}}, {"response": {"status_code": 200, "body": {}}}]
)
def test_a_malformed_reply_of_a_batch_is_a_failed_call(change: dict[str, Any], tmp_path: Path) -> None:
    log = CallLog()
    export_batch([request()], log, tmp_path / "requests.jsonl")
    (tmp_path / "replies.jsonl").write_text(json.dumps(batch_line(request().key, **change)) + "\n")
    assert import_batch(tmp_path / "replies.jsonl", log, Prices()).failed == 1


def test_replies_to_nothing_that_was_exported_are_refused(tmp_path: Path) -> None:
    (tmp_path / "replies.jsonl").write_text(json.dumps(batch_line("abc")) + "\n")
    with pytest.raises(UserError, match=r"row 1 \(abc\) is unknown; export with --export-batch first"):
        import_batch(tmp_path / "replies.jsonl", CallLog(), Prices())


def test_the_budget_counts_calls_under_way() -> None:
    spending = Spending(Prices(1e6, 1e6), max_tokens=100)
    assert spending.reserve("a", Usage(30, 20))
    assert not spending.reserve("b", Usage(30, 21))
    spending.settle("a", Usage(10, 5), answered=True)
    assert spending.reserve("b", Usage(30, 21))
    spending.settle("b", Usage(), answered=False)
    assert spending.line() == "2 calls (1 failed), 10 + 5 tokens, cost 15.0000; 85 tokens left of 100"


def test_a_log_with_chunks_and_odd_counts_is_repaired(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    row = answered(request()).to_json()
    chunks = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "yes"}]
    odd = {**row, "reply": chunks, "usage": {"prompt": -10, "reply": 2}}
    path.write_text(json.dumps(odd) + "\n" + json.dumps(answered(request("L0H1", content="b")).to_json()) + "\n")
    taken = read_log(tmp_path).answer(request())
    assert taken is not None
    assert (taken.reply, taken.usage) == ("yes", Usage(1, 2, estimated=True))
    assert json.loads(path.read_text().splitlines()[0]) == odd  # reading alone changes no file
    log = open_log(path)
    assert json.loads(path.read_text().splitlines()[0])["reply"] == "yes"
    assert list(open_log(path)) == list(log)
    assert len(log) == 2


def test_bad_lines_of_a_batch_cost_none_of_the_good_ones(tmp_path: Path) -> None:
    log = open_log(tmp_path / "log.jsonl")
    asked = [request(f"L0H{i}", content=str(i)) for i in range(2)]
    export_batch(asked, log, tmp_path / "requests.jsonl")
    lines = [
        json.dumps(batch_line(asked[0].key, "HERE")).replace("HERE", r"ok \ud83d"),
        "{half",
        "[1]",
        json.dumps(batch_line(asked[1].key)),
    ]
    (tmp_path / "replies.jsonl").write_text("\n".join(lines) + "\n")
    imported = import_batch(tmp_path / "replies.jsonl", log, Prices())
    assert (imported.answered, imported.failed) == (2, 0)
    assert imported.unreadable == ("row 2 is not a JSON object", "row 3 is not a JSON object")
    taken = open_log(tmp_path / "log.jsonl").answer(asked[0])
    assert taken is not None
    assert taken.reply == "ok \ufffd"
