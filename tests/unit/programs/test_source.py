"""A source's address, and the grammar that decides whether it may run without having shipped."""

import ast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attention_programs.errors import UserError
from attention_programs.programs.code_generation import WeightedTerm, emit
from attention_programs.programs.features import Feature, candidate_features
from attention_programs.programs.run_result import Scored
from attention_programs.programs.runtime import compile_trusted, run
from attention_programs.programs.source import parse_source
from cases import FAILING, GOOD, LONG, NO_PROGRAMS, TEXT, Good, Refused, program, view_of

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")
CONSTANTS = st.integers(-120, 120).map(lambda tenths: tenths / 10)
TERMS = st.builds(
    WeightedTerm, st.sampled_from(candidate_features(causal=False)), CONSTANTS, st.floats(0, 10, allow_nan=False)
)


@pytest.mark.parametrize(
    "other",
    [
        "# why\ndef program(text):\n    '''Mixes.'''\n    return 1.0*text.first_token-0.50 * text.key.comma\n\n",
        'def program(text):\n\n  "Mixes."\n  return (1.0 * text.first_token\n     - (.5 * text.key.comma))  # so\n',
        'def program( text, ):\n\t"""Mixes."""; return 1.0 * text.first_token - 5e-1 * text.key.comma',
    ],
)
def test_comments_and_layout_do_not_change_the_id(other: str) -> None:
    source = program("1.0 * text.first_token - 0.5 * text.key.comma", "Mixes.")
    assert parse_source(other, "other") == parse_source(source, "place")


@pytest.mark.parametrize(
    "other",
    [
        program("1.0 * text.first_token - 0.6 * text.key.comma", "Mixes."),
        program("1.0 * text.first_token - 0.5 * text.key.colon", "Mixes."),
        program("1.0 * text.first_token + 0.5 * text.key.comma", "Mixes."),
        program("1.0 * text.first_token - 0.5 * text.key.comma", "Mixes well."),
    ],
)
def test_content_changes_the_id(other: str) -> None:
    source = program("1.0 * text.first_token - 0.5 * text.key.comma", "Mixes.")
    assert parse_source(other, "other").program_id != parse_source(source, "place").program_id


def test_the_id_is_the_sha256_of_the_normalised_source() -> None:
    """A literal value: the address of a program must never drift."""
    parsed = parse_source(program("text.first_token", "Attends to the first token."), "place")
    assert parsed.normalised == 'def program(text):\n    """Attends to the first token."""\n    return text.first_token'
    assert parsed.program_id == "237183063e9d37405e03b2a3546e8922a36af51daf3c9f36bdc0c412cd2ea03d"
    assert parse_source(parsed.normalised, "place") == parsed


def test_description_and_sizes() -> None:
    source = program("text.query.digit * text.offset(2) + 0.5 * text.uniform", "Says it.\n\n    And more.")
    parsed = parse_source(source, "place")
    assert (parsed.description, parsed.terms) == ("Says it.", 3)
    assert parsed.nodes == sum(1 for _ in ast.walk(ast.parse(source).body[0]))
    assert parse_source("def program(text):\n    return text.uniform\n", "place").description == ""


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case.name)
def test_grammar_of_the_case_table(case: Good) -> None:
    assert parse_source(case.source, "place").speaks_vocabulary_only != case.free


@pytest.mark.parametrize("case", NO_PROGRAMS, ids=lambda case: case.name)
def test_sources_that_are_no_programs_are_refused(case: Refused) -> None:
    with pytest.raises(UserError, match=case.words) as caught:
        parse_source(case.source, "place")
    message = str(caught.value)
    assert message.startswith("place")
    assert "\n" not in message
    assert "None" not in message


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(terms=st.lists(TERMS, max_size=9))
def test_whatever_is_emitted_is_accepted_and_runs(terms: list[WeightedTerm]) -> None:
    source = emit(terms)
    parsed = parse_source(source, "emitted")
    assert parsed.speaks_vocabulary_only
    factors = [bool(part) for t in terms for part in (t.feature.pattern, t.feature.query, t.feature.key)]
    assert parsed.terms == max(sum(factors), 1)
    for causal in (True, False):
        outcome = run(compile_trusted(source, "emitted"), view_of(TEXT, causal))
        assert isinstance(outcome, Scored)


@pytest.mark.parametrize(
    "expression",
    [
        "1", "-1.5", "+text.uniform", "-(text.uniform - 2) * 3", "text.softmax(1)", f"{10**300} * text.uniform",
        "1e400 * text.uniform", "text.offset(99)", "text.key.comma * text.query.comma", "text.softmax(-text.uniform)",
    ],
)  # fmt: skip
def test_sums_and_products_are_accepted(expression: str) -> None:
    assert parse_source(program(expression), "place").speaks_vocabulary_only
    bare = f"def program(text):\n    return {expression}\n"
    assert parse_source(bare, "place").speaks_vocabulary_only


