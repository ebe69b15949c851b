"""Correlations over heads against known ones, and the artefact of the cumulative one."""

import numpy as np
import pandas as pd
import pytest

from attention_programs.evidence.predictors import (
    EFFECTS,
    PREDICTORS,
    correlation_interval,
    correlation_table,
    cumulative_artefact,
    cumulative_correlation,
    cumulative_table,
)

HEADS = 60


@pytest.mark.slow
def test_intervals_cover_the_true_correlation_about_as_often_as_they_say() -> None:
    generator = np.random.default_rng(0)
    truth, covered = 6 / np.pi * np.arcsin(0.5 / 2), 0  # Spearman's for a normal pair with Pearson's 0.5
    for _ in range(100):
        first = generator.normal(size=HEADS)
        second = 0.5 * first + np.sqrt(0.75) * generator.normal(size=HEADS)
        found = correlation_interval(first, second, 200, generator)
        covered += found.low <= truth <= found.high
    assert 88 <= covered <= 99


@pytest.mark.parametrize("second", [np.ones(HEADS), np.full(HEADS, np.nan)])
def test_constant_or_unknown_values_have_no_correlation(second: np.ndarray) -> None:
    found = correlation_interval(np.arange(HEADS), second, 50, np.random.default_rng(0))
    assert np.isnan([found.mean, found.low, found.high]).all()


def test_few_heads_have_no_interval() -> None:
    found = correlation_interval([1, 2, 3, 4, 5], [2, 1, 4, 3, 5], 50, np.random.default_rng(0))
    assert found.mean == pytest.approx(0.8)
    assert np.isnan([found.low, found.high]).all()


def test_the_cumulative_correlation_is_as_high_for_effects_that_mean_nothing() -> None:
    generator = np.random.default_rng(0)
    iou, unrelated = generator.uniform(0.3, 0.9, HEADS), generator.exponential(size=HEADS)
    found = cumulative_artefact(iou, unrelated, generator)
    assert abs(np.corrcoef(iou, unrelated)[0, 1]) < 0.2
    assert found.measured < -0.9
    assert found.shuffled[-1] < -0.85
    assert found.shuffled[0] <= found.measured <= found.shuffled[-1]


def test_the_cumulative_correlation_sorts_by_fit() -> None:
    iou, effects = np.array([0.6, 0.9, 0.7, 0.8]), np.array([5.0, 5.0, 1.0, 1.0])
    assert cumulative_correlation(iou, effects) == pytest.approx(
        float(np.corrcoef([0.9, 0.8, 0.7, 0.6], [5, 6, 7, 12])[0, 1])
    )


def test_tables_have_every_pair_of_effect_and_predictor() -> None:
    generator = np.random.default_rng(0)
    names = [f"L0H{number}" for number in range(HEADS)]
    fits = pd.DataFrame({"head": names, **{name: generator.random(HEADS) for name in PREDICTORS}})
    effects = pd.concat(
        pd.DataFrame(
            {"head": names, "ablation_effect": -sign * fits["iou_test"], "loss_increase": generator.random(HEADS)}
        )
        .assign(replaced_by=kind)
        .sample(frac=1, random_state=0)
        for kind, sign in (("correct", 1), ("zero_output", -1))
    )
    table = correlation_table(effects, fits, 50, generator)
    assert len(table) == 2 * len(EFFECTS) * len(PREDICTORS)
    found = table.set_index(["replaced_by", "effect", "predictor"])["rank_correlation"]
    assert found["correct", "ablation_effect", "iou_test"] == pytest.approx(-1)
    assert found["zero_output", "ablation_effect", "iou_test"] == pytest.approx(1)
    cumulative = cumulative_table(effects, fits, generator)
    assert cumulative["effect"].tolist() == list(EFFECTS)
    assert (cumulative["permuted_low"] <= cumulative["permuted"]).all()
