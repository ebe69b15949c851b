"""Pools and transfer on scores made by hand."""

import numpy as np
import pytest
from numpy.typing import ArrayLike

from attention_programs.comparison.found_programs import FoundScores
from attention_programs.comparison.pooling import pooled
from attention_programs.comparison.transfer import transfer_table
from attention_programs.errors import UserError

PROGRAMS = {"a": ["same", "a1"], "b": ["b1", "same"]}
HEADS = {"a": ["L0H0", "L0H1"], "b": ["L0H0"]}
TEXTS = {"a": ["t0", "t1", "t2"], "b": ["t2", "t0"]}


def found(programs_of: str, heads_of: str, validation: ArrayLike, test: ArrayLike | None = None) -> FoundScores:
    """Scores with the same values on every test text, unless told otherwise."""
    fits = np.array(validation, dtype=np.float32)
    texts = TEXTS[heads_of]
    cube = np.stack([fits] * len(texts)) if test is None else np.array(test, dtype=np.float32)
    return FoundScores(np.array(PROGRAMS[programs_of]), np.array(HEADS[heads_of]), np.array(texts), fits, cube)


SCORES = {
    ("a", "a"): found("a", "a", [[0.5, 0.2], [0.3, 0.8]]),
    ("b", "a"): found("b", "a", [[0.1, 0.6], [0.5, 0.2]]),
    ("a", "b"): found("a", "b", [[0.4], [0.3]], [[[0.4], [0.9]], [[0.6], [0.9]]]),
    ("b", "b"): found("b", "b", [[0.7], [0.4]], [[[0.7], [0.4]], [[0.9], [0.6]]]),
}


def scores(programs_of: str, heads_of: str) -> FoundScores:
    return SCORES[programs_of, heads_of]


def test_each_head_takes_the_best_of_the_other_models_programs_on_validation() -> None:
    table = transfer_table(["a", "b"], scores, 10, np.random.default_rng(0)).set_index(["programs_of", "heads_of"])
    assert table["iou"].to_dict() == pytest.approx(
        {("a", "a"): 0.65, ("b", "a"): 0.55, ("a", "b"): 0.5, ("b", "b"): 0.8}
    )
    assert table["difference"].to_dict() == pytest.approx(
        {("a", "a"): 0, ("b", "a"): -0.1, ("a", "b"): -0.3, ("b", "b"): 0}
    )
    assert table.loc[("a", "b"), ["programs", "heads", "texts"]].tolist() == [2, 1, 2]
    assert np.isnan(table.loc[("a", "b"), "low"])  # two texts are too few for an interval


def test_a_program_of_several_models_counts_once_and_is_each_ones_own() -> None:
    both = pooled(["a", "b"], scores)
    assert both.programs == ["same", "a1", "b1"]
    np.testing.assert_allclose(both.validation, [[0.5, 0.2, 0.4], [0.3, 0.8, 0.3], [0.1, 0.6, 0.7]])
    np.testing.assert_array_equal(both.own, [[True] * 3, [True, True, False], [False, False, True]])
    assert both.model.tolist() == ["a", "a", "b"]
    assert both.own_choice().tolist() == [0, 1, 2]


def test_pooled_models_are_measured_on_the_texts_that_they_have_in_common() -> None:
    both = pooled(["a", "b"], scores)
    assert both.test.shape == (2, 3, 3)
    np.testing.assert_allclose(both.test[:, 2, 2], [0.9, 0.7])  # in the order of the first model: t0, t2
    assert pooled(["a"], scores).test.shape == (3, 2, 2)


def test_models_without_common_texts_are_refused() -> None:
    other = FoundScores(*(getattr(SCORES["b", "b"], name) for name in ("programs", "heads")), np.array(["x", "y"]),
                        SCORES["b", "b"].validation, SCORES["b", "b"].test)  # fmt: skip
    with pytest.raises(UserError, match="profiles a, b have no test text in common"):
        pooled(["a", "b"], lambda x, y: other if (x, y) == ("b", "b") else SCORES[x, y])
