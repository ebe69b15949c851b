"""The result tables of a profile, read once for the whole page."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from attention_programs.report.results import read_if_there, read_table


@dataclass(frozen=True)
class Tables:
    """One field a file of ``results/<profile>``."""

    heads: pd.DataFrame
    iou: pd.DataFrame
    damage: pd.DataFrame
    objectives: pd.DataFrame
    perplexity: pd.DataFrame
    qa: pd.DataFrame
    variants: pd.DataFrame
    """Empty, like all below, where a profile lacks the file."""
    lengths: pd.DataFrame
    behaviour: pd.DataFrame
    order_choice: pd.DataFrame
    distillation: pd.DataFrame
    sources: pd.DataFrame
    equal_size: pd.DataFrame
    explainer: pd.DataFrame

    @classmethod
    def read(cls, results: Path) -> "Tables":
        """Reads ``results/<profile>``.

        Raises:
            UserError: if a table is missing that every profile has; the stage to run is named.
        """
        needed = ("heads", "iou", "damage", "objectives", "perplexity", "qa")
        further = (
            *("variants", "lengths", "behaviour", "order_choice", "distillation"),
            *("sources", "equal_size", "explainer"),
        )
        found = {name: read_table(results, f"{name}.csv") for name in needed}
        return cls(**found, **{name: read_if_there(results, f"{name}.csv") for name in further})
