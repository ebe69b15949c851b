"""Reading programs back into terms is the inverse of writing them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attention_programs.errors import UserError
from attention_programs.programs.runtime import compile_trusted
from attention_programs.synthesis.emission import WeightedTerm, emit
from attention_programs.synthesis.features import candidate_features
from attention_programs.synthesis.reading import read_terms
from cases import LONG, program, view_of

FEATURES = candidate_features(causal=True)


@settings(deadline=None, max_examples=60, derandomize=True, database=None)
@given(st.lists(st.tuples(st.sampled_from(FEATURES), st.integers(-90, 90)), max_size=9, unique_by=lambda pair: pair[0]))
def test_what_was_written_is_read_back(pairs: list) -> None:
    written = [WeightedTerm(feature, tenths / 10, abs(tenths)) for feature, tenths in pairs]
    found = {term.feature: term.constant for term in read_terms(emit(written), "place")}
    expected = {term.feature: term.constant for term in written}
    if pairs:
        assert found == pytest.approx(expected)


def test_hand_written_forms_mean_the_same() -> None:
    source = program(
        "text.softmax(-(text.first_token * 2 - 3 * text.key.comma) + text.query.digit * text.offset(2) * 4)"
    )
    view = view_of(LONG)
    scores = sum(term.constant * term.feature.matrix(view) for term in read_terms(source, "place"))
    expected = compile_trusted(source, "place", shipped=True)(view)
    np.testing.assert_allclose(view.softmax(np.asarray(scores)), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("text.first_token + text.self_token", "not a softmax"),
        ("text.softmax(np.eye(text.n))", "np.eye.text.n. is no vocabulary term"),
        ("text.softmax(text.n * text.first_token)", "text.n is no vocabulary term"),
        ("text.softmax(text.first_token * text.self_token)", "second pattern of one term"),
    ],
)
def test_programs_without_constants_to_fit_are_refused(expression: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        read_terms(program(expression), "place")
