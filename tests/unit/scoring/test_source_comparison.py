"""Sources side by side: what is chosen on validation and told of test texts."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from attention_programs.programs.record import ProgramRecord, make_record
from attention_programs.scoring.score_table import SplitScores
from attention_programs.scoring.source_comparison import compare_sources, source_groups
from builders import split_scores

HEADS = ["L0H0", "L0H1", "L0H2"]


def written(name: str, author: str, term: str, heads: tuple[str, ...] = (), fitted: bool = False) -> ProgramRecord:
    record = make_record(
        f'def program(text):\n    """Does {name}."""\n    return {term}\n', name, author, "prefix_only", list(heads), {}
    )  # type: ignore[arg-type]
    return replace(record, provenance={"coefficients": {}} if fitted else {})


PROGRAMS = [
    written("a", "search", "text.first_token", ("L0H0",)),
    written("b", "search", "text.self_token", ("L0H1",)),
    written("c", "search", "text.uniform", ("L0H2",)),
    written("hand", "curated", "text.previous_token", ("L0H1",)),
    written("first", "llm", "text.offset(2)", ("L0H0", "L0H1")),
    written("child", "llm", "0.5 * text.offset(2)", ("L0H0",), fitted=True),
    written("base", "baseline", "text.same_token"),
]
VALIDATION = [[0.5, 0.1, 0.1], [0.6, 0.6, 0.1], [0.1, 0.1, 0.4], [0.2, 0.7, 0.2], [0.3, 0.3, 0.3], [0.7, 0.2, 0.2],
              [0.9, 0.9, 0.9]]  # fmt: skip
TEST = [[0.51, 0.1, 0.1], [0.61, 0.61, 0.1], [0.1, 0.1, 0.41], [0.2, 0.71, 0.2], [0.31, 0.31, 0.31], [0.71, 0.2, 0.2],
        [0.9, 0.9, 0.9]]  # fmt: skip


def scores(iou: list[list[float]]) -> SplitScores:
    return split_scores(PROGRAMS, [iou] * 4, ["x"] * 4)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    found = compare_sources(PROGRAMS, scores(VALIDATION), scores(TEST), HEADS, 50, np.random.default_rng(0))
    return found.set_index("source")


def test_groups_leave_baselines_out() -> None:
    assert source_groups(PROGRAMS) == {
        "search": [0, 1, 2], "curated": [3], "llm": [4, 5], "llm_written": [4], "llm_fitted": [5],
    }  # fmt: skip


def test_shares_and_means(table: pd.DataFrame) -> None:
    assert table["programs"].to_dict() == {"search": 3, "curated": 1, "llm": 2, "llm_written": 1, "llm_fitted": 1}
    # Best on validation: head 0 the fitted child (0.7), head 1 the one by hand (0.7), head 2 the search (0.4).
    assert table.loc[["search", "curated", "llm"], "wins_on"].tolist() == pytest.approx([1 / 3] * 3)
    assert table.loc["llm_written", "wins_on"] == 0
    assert table.loc["search", "iou_test"] == pytest.approx((0.61 + 0.61 + 0.41) / 3)
    assert table.loc["search", "coverage"] == pytest.approx(2 / 3)


def test_the_intended_program_against_the_best(table: pd.DataFrame) -> None:
    # Search: intended 0.51, 0.61, 0.41; best of the source 0.61, 0.61, 0.41; best of all 0.71, 0.71, 0.41.
    search = table.loc["search"]
    assert search["heads_intended"] == 3
    assert search["iou_test_intended"] == pytest.approx(0.51)
    assert search["iou_test_best_of_source"] == pytest.approx(1.63 / 3)
    assert search["iou_test_best_of_all"] == pytest.approx(1.83 / 3)
    assert search["share_intended_is_best"] == pytest.approx(1 / 3)
    assert search["iou_test_of_search"] == search["iou_test_best_of_source"]
    # By hand for head 1 alone: 0.71, where the search's best has 0.61; it wrote nothing for any head with a fit.
    by_hand = table.loc["curated"]
    assert by_hand["heads_intended"] == by_hand["beats_search"] == by_hand["share_intended_is_best"] == 1
    assert by_hand[["iou_test_intended", "iou_test_of_search"]].tolist() == pytest.approx([0.71, 0.61])


def test_without_a_program_for_a_head_or_without_a_search_there_is_nothing_to_compare() -> None:
    programs = [replace(p, intended_heads=[]) for p in PROGRAMS if p.author != "search"]
    cut = [scores(which[3:]) for which in (VALIDATION, TEST)]
    found = compare_sources(programs, *cut, HEADS, 50, np.random.default_rng(0)).set_index("source")
    assert found.loc["curated", ["iou_test_intended", "iou_test_of_search", "beats_search"]].isna().all()


def test_a_source_beats_another_on_test_texts_and_the_sizes_stand_beside() -> None:
    """By hand wins on validation alone: 0.7 against 0.6 there, 0.2 against 0.61 on test texts."""
    worse = [row if number != 3 else [0.2, 0.2, 0.2] for number, row in enumerate(TEST)]
    longer = [
        written("hand", "curated", "text.softmax(1.0 * text.previous_token + 2.0 * text.offset(3))", ("L0H1",))
        if program.author == "curated"
        else program
        for program in PROGRAMS
    ]
    found = compare_sources(longer, scores(VALIDATION), scores(worse), HEADS, 50, np.random.default_rng(0))
    by_hand = found.set_index("source").loc["curated"]
    assert by_hand["beats_search"] == 0
    assert by_hand[["terms_best_of_source", "terms_of_search"]].tolist() == [2, 1]


def test_what_a_language_model_beats_is_counted_on_the_heads_it_was_asked_about(table: pd.DataFrame) -> None:
    llm = table.loc["llm"]
    assert llm["heads_intended"] == 2
    assert (llm["beats_search"], llm["beats_curated"]) == (0.5, 0.5)
    assert (table.loc["llm_written", "beats_search"], table.loc["llm_written", "beats_curated"]) == (0.0, 0.5)
    assert math.isnan(table.loc["search", "beats_search"])


def test_what_beats_what_is_told_of_test_texts_after_a_choice_on_validation() -> None:
    """Head 1: by hand is chosen on validation with 0.7 against 0.6, and is worse on test texts."""
    test = [row[:] for row in TEST]
    test[3][1] = 0.5
    found = compare_sources(PROGRAMS, scores(VALIDATION), scores(test), HEADS, 50, np.random.default_rng(0))
    by_hand = found.set_index("source").loc["curated"]
    assert by_hand["beats_search"] == 0
    assert (by_hand["iou_test_best_of_source"], by_hand["iou_test_of_search"]) == pytest.approx((0.5, 0.61))