OUTSIDE = [
    # names and attributes
    "text", "text.n", "text.ids", "text.pieces", "text.causal", "text.key", "text.query", "text.__class__",
    "text.key.__init__", "text.key.__class__", "text.uniform.T", "text.uniform.base", "text.key.comma.data",
    "text.key.key.comma", "text.text.uniform", "text.comma", "text.key.uniform", "text.values.comma", "text._cache",
    "text.previos_token", "other.uniform", "np.uniform", "text.softmax", "text.matrix",
    # calls
    "open('x')", "__import__('os')", "eval('1')", "print()", "np.load('x')", "text.uniform()", "text.offset",
    "text.offset()", "text.offset(2, 3)", "text.offset(-2)", "text.offset(2.0)", "text.offset(True)",
    "text.offset('2')", "text.offset(back=2)", "text.offset(*(2,))", "text.offset(**{})", "text.offset(text.n)",
    "text.key.comma(2)", "text.matrix('uniform')", "text.prefix(2)", "text.softmax()", "text.softmax(1, 2)",
    "text.softmax(scores=1)", "text.softmax(1, more=open('x'))",
    "text.softmax(*(1,))", "text.softmax(text.softmax(1))", "2 * text.softmax(1)",
    "np.softmax(1)", "text.key.softmax(1)", "text.softmax(1).T", "text.softmax(1) + 1", "text.uniform.sum()",
    "(lambda: 1)()",
    # operators and values
    "text.uniform / 2", "text.uniform // 2", "text.uniform % 2", "text.uniform ** 2", "9 ** 9", "text.uniform @ 2",
    "1 << 9", "text.uniform & 1", "~text.uniform", "not text.uniform", "text.uniform > 1", "1 and 2", "1 if 1 else 2",
    "True", "None", "...", "1j", "'a'", "b'a'", "f'{text.uniform}'", "'a' * 9", "(1, 2)", "[1]", "{1}", "{1: 2}",
    "text.uniform[0]", "text.uniform[:]", "[x for x in text.ids]", "{x for x in text.ids}", "(x for x in text.ids)",
    "{x: x for x in text.ids}", "(x := 1)", "(yield)", "(yield from text.ids)", "lambda: text.uniform", "*text.ids,",
]  # fmt: skip


@pytest.mark.parametrize("expression", OUTSIDE)
def test_every_other_expression_is_refused(expression: str) -> None:
    inside = expression if expression.startswith("*") else f"text.uniform + ({expression})"
    for source in (program(expression), program(inside)):
        assert not parse_source(source, "place").speaks_vocabulary_only
        with pytest.raises(UserError, match=r"place: program [0-9a-f]{10} is free Python from outside the project"):
            compile_trusted(source, "place")


@pytest.mark.parametrize(
    "source",
    [
        "def program():\n    return 1",
        "def program(sentence):\n    return sentence.uniform",
        "def program(text, tokenizer):\n    return text.uniform",
        "def program(text, *, more):\n    return text.uniform",
        "def program(text, /):\n    return text.uniform",
        "def program(*text):\n    return text.uniform",
        "def program(text, *more):\n    return text.uniform",
        "def program(text, **more):\n    return text.uniform",
        "def program(text=open('x')):\n    return text.uniform",
        "def program(text, more=open('x')):\n    return text.uniform",
        "def program(text: open('x')):\n    return text.uniform",
        "def program(text) -> open('x'):\n    return text.uniform",
        "@open('x')\ndef program(text):\n    return text.uniform",
        "def program(text):\n    import os\n    return text.uniform",
        "def program(text):\n    from os import path\n    return text.uniform",
        "def program(text):\n    m = text.uniform\n    return m",
        "def program(text):\n    text.uniform\n    return text.uniform",
        "def program(text):\n    def inner():\n        return 1\n    return text.uniform",
        "def program(text):\n    class Inner:\n        pass\n    return text.uniform",
        "def program(text):\n    for i in text.ids:\n        return text.uniform",
        "def program(text):\n    if text.n:\n        return text.uniform",
        "def program(text):\n    with text:\n        return text.uniform",
        "def program(text):\n    try:\n        return text.uniform\n    finally:\n        pass",
        "def program(text):\n    global np\n    return text.uniform",
        "def program(text):\n    del text\n    return text.uniform",
        "def program(text):\n    assert text\n    return text.uniform",
        "def program(text):\n    raise text",
        "def program(text):\n    return",
        "def program(text):\n    pass",
        "def program(text):\n    yield text.uniform",
        "def program(text):\n    '''Says.'''",
        "def program(text):\n    '''Says.'''\n    '''Again.'''\n    return text.uniform",
        "def program(text):\n    f'''Says {open('x')}.'''\n    return text.uniform",
        "def program(text):\n    return text.uniform\n    return text.uniform",
    ],
)
def test_every_other_statement_and_signature_is_refused(source: str) -> None:
    assert not parse_source(source, "place").speaks_vocabulary_only
    with pytest.raises(UserError, match="free Python"):
        compile_trusted(source, "place")


def test_what_the_grammar_accepts_can_do_no_harm() -> None:
    """Accepted sources that fail do so with a status: none raises, none hangs."""
    accepted = [case for case in FAILING if parse_source(case.source, "place").speaks_vocabulary_only]
    assert len(accepted) >= 4
    for case in accepted:
        assert not isinstance(run(compile_trusted(case.source, "place"), view_of(LONG)), Scored)


def test_features_name_terms_that_the_grammar_knows() -> None:
    for feature in (Feature("offset", 3, query="comma"), Feature(key="digit"), Feature("self_token", query="digit")):
        assert parse_source(program(feature.expression), "place").speaks_vocabulary_only
