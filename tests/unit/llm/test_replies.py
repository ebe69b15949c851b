"""From good and bad replies to programs, and the fit of their coefficients."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attention_programs.config import ExplainerFormat
from attention_programs.llm.call_log import Call, Request
from attention_programs.llm.replies import ParsedReply, ReplyProblem, parse_reply
from attention_programs.programs.source import parse_source
from attention_programs.sparse_search.coefficients import fit_coefficients

ONE = 'def program(text):\n    """One."""\n    return 0.5 * text.first_token'
TWO = 'def program(text):\n    """Two – ‘zwei’."""\n    return text.previous_token'


def parsed(reply: str, finish: str = "stop", format: ExplainerFormat = "vocabulary") -> ParsedReply:
    asked = Request("L0H0", 0, "w", "m", [], {})
    return parse_reply(Call(asked.key, "answered", asked, reply=reply, finish_reason=finish), format)


@pytest.mark.parametrize(
    "reply",
    [
        f"```python\n{ONE}\n```",
        f"Sure! It rests.\n\n```py\n{ONE}\n```\nHope this helps.",
        f"```\n{ONE}\n```",
        f"``` Python\r\n{ONE}\r\n```".replace("\n    ", "\r\n    "),
        ONE,
        f"Here it is:\n{ONE}\n",
        f"```python\nimport numpy as np\nimport math\n{ONE}\n```",
        f"```python\n{ONE}\n\nprint(program('x'))\n```",
        f"```python\n{ONE.replace('def program', 'def program_1')}\n```",
        f"```python\n{ONE}\n",
    ],
)
def test_one_program(reply: str) -> None:
    (program,) = parsed(reply).programs
    assert parse_source(program.source, "x").program_id == parse_source(ONE, "x").program_id
    assert program.hypothesis == "One."


def test_several_programs_in_one_block_and_in_several() -> None:
    second = TWO.replace("def program", "def other_program")
    for reply in (f"```python\n{ONE}\n\n{second}\n```", f"1.\n```python\n{ONE}\n```\n2.\n```python\n{TWO}\n```"):
        assert [program.hypothesis for program in parsed(reply).programs] == ["One.", "Two – ‘zwei’."]


def test_a_hypothesis_outside_of_the_program() -> None:
    bare = "def program(text):\n    return text.first_token"
    (program,) = parsed(f"The head rests on the first token. So:\n```python\n{bare}\n```").programs
    assert program.hypothesis == "The head rests on the first token."


@pytest.mark.parametrize(
    ("reply", "finish", "problem"),
    [
        ("", "stop", ReplyProblem.EMPTY),
        ("  \n", "length", ReplyProblem.CUT_OFF),
        ("I can't.", "refusal", ReplyProblem.REFUSED),
        ("", "content_filter", ReplyProblem.REFUSED),
        ("It rests on the first token.", "stop", ReplyProblem.NO_PROGRAM),
        ("Head L5H1, head L5H1, head", "length", ReplyProblem.CUT_OFF),
        ("```python\nx = 1\n```", "stop", ReplyProblem.NO_PROGRAM),
        ("```python\ndef program(text):\n    return (text.first_tok", "length", ReplyProblem.CUT_OFF),
        ("```python\ndef helper(a, b):\n    return a\n```", "stop", ReplyProblem.NO_PROGRAM),
    ],
)
def test_replies_without_a_program(reply: str, finish: str, problem: ReplyProblem) -> None:
    assert parsed(reply, finish) == ParsedReply((), (problem,))


def test_what_was_finished_before_the_cut_counts() -> None:
    found = parsed(f"```python\n{ONE}\n```\n```python\n{TWO[:40]}", "length")
    assert [program.hypothesis for program in found.programs] == ["One."]
    assert found.problems == (ReplyProblem.CUT_OFF,)


def test_broken_python_becomes_a_candidate_that_the_sandbox_refuses_by_name() -> None:
    (program,) = parsed("```python\ndef program(text):\n    return text.first_token +\n```").programs
    with pytest.raises(SyntaxError):
        ast.parse(program.source)


def test_other_statements_go_along_to_be_refused_by_name() -> None:
    (program,) = parsed(f"```python\nimport os\n{ONE}\n```").programs
    assert program.source.startswith("import os\n")


def test_the_papers_form() -> None:
    source = "import numpy as np\n\ndef previous(sentence, tokenizer):\n    return 'x', np.eye(3)"
    (program,) = parsed(f"```python\n{source}\n```", format="paper").programs
    assert program.entry == "previous"
    assert "import numpy" in program.source
    assert parsed(f"```python\n{ONE}\n```", format="paper").problems == (ReplyProblem.NO_PROGRAM,)


@given(st.text(max_size=200), st.sampled_from(["stop", "length", ""]))
def test_no_reply_breaks_the_reader(reply: str, finish: str) -> None:
    found = parsed("```python\n" + reply, finish)
    assert found.programs or found.problems


def score_by(target: list[float]):
    """1 where the numbers of a source are the target."""

    def score(source: str) -> float:
        numbers = [
            n.value for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Constant) and type(n.value) is float
        ]
        return 1 - sum(abs(a - b) for a, b in zip(sorted(numbers), sorted(target), strict=True))

    return score


def test_coefficients_are_fitted_within_the_budget() -> None:
    source = "def program(text):\n    return 0.5 * text.first_token + text.previous_token"
    calls = []

    def score(candidate: str) -> float:
        calls.append(candidate)
        return -1.0 if candidate == source else score_by([0.8, 1.5])(candidate)

    found = fit_coefficients(source, score, evaluations=80)
    assert found.after > 0.97
    assert found.coefficients == 2
    assert len(calls) <= 85
    assert found == fit_coefficients(source, lambda s: -1.0 if s == source else score_by([0.8, 1.5])(s), evaluations=80)


def test_sizes_and_arguments_are_no_coefficients() -> None:
    source = (
        "def program(text):\n    w = np.zeros((4, 4))\n    w[1:2] = 1\n"
        "    return text.offset(3) * 2 + w * 0.5 + text.decay(8)"
    )
    assert fit_coefficients(source, lambda _: 0.0, evaluations=10).coefficients == 3


def test_nothing_gained_leaves_the_program_as_it_is() -> None:
    source = "def program(text):\n    return 0.5 * text.first_token"
    found = fit_coefficients(source, lambda _: 0.3, evaluations=20)
    assert (found.source, found.before, found.after) == (source, 0.3, 0.3)
    assert fit_coefficients(source, lambda _: 0.3, evaluations=0).evaluations == 1
