"""The choice of programs: on validation, never on test, with baselines next to it."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from attention_programs.config import ScoringSettings
from attention_programs.errors import UserError
from attention_programs.programs.record import ProgramRecord, make_record
from attention_programs.scoring.bootstrap import resample_weights
from attention_programs.scoring.score_table import SplitScores
from attention_programs.scoring.selection import Choices, choose, report_selection
from builders import split_scores

HEADS = ["L0H0", "L0H1"]
TERMS = ("first_token", "self_token", "previous_token", "uniform", "same_token", "first_token + text.self_token")


def program(name: str, author: str, term: str, heads: tuple[str, ...] = (), file: str = "") -> ProgramRecord:
    source = f'def program(text):\n    """Does {name}."""\n    return text.{term}\n'
    provenance = {"file": file} if file else {}
    return make_record(source, name, author, "prefix_only", list(heads), provenance)  # type: ignore[arg-type]


PROGRAMS = [
    program("search L0H0", "search", TERMS[0], ("L0H0",)),
    program("search L0H1", "search", TERMS[1], ("L0H1",)),
    program("by hand", "curated", TERMS[2], file="library/curated/by_hand.py"),
    program("uniform", "baseline", TERMS[3], file="library/baselines/uniform.py"),
    program("mixture a", "baseline", TERMS[4], ("L0H0",)),
    program("mixture b", "baseline", TERMS[5], ("L0H1",)),
]
VALIDATION = [[0.5, 0.2], [0.4, 0.6], [0.7, 0.1], [0.9, 0.9], [0.3, 0.3], [0.35, 0.35]]
TEST = [[0.6, 0.1], [0.9, 0.2], [0.1, 0.8], [0.9, 0.9], [0.3, 0.3], [0.35, 0.35]]


def scores(iou: NDArray[np.float64] | list[list[float]], texts: int = 4) -> SplitScores:
    """Scores of texts of two corpora; text by text they go up and down around ``iou``."""
    swing = np.linspace(-0.05, 0.05, texts)[:, None, None]
    cube = np.array(iou)[None] + swing
    corpora = ["stories" if i % 2 else "code" for i in range(texts)]
    return split_scores(PROGRAMS, cube, corpora)


def test_programs_are_chosen_on_validation_by_group() -> None:
    found = choose(PROGRAMS, scores(VALIDATION), HEADS, causal=True)
    assert found == {
        "selected": [2, 1],
        "search": [0, 1],
        "curated": [2, 2],
        "uniform": [3, 3],
        "sink_self": [4, 5],
    }


def test_the_report_keeps_the_choice_of_validation_where_test_would_choose_otherwise() -> None:
    validation, test = scores(VALIDATION), scores(TEST)
    choices = choose(PROGRAMS, validation, HEADS, causal=True)
    assert choose(PROGRAMS, test, HEADS, causal=True)["selected"] == [1, 2]
    table = report(validation, test, choices).heads
    rows = table[table["method"] == "selected"].set_index("head")
    assert rows["program_name"].to_dict() == {"L0H0": "by hand", "L0H1": "search L0H1"}
    assert rows.loc["L0H0", "iou_validation"] == pytest.approx(0.7)
    assert rows.loc["L0H0", "iou_test"] == pytest.approx(0.1)
    assert rows.loc["L0H1", "author"] == "search"


def report(validation: SplitScores, test: SplitScores, choices: Choices, seed: int = 0):  # type: ignore[no-untyped-def]
    settings = ScoringSettings(bootstrap_samples=300)
    return report_selection(PROGRAMS, choices, validation, test, HEADS, settings, np.random.default_rng(seed))


def test_tables_hold_every_method_corpus_and_measure() -> None:
    validation, test = scores(VALIDATION), scores(TEST, texts=20)
    selection = report(validation, test, choose(PROGRAMS, validation, HEADS, causal=True))
    assert len(selection.heads) == 5 * 2
    assert set(selection.heads.columns) >= {"iou_test_code", "iou_test_stories", "sink_excluded_iou_test", "jsd_test"}
    assert len(selection.iou) == 5 * 3 * 3
    assert (selection.iou["low"] <= selection.iou["mean"]).all()
    assert (selection.iou["mean"] <= selection.iou["high"]).all()
    row = selection.iou.set_index(["method", "corpus", "metric"]).loc[("selected", "code", "iou")]
    assert row["mean"] == pytest.approx(test.iou[::2][:, [2, 1], [0, 1]].mean())
    jsd = selection.iou.set_index(["method", "corpus", "metric"]).loc[("uniform", "all", "jsd")]
    assert jsd["mean"] == pytest.approx(0.9, abs=1e-3)


def test_intervals_over_heads_resample_texts_and_not_heads() -> None:
    """All heads of a text go up and down together, so the interval is as wide as that of one head."""
    validation, test = scores(VALIDATION), scores(TEST, texts=30)
    selection = report(validation, test, choose(PROGRAMS, validation, HEADS, causal=True))
    one = selection.heads.iloc[0]
    whole = selection.iou.set_index(["method", "corpus", "metric"]).loc[("selected", "all", "iou")]
    assert whole["high"] - whole["low"] == pytest.approx(one["iou_test_high"] - one["iou_test_low"], rel=1e-3)


def test_equal_seeds_give_equal_tables() -> None:
    validation, test = scores(VALIDATION), scores(TEST, texts=20)
    choices = choose(PROGRAMS, validation, HEADS, causal=True)
    assert report(validation, test, choices).iou.equals(report(validation, test, choices).iou)
    assert not report(validation, test, choices).iou.equals(report(validation, test, choices, seed=1).iou)


def test_programs_that_look_ahead_are_not_selected_for_causal_models() -> None:
    programs = [*PROGRAMS[:2], replace(PROGRAMS[2], prefix_test="looks_ahead"), *PROGRAMS[3:]]
    found = choose(programs, scores(VALIDATION), HEADS, causal=True)
    assert found["selected"] == [0, 1]
    assert found["curated"] == [2, 2]
    assert choose(programs, scores(VALIDATION), HEADS, causal=False)["selected"] == [2, 1]


def test_a_head_without_its_fitted_mixture_is_named() -> None:
    programs = [*PROGRAMS[:5], replace(PROGRAMS[5], intended_heads=[])]
    with pytest.raises(UserError, match=r"head L0H1 has no fitted sink \+ self baseline; run `dvc repro synthesize`"):
        choose(programs, scores(VALIDATION), HEADS, causal=True)


def test_scores_of_another_program_table_are_refused() -> None:
    with pytest.raises(UserError, match="have different programs; run `dvc repro score`"):
        choose(PROGRAMS[::-1], scores(VALIDATION), HEADS, causal=True)
    with pytest.raises(UserError, match="3 heads"):
        choose(PROGRAMS, scores(VALIDATION), [*HEADS, "L0H2"], causal=True)


def test_the_mean_over_texts_decides_and_not_the_best_text() -> None:
    even = scores([[0.5, 0.5]] * 6)
    one_good_text = even.iou.copy()
    one_good_text[:, 1] = 0.4
    one_good_text[0, 1] = 0.75
    validation = replace(even, iou=one_good_text)
    assert choose(PROGRAMS, validation, HEADS, causal=True)["search"] == [0, 0]


def test_a_choice_among_equals_takes_the_first() -> None:
    weights = resample_weights(4, 2, np.random.default_rng(0))
    assert weights.shape == (2, 4)
    even = scores([[0.5, 0.5]] * 6)
    assert choose(PROGRAMS, even, HEADS, causal=True)["selected"] == [0, 0]
