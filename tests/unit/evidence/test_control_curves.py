"""Tables of controls against numbers worked out by hand."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from attention_programs.evidence.conditions import BY_ATTENTION, BY_PREDICTIONS
from attention_programs.evidence.control_curves import (
    Control,
    ControlLosses,
    ControlMeasurement,
    area_table,
    control_table,
)
from attention_programs.models.head import Head
from attention_programs.surrogate.losses import TextLoss
from builders import program_record

TEXTS = 12
PROGRAM = program_record("text.first_token")


def control(
    condition: str, at_50: float, at_100: float, number: int = 0, fitted_to: str = BY_ATTENTION
) -> ControlLosses:
    """Losses of 10 tokens a text, given per token above the original's 2 nats; texts differ a little."""
    replaced = {50: {Head(0, 0): PROGRAM}, 100: {Head(0, 0): PROGRAM, Head(0, 1): PROGRAM}}
    made = Control(condition, fitted_to, number, replaced, {50: 0, 100: 2}, {50: 0.5, 100: 0.25})
    wave = np.linspace(-0.5, 0.5, TEXTS)
    return ControlLosses(made, {50: 10 * (2 + at_50) + wave, 100: 10 * (2 + at_100) - wave})


def measurement(controls: Sequence[ControlLosses]) -> ControlMeasurement:
    return ControlMeasurement([TextLoss(10, 20.0)] * TEXTS, controls)


MEASURED = measurement(
    [
        control("correct", 0.1, 0.4),
        control("random_program", 0.3, 1.0, 0),
        control("random_program", 0.5, 1.4, 1),
        control("zero_output", 1.1, 2.4),
        control("correct", 0.05, 0.2, fitted_to=BY_PREDICTIONS),
    ]
)


def row(table: pd.DataFrame, condition: str, percent: int, fitted_to: str = BY_ATTENTION) -> pd.Series:
    chosen = (table["condition"] == condition) & (table["percent"] == percent) & (table["fitted_to"] == fitted_to)
    (found,) = table[chosen].to_dict("records")
    return pd.Series(found)


def test_increases_are_means_over_draws_with_the_range_of_single_draws() -> None:
    found = row(control_table(MEASURED, 200, 0), "random_program", 50)
    assert found["increase"] == pytest.approx(100 * (math.exp(0.4) - 1))
    assert found["lowest"] == pytest.approx(100 * (math.exp(0.3) - 1))
    assert found["highest"] == pytest.approx(100 * (math.exp(0.5) - 1))
    assert found["increase_low"] < found["increase"] < found["increase_high"]
    assert found[["draws", "heads_replaced", "texts", "tokens", "excepted"]].tolist() == [2, 1, TEXTS, 120, 0]


def test_conditions_are_compared_with_the_right_programs_of_the_same_fit() -> None:
    table = control_table(MEASURED, 200, 0)
    found = row(table, "random_program", 100)
    assert found["above_correct"] == pytest.approx(100 * (math.exp(1.2 - 0.4) - 1))
    assert found["above_correct_low"] == pytest.approx(found["above_correct_high"])  # the texts' differences are equal
    for fitted_to in (BY_ATTENTION, BY_PREDICTIONS):
        assert math.isnan(row(table, "correct", 100, fitted_to)["above_correct"])


def test_loss_recovered_is_between_zero_ablation_and_the_original() -> None:
    table = control_table(MEASURED, 200, 0)
    assert row(table, "correct", 50)["recovered"] == pytest.approx((1.1 - 0.1) / 1.1)
    assert row(table, "correct", 50, BY_PREDICTIONS)["recovered"] == pytest.approx((1.1 - 0.05) / 1.1)
    assert row(table, "random_program", 100)["recovered"] == pytest.approx((2.4 - 1.2) / 2.4)
    assert math.isnan(row(table, "zero_output", 100)["recovered"])


def test_without_zero_ablation_nothing_is_recovered() -> None:
    table = control_table(measurement([control("correct", 0.1, 0.4)]), 50, 0)
    assert table["recovered"].isna().all()


def test_the_area_is_the_mean_height_of_the_curve() -> None:
    table = area_table(MEASURED, 200, 0).set_index(["condition", "fitted_to"])
    own = table.loc[("correct", BY_ATTENTION)]
    assert own["area"] == pytest.approx((0 + 0.1) / 2 / 2 + (0.1 + 0.4) / 2 / 2)
    found = table.loc[("random_program", BY_ATTENTION)]
    assert found["area"] == pytest.approx(0.4 / 4 + 1.6 / 4)
    assert found["above_correct"] == pytest.approx(found["area"] - own["area"])


def test_few_texts_have_no_interval() -> None:
    few = ControlMeasurement(
        MEASURED.original[:4],
        [ControlLosses(each.control, {p: v[:4] for p, v in each.losses.items()}) for each in MEASURED.controls],
    )
    table = control_table(few, 50, 0)
    assert table["increase"].notna().all()
    assert table[["increase_low", "increase_high"]].isna().all(axis=None)


def test_without_controls_the_tables_have_only_columns() -> None:
    nothing = ControlMeasurement([], [])
    assert list(control_table(nothing, 50, 0).columns) == list(control_table(MEASURED, 50, 0).columns)
    assert list(area_table(nothing, 50, 0).columns) == list(area_table(MEASURED, 50, 0).columns)
