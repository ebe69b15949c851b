"""Paired tests against their definition, by counting all signs, and Holm's correction against worked examples."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from attention_programs.evaluation.accuracy import answer_table, control_answer_table
from attention_programs.evaluation.harness import TaskScore
from attention_programs.evaluation.significance import holm, paired_p_value


def score(correct: list[int], origins: list[str] | None = None, task: str = "t") -> TaskScore:
    names = tuple(origins or map(str, range(len(correct))))
    return TaskScore(task, sum(correct) / len(correct), 0.5, tuple(correct), names)


answers = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1), st.sampled_from("abcdef")), min_size=1, max_size=14)


@given(answers)
def test_the_p_value_counts_the_signs_that_are_as_extreme(given_answers: list[tuple[int, int, str]]) -> None:
    before, after, origins = (list(column) for column in zip(*given_answers, strict=True))
    changes = [
        sum(b - a for a, b, origin in given_answers if origin == name)
        for name in sorted({each[2] for each in given_answers})
    ]
    totals = [
        abs(sum(s * c for s, c in zip(signs, changes, strict=True)))
        for signs in itertools.product((-1, 1), repeat=len(changes))
    ]
    expected = np.mean(np.array(totals) >= abs(sum(changes)))
    assert paired_p_value(score(before, origins), score(after, origins)) == pytest.approx(expected)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=60))
def test_with_one_question_for_each_source_it_is_mcnemars_exact_test(pairs: list[tuple[int, int]]) -> None:
    before, after = (list(column) for column in zip(*pairs, strict=True))
    gained, lost = pairs.count((0, 1)), pairs.count((1, 0))
    expected = binomtest(gained, gained + lost).pvalue if gained + lost else 1.0
    assert paired_p_value(score(before), score(after)) == pytest.approx(expected)


def test_two_hundred_questions_do_not_overflow() -> None:
    assert 0 < paired_p_value(score([1] * 200), score([0] * 60 + [1] * 140)) < 1e-15


@given(st.lists(st.floats(0, 1), max_size=12))
def test_corrected_values_are_larger_and_keep_their_order(p_values: list[float]) -> None:
    found = holm(p_values)
    assert all(corrected >= p for corrected, p in zip(found, p_values, strict=True))
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    assert [found[place] for place in order] == sorted(found)
    assert all(value <= 1 for value in found)


def test_all_comparisons_of_a_table_are_corrected_together() -> None:
    scores = {percent: [score([1] * 20, task=t) for t in "ab"] for percent in (0, 50)}
    scores[100] = [score([0] * 20, task="a"), score([0] * 8 + [1] * 12, task="b")]
    table = answer_table(scores, {0: 0, 50: 3, 100: 6}, 100, 0)
    own = table.set_index(["task", "percent"])
    assert own["p_value"][:, 0].isna().all()
    assert own["p_corrected"][:, 0].isna().all()
    assert own["p_corrected"]["a", 100] == pytest.approx(4 * own["p_value"]["a", 100])
    assert own["p_corrected"]["b", 100] == pytest.approx(3 * own["p_value"]["b", 100])
    assert own["p_corrected"]["a", 50] == 1


def test_controls_are_compared_with_the_original_model() -> None:
    original = [score([1] * 16 + [0] * 4)]
    table = control_answer_table({("first_token", 25): [score([0] * 10 + [1] * 10)]}, original, 100, 0)
    (row,) = table.to_dict("records")
    assert row["condition"] == "first_token"
    assert row["change"] == pytest.approx(-0.3)
    assert (
        row["p_value"] == row["p_corrected"] == pytest.approx(paired_p_value(original[0], score([0] * 10 + [1] * 10)))
    )


def test_without_controls_the_table_has_only_columns() -> None:
    assert control_answer_table({}, [], 100, 0).empty
