"""Programs as text: the sentence that says what a program does, and source that computes what was fitted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attention_programs.attention.packing import pack
from attention_programs.attention.store import MappedText
from attention_programs.programs.outcome import Scored
from attention_programs.programs.runtime import compile_trusted, run
from attention_programs.programs.source import parse_source
from attention_programs.programs.vocabulary import CLASSES, PATTERNS
from attention_programs.synthesis.design import build_design, softmax_rows
from attention_programs.synthesis.emission import WeightedTerm, describe, emit
from attention_programs.synthesis.features import Feature, candidate_features
from cases import LONG, view_of

SINK = WeightedTerm(Feature("first_token"), 4.0, 1.0)
NEAR = WeightedTerm(Feature("log_distance"), -1.0, 0.5)


def term(constant: float, influence: float, *arguments: object, **more: str) -> WeightedTerm:
    return WeightedTerm(Feature(*arguments, **more), constant, influence)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("terms", "sentence"),
    [
        ([], "Attends evenly."),
        ([SINK], "Attends to the first token."),
        ([SINK, NEAR], "Attends to the first token and near tokens."),
        ([term(1.0, 1, "log_distance")], "Attends to far tokens."),
        ([term(-1.0, 1, "log_position")], "Attends to early tokens."),
        ([term(1.0, 1, "log_position")], "Attends to late tokens."),
        ([term(-1.0, 1, "row_position")], "Attends to the first token late in the text."),
        ([term(1.0, 1, "row_position")], "Attends to far tokens late in the text."),
        ([term(1.0, 1, "decay", 8)], "Attends to tokens up to about 8 back."),
        ([term(-1.0, 1, key="comma")], "Attends evenly; less to commas."),
        ([SINK, term(-1.0, 1, key="comma"), term(-1, 1, "offset", 3)],
         "Attends to the first token; less to commas and the token 3 back."),
        ([SINK, NEAR, term(1.0, 1, key="digit")], "Attends to the first token, near tokens and digits."),
        ([term(1.0, 1, "log_distance", query="digit")], "Attends evenly; from digits more to far tokens."),
        ([term(-1.0, 1, "log_distance", query="digit")], "Attends evenly; from digits more to near tokens."),
        ([term(-1.0, 1, "self_token", query="digit")], "Attends evenly; from digits less to itself."),
        ([SINK, term(-1.0, 1, key="newline", query="comma"), term(2.0, 1, "self_token", query="comma")],
         "Attends to the first token; from commas less to line breaks and more to itself."),
    ],
)  # fmt: skip
def test_describe(terms: list[WeightedTerm], sentence: str) -> None:
    assert describe(terms) == sentence


@pytest.mark.parametrize("constant", [2.0, -2.0])
def test_every_feature_can_be_described(constant: float) -> None:
    for feature in candidate_features(causal=False):
        sentence = describe([WeightedTerm(feature, constant, 1.0)])
        assert sentence.startswith("Attends ")
        assert sentence.endswith(".")
        assert "{" not in sentence


def test_a_graded_term_reads_differently_with_either_sign() -> None:
    graded = [name for name, pattern in PATTERNS.items() if pattern.graded]
    assert len(graded) >= 3
    for name in graded:
        assert describe([term(1.0, 1, name)]) != describe([term(-1.0, 1, name)])


def test_faint_terms_are_in_the_source_and_not_in_the_sentence() -> None:
    faint = term(0.1, 0.05, key="comma")
    assert describe([SINK, faint]) == "Attends to the first token."
    assert "text.key.comma" in emit([SINK, faint])


def test_the_empty_program_attends_evenly() -> None:
    source = emit([])
    assert source == (
        'def program(text):\n    """Attends evenly."""\n    return text.softmax(\n        0.0 * text.uniform\n    )\n'
    )
    outcome = run(compile_trusted(source, "empty", shipped=False), view_of("abc"))
    assert isinstance(outcome, Scored)
    np.testing.assert_allclose(outcome.weights, np.tri(3) / np.array([[1], [2], [3]]), atol=1e-7)


def test_terms_stand_biggest_first_and_ties_by_name() -> None:
    terms = [term(-0.5, 0.2, key="comma"), term(1.5, 0.2, "self_token"), term(-2.0, 0.9, "uniform"), SINK]
    lines = [line.strip() for line in emit(terms).splitlines()[3:-1]]
    assert lines == [
        "4.0 * text.first_token", "- 2.0 * text.uniform", "- 0.5 * text.key.comma", "+ 1.5 * text.self_token"
    ]  # fmt: skip
    assert emit(terms) == emit(terms[::-1])


def test_a_first_negative_term_and_long_constants() -> None:
    source = emit([term(-1.25, 1, key="comma"), term(10.04, 0.5, "first_token")])
    assert "        -1.2 * text.key.comma\n        + 10.0 * text.first_token\n" in source
    assert parse_source(source, "place").speaks_vocabulary_only


def test_a_long_sentence_is_one_docstring_line() -> None:
    terms = [term(1.0, 1, key=name) for name in CLASSES] + [term(-1.0, 1, "self_token", query=n) for n in CLASSES]
    source = emit(terms)
    parsed = parse_source(source, "long")
    assert parsed.speaks_vocabulary_only
    assert parsed.description == describe(sorted(terms, key=lambda t: t.feature.expression))
    assert len(parsed.description) > 500
    assert all(term.phrase in parsed.description for term in CLASSES.values())


TERMS = st.builds(
    WeightedTerm,
    st.sampled_from(candidate_features(causal=True)),
    st.integers(-60, 60).map(lambda tenths: tenths / 10),
    st.floats(0, 5, allow_nan=False),
)


@pytest.mark.parametrize("causal", [True, False])
@settings(max_examples=80, deadline=None, derandomize=True, database=None)
@given(terms=st.lists(TERMS, min_size=1, max_size=8))
def test_the_emitted_program_computes_the_softmax_of_the_design(causal: bool, terms: list[WeightedTerm]) -> None:
    view = view_of(LONG, causal)
    cells = pack(np.zeros((1, view.n, view.n), dtype=np.float32), causal)
    text = MappedText("key", "stories", "train", view.ids, view.pieces, cells)
    design = build_design([text], [t.feature for t in terms], causal)
    fitted = softmax_rows(np.array([t.constant for t in terms], dtype=np.float32) @ design.features, design)
    outcome = run(compile_trusted(emit(terms), "emitted", shipped=False), view)
    assert isinstance(outcome, Scored)
    np.testing.assert_allclose(pack(outcome.weights, causal), fitted, atol=1e-5)
