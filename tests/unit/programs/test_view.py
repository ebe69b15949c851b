"""What programs see: names, shapes, words, the softmax, and that everything is derived once."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from attention_programs.programs.tokens import Array
from attention_programs.programs.view import TokenView
from attention_programs.programs.vocabulary import PATTERNS, TOKEN_FEATURES
from cases import TEXT, view_of

SCORES = st.floats(-1e4, 1e4, width=32)


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("text.previos_token", "no pattern 'previos_token'; did you mean text.previous_token?"),
        ("text.coma", "no pattern 'coma'; did you mean text.key.comma or text.query.comma?"),
        ("text.comma", "no pattern 'comma'; did you mean text.key.comma or text.query.comma?"),
        ("text.ofset(2)", "did you mean text.offset?"),
        ("text.key.coma", "no token class 'coma'; did you mean 'comma'?"),
        ("text.query.pronouns", "no token class 'pronouns'; did you mean 'pronoun'?"),
    ],
)
def test_unknown_names_are_answered_with_the_nearest(expression: str, words: str) -> None:
    with pytest.raises(AttributeError) as caught:
        eval(expression, {"text": view_of(TEXT)})
    assert words in str(caught.value)


@pytest.mark.parametrize("expression", ["text._hidden", "text.__wrapped__", "text.key.__wrapped__"])
def test_private_names_are_no_terms(expression: str) -> None:
    with pytest.raises(AttributeError) as caught:
        eval(expression, {"text": view_of(TEXT)})
    assert "did you mean" not in str(caught.value)


def test_shapes_of_keys_queries_and_patterns() -> None:
    text = view_of(TEXT)
    assert text.n == 5
    assert text.key.comma.tolist() == [[0, 0, 1, 0, 0]]
    assert text.query.comma.tolist() == [[0], [0], [1], [0], [0]]
    assert (text.query.comma * text.key.content_word).sum(axis=1).tolist() == [0, 0, 2, 0, 0]
    np.testing.assert_array_equal(eval("text.offset(3)"), np.eye(5, k=-3))
    assert sum(getattr(text, name).shape == (5, 5) for name in PATTERNS if not PATTERNS[name].parameters) == sum(
        not term.parameters for term in PATTERNS.values()
    )
    assert all(getattr(text.key, name).shape == (1, 5) for name in TOKEN_FEATURES)
    assert all(getattr(text.query, name).shape == (5, 1) for name in TOKEN_FEATURES)


def test_offsets_and_words() -> None:
    text = view_of((" Un", "lock", "ed", ",", "", " it", "'s", " 3", ".", "5"))
    assert text.word_starts.tolist() == [0, 0, 0, 3, 4, 5, 6, 7, 8, 9]
    assert text.words_so_far == ("un", "unlock", "unlocked", ",", "", "it", "'s", "3", ".", "5")


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("n", [1, 2, 7])
def test_softmax_rows(causal: bool, n: int) -> None:
    @settings(max_examples=60, deadline=None, derandomize=True, database=None)
    @given(scores=arrays(np.float32, (n, n), elements=SCORES))
    def check(scores: Array) -> None:
        text = view_of(tuple("abcdefg"[:n]), causal)
        weights = text.softmax(scores)
        assert weights.dtype == np.float32
        assert np.isfinite(weights).all()
        np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)
        for i in range(n):
            seen = scores[i, : i + 1 if causal else n].astype(float)
            expected = np.exp(seen - seen.max())
            np.testing.assert_allclose(weights[i, : len(seen)], expected / expected.sum(), atol=1e-6)
            assert not weights[i, len(seen) :].any()

    check()


def test_softmax_never_sees_the_future() -> None:
    text = view_of(TEXT)
    scores = np.random.default_rng(0).normal(size=(5, 5)).astype(np.float32)
    for future in (1e4, -1e4):
        other = np.where(np.tri(5, dtype=bool), scores, np.float32(future))
        np.testing.assert_array_equal(text.softmax(other), text.softmax(scores))


def test_softmax_takes_rows_columns_and_numbers() -> None:
    text = view_of(TEXT, causal=False)
    np.testing.assert_allclose(text.softmax(3.0), np.full((5, 5), 0.2))
    np.testing.assert_allclose(text.softmax(4 * text.query.comma), np.full((5, 5), 0.2))
    by_key = text.softmax(np.log(3.0) * text.key.comma)
    np.testing.assert_allclose(by_key, np.tile([1 / 7, 1 / 7, 3 / 7, 1 / 7, 1 / 7], (5, 1)), rtol=1e-6)


def test_terms_are_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, int]] = []
    for table, name in ((PATTERNS, "same_token"), (TOKEN_FEATURES, "comma")):
        term = table[name]

        def counting(view: TokenView, *rows, compute=term.compute, name=name) -> Array:  # type: ignore[no-untyped-def]
            calls.append((name, view.n))
            return compute(view, *rows)

        monkeypatch.setitem(table, name, dataclasses.replace(term, compute=counting))
    text = view_of(TEXT)
    for _ in range(3):
        _ = text.same_token, text.induction, text.latest_same_token, text.pair_induction
        _ = text.key.comma, text.query.comma, text.last_comma, text.clause_start
    assert sorted(calls) == [("comma", 5), ("same_token", 5)]
    for _ in range(3):
        _ = text.prefix(3).induction, text.prefix(2).same_token
    assert sorted(calls) == [("comma", 5), ("same_token", 2), ("same_token", 3), ("same_token", 5)]


def test_parameters_are_cached_apart() -> None:
    text = view_of(TEXT)
    assert text.matrix("offset", 2) is text.matrix("offset", 2)
    assert text.matrix("offset", 2).tolist() != text.matrix("offset", 3).tolist()


@pytest.mark.parametrize("expression", ["text.uniform", "text.offset(2)", "text.key.comma", "text.query.comma"])
def test_shared_arrays_are_read_only(expression: str) -> None:
    text = view_of(TEXT)
    value = eval(expression, {"text": text})
    with pytest.raises(ValueError, match="read-only"):
        value[0, 0] = 5


def test_prefix_is_the_view_of_fewer_tokens() -> None:
    for causal in (True, False):
        part = view_of(TEXT, causal).prefix(3)
        assert (part.n, part.ids, part.token_strings, part.causal) == (3, (0, 1, 2), TEXT[:3], causal)


def test_bytes_are_those_of_what_was_derived_so_far_by_the_text_and_its_prefixes() -> None:
    text = view_of(TEXT)
    assert text.nbytes == 0
    _ = text.first_token, text.first_token, text.key.comma, text.query.comma
    assert text.nbytes == (5 * 5 + 5) * 4
    _ = text.prefix(3).uniform
    assert text.prefix(3).nbytes == 3 * 3 * 4
    assert text.nbytes == (5 * 5 + 5 + 3 * 3) * 4
    text.softmax(0)  # keeps its mask
    assert text.nbytes == (2 * 5 * 5 + 5 + 3 * 3) * 4


def test_softmax_masks_whatever_stands_in_the_future() -> None:
    text = view_of(TEXT)
    for future in (np.inf, -np.inf, np.nan):
        scores = np.where(np.tri(5, dtype=bool), 1, future)
        np.testing.assert_array_equal(text.softmax(scores), text.softmax(1.0))
