"""The evidence says what its tables say, also where the answer is unwelcome."""

import math
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from attention_programs.report import evidence_block as evidence_block_module
from attention_programs.report.category_sections import categories_finding, categories_view
from attention_programs.report.control_sections import control_costs, controls_finding, controls_view
from attention_programs.report.effect_sections import correlations_view, cumulative_finding, effects_finding
from attention_programs.report.evidence_block import evidence_block, glance
from attention_programs.report.result_tables import Tables
from conftest import ROOT

NAN = math.nan


def control(
    condition: str, fitted_to: str, percent: int, above: tuple[float, float, float], excepted: float = 0
) -> dict:
    interval = dict(zip(("above_correct", "above_correct_low", "above_correct_high"), above, strict=True))
    return {
        "condition": condition, "fitted_to": fitted_to, "percent": percent, "heads_replaced": 4 * percent / 50,
        "draws": 5, "excepted": excepted, "iou_test": 0.512, "texts": 24, "tokens": 1500, "increase": 10.0 * percent,
        "increase_low": 9.0, "increase_high": 11.0, "lowest": 8.0, "highest": 12.0, "recovered": 0.75,
        "recovered_low": 0.7, "recovered_high": 0.8, **interval,
    }  # fmt: skip


CONTROLS = pd.DataFrame(
    [
        control("correct", "attention", 50, (NAN, NAN, NAN)),
        control("correct", "attention", 100, (NAN, NAN, NAN)),
        control("correct", "predictions", 100, (NAN, NAN, NAN)),
        control("equal_iou", "attention", 50, (-2.0, -3.0, -1.0)),
        control("equal_iou", "attention", 100, (0.5, -1.0, 2.0)),
        control("random_program", "attention", 50, (9.0, 8.0, 10.0)),
        control("random_program", "attention", 100, (9.0, 8.0, 10.0), excepted=1),
        control("same_category", "attention", 100, (0.0, 0.0, 0.0), excepted=8),
        control("random_program", "predictions", 100, (4.0, 3.0, 5.0)),
        control("first_token", "attention", 100, (90.0, 80.0, 99.0)),
    ]
)
AREAS = CONTROLS[["condition", "fitted_to", "draws"]].drop_duplicates().assign(area=0.25, area_low=0.2, area_high=0.3)


def test_worse_and_better_wrong_programs_are_counted_and_conditions_that_nothing_met_are_not() -> None:
    assert controls_finding(CONTROLS) == (
        "On 1,500 tokens of 24 test texts, 5 draws of each random condition: as found, 2 of 4 combinations of a wrong "
        "condition and a percentage cost more than the right programs beyond the interval of the paired difference, "
        "and 1 cost less; with coefficients fitted to predictions, 1 of 1 combinations of a wrong condition and a "
        "percentage cost more than the right programs beyond the interval of the paired difference, and 0 cost less."
    )


@pytest.mark.parametrize(
    ("kept", "verdict"),
    [("random_program", "Every wrong condition costs more"), ("equal_iou", "can't tell wrong programs from right")],
)
def test_the_verdict_follows_from_the_counts(kept: str, verdict: str) -> None:
    assert verdict in controls_finding(CONTROLS[CONTROLS["condition"].isin(["correct", kept])])


def test_costs_of_controls_stand_beside_those_of_the_right_programs() -> None:
    assert control_costs(CONTROLS) == (
        "Increase of perplexity: right programs 500 % [9, 11] at 50 %, 1,000 % [9, 11] at 100 %; first token 1,000 % "
        "[9, 11] at 100 %."
    )


def test_wrong_programs_that_cost_more_than_no_attention_are_counted() -> None:
    without = [
        control("mean_output", "attention", 50, (NAN,) * 3),
        control("mean_output", "attention", 100, (NAN,) * 3),
    ]
    costs = pd.concat([CONTROLS, pd.DataFrame(without).assign(increase=[499.0, 1001.0])])
    assert control_costs(costs).endswith(
        " Wrong conditions that cost more than no attention at all: 2 of 3 at 50 %, 0 of 3 at 100 %."
    )


def test_every_condition_has_a_row_for_each_fit() -> None:
    complete = CONTROLS[CONTROLS["percent"] == 100]
    view = controls_view(complete, AREAS)
    rows = {row[0]: row for row in view.rows}
    assert list(rows)[:2] == ["Right programs", "– fitted to predictions"]
    assert len(view.rows) == len(complete)
    assert all(len(row) == len(view.head) for row in view.rows)
    same = rows["Same category"]
    assert same[1] == "8 of 8"
    assert same[3:] == ["1,000 % [9, 11]", "0.25 [0.20, 0.30]", "0.75 [0.70, 0.80]"]
    assert rows["First token"][1] == "", "nothing is drawn"


