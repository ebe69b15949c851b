"""Running trusted programs: what a usable map is, every reason for rejecting one, and what is out of reach."""

import builtins

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from attention_programs.errors import UserError
from attention_programs.programs.run_result import Reason, Rejected, Scored, check, normalise
from attention_programs.programs.runtime import BUILTINS, compile_trusted, run
from attention_programs.programs.tokens import Array
from cases import FAILING, GOOD, TEXT, Failing, Good, program, view_of

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case.name)
def test_maps_of_the_case_table(case: Good) -> None:
    outcome = run(compile_trusted(case.source, case.name, vouched=case.free), view_of(TEXT))
    assert isinstance(outcome, Scored), outcome
    assert outcome.weights.dtype == np.float32
    np.testing.assert_allclose(outcome.weights, case.pattern, atol=1e-6)


@pytest.mark.parametrize("case", FAILING, ids=lambda case: case.name)
def test_failures_of_the_case_table(case: Failing) -> None:
    outcome = run(compile_trusted(case.source, case.name, vouched=True), view_of(TEXT))
    assert isinstance(outcome, Rejected), outcome
    assert outcome.reason == case.reason
    assert case.message in outcome.message


def test_every_reason_that_a_trusted_program_can_have_fires() -> None:
    outside = {Reason.SYNTAX, Reason.FORBIDDEN, Reason.IMPORT, Reason.TIME, Reason.MEMORY}
    judged = {Reason.LOOKS_AHEAD, Reason.NOT_DETERMINISTIC, Reason.RULED_OUT}
    paper = {Reason.NOT_IN_STUB, Reason.MISSING_HELPER}
    assert {case.reason for case in FAILING} == set(Reason) - outside - judged - paper


@pytest.mark.parametrize("case", [case for case in GOOD if case.free], ids=lambda case: case.name)
def test_free_python_that_does_not_ship_is_refused(case: Good) -> None:
    with pytest.raises(UserError, match=r"is free Python from outside the project.*use only vocabulary terms"):
        compile_trusted(case.source, case.name)


def test_encoders_keep_later_tokens() -> None:
    source = program("text.next_token + text.self_token")
    outcome = run(compile_trusted(source, "place"), view_of(TEXT, causal=False))
    assert isinstance(outcome, Scored)
    expected = 0.5 * np.eye(5) + 0.5 * np.eye(5, k=1)
    expected[4] = [0, 0, 0, 0, 1]
    np.testing.assert_array_equal(outcome.weights, expected)


@pytest.mark.parametrize("causal", [True, False])
@settings(max_examples=80, deadline=None, derandomize=True, database=None)
@given(weights=arrays(np.float32, (6, 6), elements=st.floats(0, 2.0**99, width=32)))
def test_rows_sum_to_one_and_empty_rows_go_to_the_first_token(causal: bool, weights: Array) -> None:
    before = weights.copy()
    found = normalise(weights, causal)
    visible = np.tril(weights) if causal else weights
    np.testing.assert_array_equal(weights, before)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)
    assert (found >= 0).all()
    for i in range(6):
        if visible[i].any():
            np.testing.assert_allclose(found[i], visible[i] / visible[i].sum(dtype=float), atol=1e-6)
        else:
            assert found[i].tolist() == [1, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("kind", ["bool", "uint8", "int64", "float16", "float32", "float64"])
def test_any_kind_of_number_will_do(kind: str) -> None:
    outcome = check(np.eye(5, dtype=kind), 5, causal=True)
    assert isinstance(outcome, Scored)
    assert outcome.weights.dtype == np.float32
    np.testing.assert_array_equal(outcome.weights, np.eye(5))


def test_the_result_is_an_array_of_its_own() -> None:
    text = view_of(TEXT)
    outcome = check(text.matrix("uniform"), 5, causal=True)
    assert isinstance(outcome, Scored)
    outcome.weights[:] = 0
    assert text.matrix("uniform").all()


@pytest.mark.parametrize("result", [np.ma.masked_array(np.eye(5)), np.eye(5).view(np.matrix)], ids=["masked", "matrix"])
def test_arrays_whose_numbers_mean_something_else_are_refused(result: Array) -> None:
    outcome = check(result, 5, causal=True)
    assert isinstance(outcome, Rejected)
    assert outcome.reason is Reason.WRONG_TYPE


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(weights=arrays(np.float32, (6, 6), elements=st.floats(0, 2.0**-126, width=32)))
def test_the_smallest_numbers_are_normalised_exactly_enough(weights: Array) -> None:
    outcome = check(weights, 6, causal=True)
    assert isinstance(outcome, Scored)
    np.testing.assert_allclose(outcome.weights.sum(axis=1), 1, atol=1e-6)


def test_builtins_are_few_and_harmless() -> None:
    forbidden = "open __import__ eval exec compile getattr setattr delattr vars globals locals input type object super"
    assert not BUILTINS.keys() & set(forbidden.split())
    assert all(BUILTINS[name] is getattr(builtins, name) for name in BUILTINS)


def test_a_program_cannot_change_the_builtins_of_another() -> None:
    source = 'def program(text):\n    """Writes."""\n    __builtins__["len"] = max\n    return text.uniform\n'
    assert isinstance(run(compile_trusted(source, "place", vouched=True), view_of(TEXT)), Scored)
    assert BUILTINS["len"] is len


def test_an_interrupt_is_no_status() -> None:
    def interrupted(_: object) -> Array:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(interrupted, view_of(TEXT))
