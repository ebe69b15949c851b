"""Reading programs back into terms is the inverse of writing them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attention_programs.errors import UserError
from attention_programs.programs.code_generation import WeightedTerm, emit
from attention_programs.programs.features import Feature, candidate_features
from attention_programs.programs.parser import read_terms
from attention_programs.programs.runtime import compile_trusted
from cases import LONG, program, view_of

FEATURES = candidate_features(causal=True)


@settings(deadline=None, max_examples=60, derandomize=True, database=None)
@given(st.lists(st.tuples(st.sampled_from(FEATURES), st.integers(-90, 90)), max_size=9, unique_by=lambda pair: pair[0]))
def test_what_was_written_is_read_back(pairs: list) -> None:
    written = [WeightedTerm(feature, tenths / 10, abs(tenths)) for feature, tenths in pairs]
    found = {term.feature: term.coefficient for term in read_terms(emit(written), "place")}
    expected = {term.feature: term.coefficient for term in written}
    if pairs:
        assert found == pytest.approx(expected)


def test_hand_written_forms_mean_the_same() -> None:
    source = program(
        "text.softmax(-(text.first_token * 2 - 3 * text.key.comma) + text.query.digit * text.offset(2) * 4)"
    )
    view = view_of(LONG)
    scores = sum(term.coefficient * term.feature.matrix(view) for term in read_terms(source, "place"))
    expected = compile_trusted(source, "place", vouched=True)(view)
    np.testing.assert_allclose(view.softmax(np.asarray(scores)), expected, atol=1e-6)


@pytest.mark.parametrize("feature", candidate_features(causal=False), ids=lambda feature: feature.expression)
def test_every_feature_is_read_back(feature: Feature) -> None:
    [found] = read_terms(emit([WeightedTerm(feature, -1.5, 1.0)]), "place")
    assert (found.feature, found.coefficient) == (feature, -1.5)


def test_keys_with_a_place_and_graded_classes_are_read() -> None:
    source = program(
        "text.softmax(2.0 * text.key.digit * text.current_sentence - text.decay(16) * text.key.comma"
        " + 0.5 * text.query.rarity * text.key.newline - 3 * text.key.token_length)"
    )
    assert [(term.feature, term.coefficient) for term in read_terms(source, "place")] == [
        (Feature("current_sentence", key="digit"), 2.0),
        (Feature("decay", 16, key="comma"), -1.0),
        (Feature(query="rarity", key="newline"), 0.5),
        (Feature(key="token_length"), -3.0),
    ]


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("text.first_token + text.self_token", "not a softmax"),
        ("text.softmax(np.eye(text.n))", "np.eye.text.n. is not a vocabulary term"),
        ("text.softmax(text.n * text.first_token)", "text.n is not a vocabulary term"),
        ("text.softmax(text.first_token * text.self_token)", "second pattern of one term"),
        ("text.softmax(text.key.digit * text.key.comma * text.self_token)", "second key of one term"),
    ],
)
def test_programs_without_constants_to_fit_are_refused(expression: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        read_terms(program(expression), "place")
