"""Prompts name terms as the recorded ones do, so that recorded replies still answer them."""

import json

import pytest

from attention_programs.llm.dialect import in_prompts
from attention_programs.llm.prompts import system_prompt
from attention_programs.programs.view import TokenView
from conftest import ROOT

RECORDED = [
    json.loads(line)["request"]["messages"]
    for line in (ROOT / "library/exchanges/qwen2.5-coder-1.5b-instruct.jsonl").read_text("utf-8").splitlines()
]


def test_the_rules_and_the_vocabulary_are_word_for_word_those_of_every_recorded_prompt() -> None:
    assert len(RECORDED) == 136
    assert {messages[0]["content"] for messages in RECORDED} == {
        system_prompt("vocabulary", causal=True, special=False)
    }


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("resting_place", "text.key.resting_place"),
        ("opening_8", "text.key.opening_8"),
        ("near_token", "text.next_token"),
    ],
)
def test_a_wrong_name_is_told_of_the_nearest_as_it_was(wrong: str, right: str) -> None:
    with pytest.raises(AttributeError, match=rf"no pattern '{wrong}'; did you mean {right}"):
        getattr(TokenView([1, 2], ["a", "b"]), wrong)


def test_only_whole_names_are_put_back() -> None:
    assert in_prompts("text.query.first_4 * text.key.whitespace, first_40") == (
        "text.query.opening_4 * text.key.blank, first_40"
    )
