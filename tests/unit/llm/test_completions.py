"""Endpoints' answers, and what is read from them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attention_programs.config import ExplainerSettings
from attention_programs.errors import UserError
from attention_programs.llm.call_log import Call, Request
from attention_programs.llm.command import require_programs
from attention_programs.llm.completions import Answer, Usage, read_answer, read_json
from attention_programs.llm.failures import refused_settings
from attention_programs.llm.replies import ReplyProblem, parse_reply
from attention_programs.llm.secrets import REMOVED, SHORTEST_SECRET, Redaction
from attention_programs.llm.synthesis import request_settings
from attention_programs.llm.synthesis_summary import HeadSynthesis, SynthesisResult

MESSAGES = [{"role": "user", "content": "Which tokens?"}]
PROGRAM = 'def program(text):\n    """Rests."""\n    return text.first_token'
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


def body(content: Any, finish: Any = "stop", usage: Any = None, **message: Any) -> dict[str, Any]:
    return {"choices": [{"finish_reason": finish, "message": {"content": content, **message}}], "usage": usage}


@pytest.mark.parametrize(
    ("content", "reply"),
    [
        ("It rests.", "It rests."),
        (["It ", {"type": "text", "text": "rests."}], "It rests."),
        ([{"type": "reasoning", "text": "hm"}, {"type": "output_text", "text": "It rests."}], "It rests."),
        ([{"type": "text", "text": 3}, 7, None], ""),
        ({"text": "x"}, ""),
        ("half \ud83d", "half \ufffd"),
    ],
)
def test_the_text_of_a_reply(content: Any, reply: str) -> None:
    assert read_answer(body(content), MESSAGES).reply == reply


@pytest.mark.parametrize(
    ("answer", "finish"),
    [
        (body(None, "length", reasoning_content="Let me think"), "reasoning"),
        (body("", "length", reasoning="Let me think"), "reasoning"),
        (body(None, "length", usage={"completion_tokens_details": {"reasoning_tokens": 400}}), "reasoning"),
        (body(None, "length"), "length"),
        (body("It re", "MAX_TOKENS"), "length"),
        (body("It re", "length", reasoning_content="Let me think"), "length"),
        (body(None, "stop", refusal="No."), "refusal"),
        (body("It rests.", None), ""),
    ],
)
def test_why_a_reply_ended(answer: dict[str, Any], finish: str) -> None:
    assert read_answer(answer, MESSAGES).finish_reason == finish


@pytest.mark.parametrize(
    ("counted", "usage"),
    [
        ({"prompt_tokens": 5, "completion_tokens": 9}, Usage(5, 9)),
        ({"prompt_tokens": 5.0, "completion_tokens": 9}, Usage(5, 9)),
        ({"prompt_tokens": -10, "completion_tokens": 40}, Usage(3, 40, estimated=True)),
        ({"prompt_tokens": 0, "completion_tokens": 0}, Usage(3, 3, estimated=True)),
        ({"prompt_tokens": True, "completion_tokens": float("inf")}, Usage(3, 3, estimated=True)),
        ({"prompt_tokens": float("nan"), "completion_tokens": "9"}, Usage(3, 3, estimated=True)),
        ("many", Usage(3, 3, estimated=True)),
        (None, Usage(3, 3, estimated=True)),
    ],
)
def test_tokens_are_counted_or_estimated(counted: Any, usage: Usage) -> None:
    assert read_answer(body("It rests.", usage=counted), MESSAGES).usage == usage


@given(JSON, st.sampled_from(["", "choices", "message", "content", "usage"]))
def test_no_answer_breaks_the_reader(value: Any, place: str) -> None:
    answer: Any = {"": value, "choices": {"choices": value}, "message": {"choices": [{"message": value}]}}.get(place)
    if place == "content":
        answer = body(value)
    if place == "usage":
        answer = body("x", usage=value)
    try:
        found = read_answer(answer, MESSAGES)
    except ValueError:
        return
    assert isinstance(found, Answer)
    found.reply.encode()
    assert found.usage.prompt > 0
    assert found.usage.reply >= 0


def test_json_that_is_too_deep_is_none() -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        read_json("[" * 100_000)


@pytest.mark.parametrize(
    "reply",
    [
        f"<think>Perhaps:\n```python\n{PROGRAM}\n```\n</think>\n```python\n{PROGRAM}\n```",
        f"Perhaps:\n```python\n{PROGRAM}\n```\n</think>\n```python\n{PROGRAM}\n```",
        f"[THINK]```python\n{PROGRAM}\n```[/THINK]```python\n{PROGRAM}\n```",
        f"<|channel|>analysis<|message|>```python\n{PROGRAM}\n```<|channel|>final<|message|>```python\n{PROGRAM}\n```",
        f"<thinking>a<thinking>b</thinking>\n```python\n{PROGRAM}\n```\n</thinking>\n```python\n{PROGRAM}\n```",
    ],
)
def test_a_draft_among_thoughts_is_no_program(reply: str) -> None:
    asked = Request("L0H0", 0, "w", "m", [], {})
    found = parse_reply(Call(asked.key, "answered", asked, reply=reply, finish_reason="stop"), "vocabulary")
    assert len(found.programs) == 1
    assert not found.problems


@pytest.mark.parametrize(
    ("reply", "finish"), [("", "reasoning"), ("<think>```python\ndef program(text):\n    return 1", "length")]
)
def test_a_reply_that_reasoning_used_up(reply: str, finish: str) -> None:
    asked = Request("L0H0", 0, "w", "m", [], {})
    found = parse_reply(Call(asked.key, "answered", asked, reply=reply, finish_reason=finish), "vocabulary")
    assert (found.programs, found.problems) == ((), (ReplyProblem.REASONED,))


def test_asking_without_a_single_program_is_an_error() -> None:
    synthesis = SynthesisResult({"L0H0": HeadSynthesis("L0H0")}, prompts=2)
    with pytest.raises(UserError, match="no head got a program from m; try another model"):
        require_programs(synthesis, ExplainerSettings(model="m"))
    synthesis.problems.update([str(ReplyProblem.REASONED)])
    with pytest.raises(UserError, match=r"raise explainer\.max_completion_tokens \(400; --max-completion-tokens\)"):
        require_programs(synthesis, ExplainerSettings(model="m"))


def test_what_is_sent_along_with_the_prompt() -> None:
    assert request_settings(ExplainerSettings()) == {"max_tokens": 400, "seed": 0, "temperature": 0.5}
    reasoning = ExplainerSettings(max_completion_tokens_name="max_completion_tokens", leave_out=("temperature", "seed"))
    assert request_settings(reasoning) == {"max_completion_tokens": 400}


def test_names_in_a_complaint_about_the_prompt_are_not_refused() -> None:
    said = "max_tokens and the prompt exceed the context of 4096 tokens"
    assert refused_settings(said, None, ["max_tokens"]) == []
    assert refused_settings("'temperature' does not support 0.5", "temperature", ["temperature"]) == ["temperature"]


@given(st.text(st.sampled_from("abcXYZ019-_/+.="), min_size=SHORTEST_SECRET, max_size=60))
def test_a_key_is_found_among_other_letters(key: str) -> None:
    assert Redaction(key).clean(f"key: {key}, that is", of_an_error=False) == f"key: {REMOVED}, that is"


def test_a_short_key_is_a_word_of_errors_alone() -> None:
    redaction = Redaction("password")
    assert redaction.clean("text.password", of_an_error=False) == "text.password"
    assert redaction.clean("password refused; passwords", of_an_error=True) == f"{REMOVED} refused; passwords"
