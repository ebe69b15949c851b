"""The prefix rule: programs that look ahead are found out, the others are not accused."""

from typing import Any

import numpy as np
import pytest

from attention_programs.programs.prefix import TOLERANCE, prefix_verdict
from attention_programs.programs.runtime import Program, compile_trusted
from attention_programs.programs.view import TokenView
from cases import GOOD, LONG, TEXT, Good, program, view_of

VIEWS = [view_of(TEXT), view_of(LONG)]


def compiled(expression: str) -> Program:
    return compile_trusted(program(expression), "place", vouched=True)


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case.name)
def test_causality_of_the_case_table(case: Good) -> None:
    assert prefix_verdict(compile_trusted(case.source, case.name, vouched=True), VIEWS) == case.prefix_test


def test_the_case_table_has_both_kinds() -> None:
    assert {case.prefix_test for case in GOOD} == {"prefix_only", "looks_ahead"}


@pytest.mark.parametrize("row", range(15))
def test_one_token_ahead_in_one_early_row_is_found(row: int) -> None:
    """Only the prefix that ends at the row tells; every short one is tried."""

    def peeks(text: TokenView) -> Any:
        weights = np.eye(text.n)
        weights[row : row + 1, 0] = 3.0 * any(
            token_string == LONG[row + 1] for token_string in text.token_strings[row + 1 : row + 2]
        )
        return weights

    assert prefix_verdict(peeks, [view_of(LONG)]) == ("looks_ahead" if row > 0 else "prefix_only")


def test_a_row_that_only_the_last_token_changes_is_found() -> None:
    def peeks(text: TokenView) -> Any:
        return np.eye(text.n) if text.token_strings[-1] != LONG[-1] else text.uniform

    assert prefix_verdict(peeks, [view_of(LONG)]) == "looks_ahead"


def test_programs_that_fail_on_prefixes_alone_look_ahead() -> None:
    assert prefix_verdict(compiled("text.uniform if text.n > 12 else None"), [view_of(LONG)]) == "looks_ahead"
    assert prefix_verdict(compiled("text.uniform * (1 if text.pieces[25] else 0)"), [view_of(LONG)]) == "looks_ahead"


def test_a_text_on_which_the_program_fails_does_not_hide_the_others() -> None:
    looks = compiled("text.uniform + text.n * text.self_token if text.n > 5 else None")
    assert prefix_verdict(looks, VIEWS) == "looks_ahead"
    assert prefix_verdict(looks, VIEWS[:1]) == "prefix_only"


@pytest.mark.parametrize("length", [1, 2, 3])
def test_short_texts(length: int) -> None:
    views = [view_of(LONG[:length])]
    assert prefix_verdict(compiled("text.softmax(text.first_token)"), views) == "prefix_only"
    expected = "looks_ahead" if length > 2 else "prefix_only"  # the first row of any map is the first token
    assert prefix_verdict(compiled("text.self_token * text.n + text.first_token"), views) == expected


def test_last_bits_are_no_look_ahead() -> None:
    size = [0.1 * TOLERANCE, 10 * TOLERANCE]
    noisy = [compiled(f"text.uniform + {s} * text.n / 26 * text.self_token * text.n") for s in size]
    assert [prefix_verdict(p, [view_of(LONG)]) for p in noisy] == ["prefix_only", "looks_ahead"]


def test_encoders_are_judged_by_the_same_rule() -> None:
    views = [view_of(LONG, causal=False)]
    assert prefix_verdict(compiled("text.previous_token"), views) == "prefix_only"
    assert prefix_verdict(compiled("text.next_token"), views) == "looks_ahead"
    assert prefix_verdict(compiled("text.uniform"), views) == "looks_ahead"
