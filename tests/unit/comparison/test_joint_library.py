"""A library grows by the program that helps most, and is measured on other texts than it is chosen on."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from attention_programs.comparison.library import (
    Candidates,
    curve_table,
    greedy_order,
    measure,
    program_table,
    size_table,
)
from builders import program_record

FITS = arrays(np.float32, st.tuples(st.integers(1, 6), st.integers(1, 5)), elements=st.floats(0, 1, width=32))


def candidates(
    validation: NDArray[np.floating], test: NDArray[np.floating] | None = None, own: NDArray[np.bool_] | None = None
) -> Candidates:
    """Candidates that are all heads' own, with validation scores on two test texts as well, unless told otherwise."""
    return Candidates(
        [f"p{number}" for number in range(len(validation))],
        validation,
        np.stack([validation, validation]) if test is None else test,
        np.ones(validation.shape, bool) if own is None else own,
        np.array(["one", "two", "two", "two", "two"][: validation.shape[1]]),
    )


def best_of(fits: NDArray[np.floating], programs: tuple[int, ...]) -> float:
    return float(fits[list(programs)].max(axis=0).mean(dtype=np.float64))


@settings(max_examples=60, deadline=None)
@given(FITS)
def test_the_greedy_library_is_monotone_and_within_its_guarantee(fits: NDArray[np.float32]) -> None:
    order = greedy_order(candidates(fits))
    library = measure(candidates(fits), order)
    assert len(set(order)) == len(order)
    assert (np.diff(library.validation) >= 0).all()  # a gain may be too small for the mean
    assert library.validation[0] == pytest.approx(max(best_of(fits, (p,)) for p in range(len(fits))))
    assert library.validation[-1] == pytest.approx(best_of(fits, tuple(range(len(fits)))))
    for size, reached in enumerate(library.validation, start=1):
        assert reached == pytest.approx(best_of(fits, tuple(order[:size])))
        exact = max(best_of(fits, chosen) for chosen in combinations(range(len(fits)), size))
        assert (1 - 1 / np.e) * exact - 1e-9 <= reached <= exact + 1e-9


def test_of_equal_programs_the_first_is_taken_and_useless_ones_are_left_out() -> None:
    fits = np.array([[0.2, 0.2], [0.9, 0.1], [0.9, 0.1], [0.1, 0.9]])
    order = greedy_order(candidates(fits))
    assert order.tolist() == [1, 3]
    assert measure(candidates(fits), order).validation.tolist() == pytest.approx([0.5, 0.9])


def test_programs_are_chosen_on_validation_and_measured_on_test() -> None:
    validation = np.array([[0.8, 0.1], [0.7, 0.6]])
    test = np.array([[[0.1, 0.9], [0.4, 0.5]], [[0.3, 0.9], [0.6, 0.7]]])
    order = greedy_order(candidates(validation, test))
    assert order.tolist() == [1, 0]
    # With both, the first head changes to the program that is better on validation, though it is worse on test.
    np.testing.assert_allclose(measure(candidates(validation, test), order).test, [[0.45, 0.3], [0.65, 0.5]])


def test_the_curve_is_relative_to_each_heads_own_program() -> None:
    validation = np.array([[0.8, 0.5], [0.1, 0.4]])
    own = np.array([[True, False], [False, True]])  # the second head's own program is worse than the other's
    some = candidates(validation, np.stack([validation] * 12), own)
    curve = curve_table("all", "all", some, greedy_order(some), 100, np.random.default_rng(0))
    assert len(curve) == 1
    row = curve.iloc[0]
    assert row["iou_one_per_head"] == pytest.approx(0.6)
    assert row["percent"] == pytest.approx(100 * 0.65 / 0.6)
    assert [row["percent_low"], row["percent_high"]] == pytest.approx([row["percent"]] * 2)  # all texts are equal
    assert row["percent_validation"] == pytest.approx(row["percent"])


def test_the_smallest_size_that_reaches_a_percentage_is_reported() -> None:
    validation = np.diag([0.9, 0.8, 0.7]) + 0.1
    test = np.stack([validation, validation])
    test[:, 0] /= 2  # on test the first program is worth half
    some = candidates(validation, test)
    curve = curve_table("all", "all", some, greedy_order(some), 10, np.random.default_rng(0))
    sizes = size_table(curve, (50, 80, 100)).set_index("at_least")
    percents = curve["percent"].tolist()
    for wanted in (50, 80, 100):
        expected = next(size for size, percent in enumerate(percents, start=1) if percent >= wanted)
        assert sizes.loc[wanted, "programs"] == expected
    unreached = size_table(curve, (101,)).iloc[0]
    assert str(unreached["programs"]) == "<NA>"
    assert str(unreached["programs_validation"]) == "<NA>"


def test_a_joint_library_is_measured_on_each_models_heads_with_the_order_of_all() -> None:
    validation = np.array([[0.9, 0.1, 0.1], [0.1, 0.6, 0.6]])
    some = candidates(validation)
    order = greedy_order(some)
    assert order.tolist() == [1, 0]
    one, two = some.for_heads_of("one"), some.for_heads_of("two")
    assert (one.validation.shape, two.test.shape) == ((2, 1), (2, 2, 2))
    curves = [curve_table("all", name, part, order, 10, np.random.default_rng(0)) for name, part in (
        ("all", some), ("one", one), ("two", two))]  # fmt: skip
    np.testing.assert_allclose(curves[1]["percent"], [100 / 9, 100])
    np.testing.assert_allclose(curves[2]["percent"], [100, 100])
    sizes = size_table(pd.concat(curves), (60, 99))
    assert sizes[["library", "at_least", "programs"]].to_numpy().tolist() == [["all", 60, 1], ["all", 99, 2]]


def test_the_programs_of_a_library_are_named_with_their_origin() -> None:
    one, two = program_record("text.first_token", heads=["L0H0"]), program_record("text.self_token", heads=["L1H2"])
    table = program_table([two.id, one.id], {"a": [one], "b": [one, two]})
    assert table["found_on"].tolist() == ["b", "a"]
    assert table["found_for"].tolist() == ["L1H2", "L0H0"]
    assert table["programs"].tolist() == [1, 2]
