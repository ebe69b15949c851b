"""Which order of replacement keeps the model best, decided on validation texts."""

import numpy as np
import pandas as pd

from attention_programs.config import ReplacementSettings
from attention_programs.models.loading import LoadedModel
from attention_programs.surrogate.maps import Assignment, MapCache
from attention_programs.surrogate.orders import Orders
from attention_programs.surrogate.replacement import DISTILLED, Curve, measure_curves
from attention_programs.surrogate.windows import Windows


def compare_orders(
    loaded: LoadedModel,
    assignment: Assignment,
    orders: Orders,
    percent: int,
    validation: Windows,
    settings: ReplacementSettings,
    cache: MapCache,
) -> pd.DataFrame:
    """Measures every order at one share of the heads.

    Returns:
        One row an order: increase of validation perplexity in percent, and whether it is the lowest.
    """
    curves = [Curve(DISTILLED, name, assignment, heads, [percent]) for name, heads in orders.items()]
    texts = len(set(validation.text_of))
    table = measure_curves(
        loaded, curves, validation, settings.batch_texts, np.ones((1, texts)), cache, settings.look_ahead
    )
    increases = table["increase"].to_numpy()
    return pd.DataFrame(
        {
            "order": table["order"],
            "percent": table["percent"],
            "increase_validation": increases,
            "chosen": np.arange(len(increases)) == int(np.argmin(increases)),
        }
    )
