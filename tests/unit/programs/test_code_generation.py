"""Programs as text: the sentence that says what a program does, and source that computes what was fitted."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attention_programs.programs.code_generation import LONGEST, WeightedTerm, describe, emit
from attention_programs.programs.features import Feature, candidate_features
from attention_programs.programs.run_result import Scored
from attention_programs.programs.runtime import compile_trusted, run
from attention_programs.programs.source import parse_source
from attention_programs.programs.vocabulary import PATTERNS, TOKEN_FEATURES
from cases import LONG, view_of

SINK = WeightedTerm(Feature("first_token"), 4.0, 1.0)
NEAR = WeightedTerm(Feature("log_distance"), -1.0, 0.5)


def term(coefficient: float, influence: float, *arguments: object, **more: str) -> WeightedTerm:
    return WeightedTerm(Feature(*arguments, **more), coefficient, influence)  # type: ignore[arg-type]


DESCRIBED: list[tuple[list[WeightedTerm], str]] = [
    ([], "Attends evenly."),
    ([SINK], "Attends to the first token."),
    ([SINK, NEAR], "Attends to the first token and near tokens."),
    ([NEAR, SINK], "Attends to the first token and near tokens."),
    ([term(0.0, 1, "first_token"), NEAR], "Attends to near tokens."),
    ([term(1.0, 1, "log_distance")], "Attends to far tokens."),
    ([term(-1.0, 1, "log_position")], "Attends to early tokens."),
    ([term(1.0, 1, "log_position")], "Attends to late tokens."),
    ([term(-1.0, 1, "row_position")], "Attends to the first token late in the text."),
    ([term(1.0, 1, "row_position")], "Attends to all but the first token late in the text."),
    ([term(1.0, 1, "decay", 8)], "Attends to tokens up to about 8 back."),
    ([term(-1.0, 1, key="comma")], "Attends evenly; less to commas."),
    ([SINK, term(-1.0, 0.9, key="comma"), term(-1, 0.8, "offset", 3)],
     "Attends to the first token; less to commas and the token 3 back."),
    ([SINK, NEAR, term(1.0, 0.4, key="digit")], "Attends to the first token, near tokens and digits."),
    # Classes that grow.
    ([term(1.0, 1, key="rarity")], "Attends to rare tokens."),
    ([term(-1.0, 1, key="rarity")], "Attends to common tokens."),
    ([term(1.0, 1, key="token_length")], "Attends to long tokens."),
    ([term(-1.0, 1, key="token_length")], "Attends to short tokens."),
    # Keys at a place.
    ([term(1.0, 1, "current_sentence", key="digit")], "Attends to digits in the current sentence."),
    ([term(-1.0, 1, "current_sentence", key="digit")], "Attends evenly; less to digits in the current sentence."),
    ([term(1.0, 1, "decay", 16, key="full_stop")], "Attends to full stops up to about 16 back."),
    ([term(1.0, 1, "log_distance", key="full_stop")], "Attends to far full stops."),
    ([term(-1.0, 1, "log_distance", key="full_stop")], "Attends evenly; less to far full stops."),
    ([term(2.0, 1, key="full_stop"), term(-1.0, 0.5, "log_distance", key="full_stop")], "Attends to near full stops."),
    ([term(2.0, 0.5, key="secondary_sink"), term(-1.0, 1, "log_distance", key="secondary_sink")],
     "Attends to the secondary sink when near."),
    ([term(-2.0, 1, key="full_stop"), term(-1.0, 0.5, "log_distance", key="full_stop")],
     "Attends evenly; less to full stops and far full stops."),
    ([term(2.0, 1, key="comma"), term(-1.0, 0.5, "log_distance", key="full_stop")],
     "Attends to commas; less to far full stops."),
    # Some queries alone.
    ([term(1.0, 1, "log_distance", query="digit")], "Attends evenly; from digits, more to far tokens."),
    ([term(-1.0, 1, "log_distance", query="digit")], "Attends evenly; from digits, more to near tokens."),
    ([term(-1.0, 1, "self_token", query="digit")], "Attends evenly; from digits, less to itself."),
    ([term(1.0, 1, "self_token", query="rarity")], "Attends evenly; from rare tokens, more to itself."),
    ([term(-1.0, 1, "self_token", query="rarity")], "Attends evenly; from rare tokens, less to itself."),
    ([SINK, NEAR, term(2, 0.4, key="full_stop"), term(3, 0.3, "previous_token", query="full_stop"),
      term(-1, 0.2, key="comma")],
     ("Attends to the first token, near tokens and full stops; from full stops, more to the previous token; "
      "less to commas.")),
    ([SINK, term(2.0, 0.6, "self_token", query="digit"), term(1.0, 0.5, "self_token", query="whitespace")],
     "Attends to the first token; from digits and whitespace, more to itself."),
    ([SINK, term(1.0, 0.5, "first_token", query="comma")],
     "Attends to the first token; from commas, more to the first token."),
    # Some queries less than the others.
    ([SINK, term(-1.0, 0.5, "first_token", query="comma")], "Attends to the first token (less from commas)."),
    ([SINK, term(-4.0, 0.5, "first_token", query="comma")], "Attends to the first token (except from commas)."),
    ([SINK, term(-1.0, 0.5, "first_token", query="rarity")], "Attends to the first token (more from common tokens)."),
    ([SINK, NEAR, term(-1.0, 0.6, "first_token", query="comma"), term(-5.0, 0.5, "first_token", query="digit")],
     "Attends to the first token (less from commas and except from digits) and near tokens."),
    ([SINK, NEAR, term(0.5, 0.4, "log_distance", query="digit")],
     "Attends to the first token and near tokens (less from digits)."),
    ([SINK, NEAR, term(-0.5, 0.4, "log_distance", query="digit")],
     "Attends to the first token and near tokens; from digits, more to near tokens."),
    ([SINK, term(-1.0, 0.6, "first_token", query="comma"), term(2.0, 0.5, "self_token", query="comma")],
     "Attends to the first token; from commas, less to the first token and more to itself."),
    ([SINK, term(-1.0, 0.9, key="newline", query="comma"), term(2.0, 0.8, "self_token", query="comma")],
     "Attends to the first token; from commas, less to line breaks and more to itself."),
    ([term(-1.0, 1, key="newline"), term(1.0, 0.8, key="newline", query="comma")],
     "Attends evenly; less to line breaks (except from commas)."),
    ([term(-1.0, 1, key="newline"), term(0.5, 0.8, key="newline", query="comma"),
      term(0.5, 0.7, key="newline", query="rarity")],
     "Attends evenly; less to line breaks (less so from commas and more so from common tokens)."),
]  # fmt: skip


@pytest.mark.parametrize(("terms", "sentence"), DESCRIBED)
def test_describe(terms: list[WeightedTerm], sentence: str) -> None:
    assert describe(terms) == sentence
    assert describe(terms[::-1]) == sentence


@pytest.mark.parametrize("coefficient", [2.0, -2.0])
def test_every_feature_can_be_described(coefficient: float) -> None:
    for feature in candidate_features(causal=False):
        sentence = describe([WeightedTerm(feature, coefficient, 1.0)])
        assert sentence.startswith("Attends ")
        assert sentence.endswith(".")
        assert "{" not in sentence
        assert not re.search("far the|near the|among|tokens tokens|  ", sentence)


def test_a_feature_reads_differently_with_either_sign() -> None:
    continuous = {name for name, one in (PATTERNS | TOKEN_FEATURES).items() if one.continuous}
    assert {"log_distance", "log_position", "row_position", "rarity", "token_length"} <= continuous
    for feature in candidate_features(causal=False):
        positive, negative = (describe([WeightedTerm(feature, coefficient, 1.0)]) for coefficient in (1.0, -1.0))
        assert positive != negative, feature


def test_a_sentence_is_never_too_long_and_keeps_the_strongest_terms() -> None:
    rng = np.random.default_rng(0)
    features = candidate_features(causal=True)
    for _ in range(300):
        some = [features[i] for i in rng.choice(len(features), 8, replace=False)]
        terms = [WeightedTerm(f, float(rng.choice([-1, 1])), float(rng.uniform(0.5, 1))) for f in some]
        sentence = describe(terms)
        assert len(sentence) <= LONGEST
        strongest = max(terms, key=lambda one: one.influence)
        assert strongest.target in sentence or strongest.target.startswith("far ")
        assert len(sentence) > 100 or all(one.target in sentence for one in terms)


def test_faint_terms_are_in_the_source_and_not_in_the_sentence() -> None:
    faint = term(0.1, 0.05, key="comma")
    assert describe([SINK, faint]) == "Attends to the first token."
    assert "text.key.comma" in emit([SINK, faint])


def test_the_empty_program_attends_evenly() -> None:
    source = emit([])
    assert source == (
        'def program(text):\n    """Attends evenly."""\n    return text.softmax(\n        0.0 * text.uniform\n    )\n'
    )
    outcome = run(compile_trusted(source, "empty"), view_of("abc"))
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
    terms = [term(1.0, 1, key=name) for name in TOKEN_FEATURES] + [
        term(-1.0, 1, "self_token", query=n) for n in TOKEN_FEATURES
    ]
    source = emit(terms)
    parsed = parse_source(source, "long")
    assert parsed.speaks_vocabulary_only
    assert parsed.description == describe(terms)
    assert LONGEST - 60 < len(parsed.description) <= LONGEST
    assert all(one.feature.expression in source for one in terms)


TERMS = st.builds(
    WeightedTerm,
    st.sampled_from(candidate_features(causal=True)),
    st.integers(-60, 60).map(lambda tenths: tenths / 10),
    st.floats(0, 5, allow_nan=False),
)


@pytest.mark.parametrize("causal", [True, False])
@settings(max_examples=80, deadline=None, derandomize=True, database=None)
@given(terms=st.lists(TERMS, min_size=1, max_size=8))
def test_the_emitted_program_computes_the_softmax_of_its_terms(causal: bool, terms: list[WeightedTerm]) -> None:
    view = view_of(LONG, causal)
    outcome = run(compile_trusted(emit(terms), "emitted"), view)
    assert isinstance(outcome, Scored)
    scores = sum(t.coefficient * t.feature.matrix(view).astype(np.float64) for t in terms)
    scores = np.where(np.tri(view.n, dtype=bool) | (not causal), scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    np.testing.assert_allclose(outcome.weights, weights / weights.sum(axis=1, keepdims=True), atol=1e-4)
