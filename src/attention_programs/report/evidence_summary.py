"""The evidence as flat numbers, next to the others in ``summary.json``."""

import math
from pathlib import Path

import pandas as pd

from attention_programs.files import records
from attention_programs.report.estimate import entry
from attention_programs.report.result_tables import read_if_there


def summarise_evidence(results: Path) -> dict[str, float]:
    """Controls, correlations of effects, and categories, of a profile that has them."""
    return {
        **_controls(read_if_there(results, "controls.csv"), read_if_there(results, "control_areas.csv")),
        **_correlations(read_if_there(results, "effect_correlations.csv")),
        **_categories(read_if_there(results, "categories.csv")),
    }


def _controls(controls: pd.DataFrame, areas: pd.DataFrame) -> dict[str, float]:
    found: dict[str, float] = {}
    for row in records(controls):
        place = f"{row.condition}/{row.fitted_to}/{row.percent:g}"
        found |= entry(f"control_increase/test/{place}", row.increase, row.increase_low, row.increase_high)
        if math.isfinite(row.recovered):
            found |= entry(f"control_recovered/test/{place}", row.recovered, row.recovered_low, row.recovered_high)
    for row in records(areas):
        found |= entry(f"control_area/test/{row.condition}/{row.fitted_to}", row.area, row.area_low, row.area_high)
    return found


def _correlations(table: pd.DataFrame) -> dict[str, float]:
    found: dict[str, float] = {}
    for row in records(table):
        if math.isfinite(row.rank_correlation):
            key = f"effect_correlation/test/{row.replaced_by}/{row.effect}/{row.predictor}"
            found |= entry(key, row.rank_correlation, row.low, row.high)
    return found


def _categories(table: pd.DataFrame) -> dict[str, float]:
    return {f"category_heads/{name}": float(count) for name, count in table["category"].value_counts().items()}
