"""Which order of replacement keeps the model best, decided on validation texts."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from attention_programs.config import ReplacementSettings
from attention_programs.files import read_csv
from attention_programs.models.loading import LoadedModel
from attention_programs.programs.methods import SELECTED
from attention_programs.scoring.assignments import Assignment
from attention_programs.surrogate.maps import MapCache
from attention_programs.surrogate.orders import Orders
from attention_programs.surrogate.replacement import Curve, measure_curves, perplexity_table, shares
from attention_programs.surrogate.windows import Windows


def compare_orders(
    loaded: LoadedModel,
    assignment: Assignment,
    orders: Orders,
    percents: Sequence[int],
    validation: Windows,
    settings: ReplacementSettings,
    cache: MapCache,
) -> pd.DataFrame:
    """Measures every order at some shares of the heads; the one with the lowest mean loss over them is chosen.

    Returns:
        One row an order and share: increase of validation perplexity in percent, and whether the order is chosen.
    """
    curves = [Curve(SELECTED, name, shares(assignment, heads, percents)) for name, heads in orders.items()]
    measured = measure_curves(
        loaded, curves, validation, settings.batch_texts, cache, settings.look_ahead, settings.precision
    )
    table = perplexity_table(measured, samples=1, seed=0)
    losses = np.log1p(table["increase"] / 100).groupby(table["order"]).mean()
    return pd.DataFrame(
        {
            "order": table["order"],
            "percent": table["percent"],
            "tokens": table["tokens"],
            "increase_validation": table["increase"],
            "chosen": table["order"] == losses.idxmin(),
        }
    )


def chosen_order(path: Path) -> str:
    """Name of the order that was chosen, from the table of :func:`compare_orders`.

    Raises:
        UserError: if the table is missing.
    """
    table = read_csv(path)
    return str(table.loc[table["chosen"], "order"].iloc[0])