CORRELATIONS = pd.DataFrame(
    [
        (kind, effect, predictor, 270, value, value - 0.1, value + 0.1)
        for kind, value in (("correct", -0.3), ("mean_output", 0.2), ("zero_output", 0.1))
        for effect in ("ablation_effect", "loss_increase")
        for predictor in ("iou_test", "sink_excluded_iou_test", "first_token", "entropy")
    ],
    columns=["replaced_by", "effect", "predictor", "heads", "rank_correlation", "low", "high"],
)
CUMULATIVE = pd.DataFrame(
    [("ablation_effect", 270, -0.97, -0.95, -0.99, -0.9)],
    columns=["effect", "heads", "cumulative_correlation", "permuted", "permuted_low", "permuted_high"],
)
EFFECTS = pd.DataFrame(
    {"head": ["L0H0", "L1H0", "L1H1"] * 2, "replaced_by": ["correct"] * 3 + ["zero_output"] * 3,
     "ablation_effect": [0.1, 0.2, 0.4, 0.2, 0.3, 0.1], "texts": 6, "reliability": 0.84}
)  # fmt: skip


def test_correlations_stand_beside_what_a_cumulative_one_would_say() -> None:
    assert effects_finding(EFFECTS, CORRELATIONS) == (
        "Over 270 heads, the rank correlation of a head's IoU with the effect of its program is -0.30 [-0.40, -0.20], "
        "and -0.30 [-0.40, -0.20] without the first column. Effects are means over 6 test texts, with a split-half "
        "reliability (Spearman-Brown) of 0.84. A head's program costs less than zero output for 66.7 % of heads."
    )
    assert cumulative_finding(CUMULATIVE) == (
        "The paper's cumulative correlation is -0.97 here, and -0.95 [-0.99, -0.90] with the same effects permuted "
        "among heads."
    )
    view = correlations_view(CORRELATIONS)
    assert view.head[1:] == ("program", "mean output", "zero output")
    assert view.rows[0] == ["IoU", "-0.30 [-0.40, -0.20]", "0.20 [0.10, 0.30]", "0.10 [0.00, 0.20]"]


@pytest.mark.parametrize("unknown", [NAN])
def test_an_unknown_reliability_is_not_mentioned(unknown: float) -> None:
    assert "reliability" not in effects_finding(EFFECTS.assign(reliability=unknown), CORRELATIONS)


def test_categories_with_their_depth_fit_and_effect() -> None:
    categories = pd.DataFrame({"head": ["L0H0", "L1H0", "L1H1"], "category": ["mixed", "sink", "sink"]}).assign(
        besides_sink=["tokens", "sink", "position"]
    )
    heads = pd.DataFrame(
        {"head": ["L0H0", "L1H0", "L1H1"], "method": "selected", "iou_test": [0.5, 0.7, 0.9],
         "sink_excluded_iou_test": [0.4, 0.2, 0.3]}
    )  # fmt: skip
    view = categories_view(categories, heads, EFFECTS)
    assert [row[1:] for row in view.rows] == [
        ["2", "1", "1.0", "0.800", "0.250", "0.3000"],
        ["0", "1", "–", "–", "–", "–"],
        ["0", "1", "–", "–", "–", "–"],
        ["1", "0", "0.0", "0.500", "0.400", "0.1000"],
    ]
    nothing = categories_view(categories, heads, EFFECTS.iloc[:0])
    assert [row[-1] for row in nothing.rows] == ["–"] * 4


def test_clusters_are_named_with_how_far_the_name_holds() -> None:
    clusters = pd.DataFrame(
        {"cluster": [0, 1, 2], "heads": [20, 7, 1], "category": ["sink", "mixed", "sink"], "share": [0.9, 0.5, 1.0]}
    ).assign(adjusted_rand=0.4)
    stability = pd.DataFrame({"clusters": [2, 3], "stability": [0.6, 0.93], "spread": 0.1, "chosen": [0.0, 1.0]})
    finding = categories_finding(clusters, stability)
    assert "3 clusters are the most stable number (adjusted Rand index of two subsamples 0.93)" in finding
    assert "attention sink (20 heads, 90.0 % of them of that category), mixed (7 heads, 50.0 % of them" in finding
    assert "that category), and 1 of a single head. Clusters" in finding
    assert finding.endswith("Clusters and categories agree with an adjusted Rand index of 0.40.")


def test_without_controls_the_docs_say_how_to_measure_them(tmp_path: Path) -> None:
    assert "dvc repro controls" in evidence_block(tmp_path)


def test_a_profile_with_few_heads_is_no_evidence(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = evidence_block(ROOT / "results")
    assert "### smollm2-135m: does the right program matter" in whole
    assert whole.count("*How to read it.*") == whole.count("*What it does not show.*") == 5
    assert "### smoke" not in whole
    monkeypatch.setattr(evidence_block_module, "FEWEST_HEADS", 9)
    assert "### smoke: does the right program matter" in evidence_block(ROOT / "results")


def test_the_main_numbers_of_profiles_stand_side_by_side() -> None:
    tables = Tables.read(ROOT / "results/smollm2-135m")
    lines = glance({"one": tables, "other": replace(tables, controls=tables.controls.iloc[:0])})
    rows = {cells[1].strip(): cells[2:4] for cells in (line.split("|") for line in lines if line.startswith("| "))}
    right = tables.controls.set_index(["condition", "fitted_to", "percent"]).loc[("correct", "attention", 25)]
    shown = rows["perplexity increase, 25 % of heads: right programs"]
    assert shown[0].startswith(f" {right['increase']:.1f} %")
    assert shown[1] == " – ", "not measured there"
    assert sum(label.startswith("rank correlation") for label in rows) == 4
    assert glance({}) == []
