"""The tables of results as MLflow's metrics."""

import math
import re
import time

import pandas as pd
from mlflow.entities import Metric

from attention_programs.errors import UserError
from attention_programs.files import records
from attention_programs.programs.methods import DISTILLED

_FORBIDDEN = re.compile(r"[^A-Za-z0-9_\-. /]")


def metric_name(key: str) -> str:
    """A key in the letters that MLflow allows.

    >>> metric_name("qa/50 %")
    'qa/50 _'
    """
    return _FORBIDDEN.sub("_", key)


def to_metrics(values: dict[str, float], step: int = 0) -> list[Metric]:
    """Named numbers as metrics; undefined ones are left out.

    Raises:
        UserError: if two names become one.
    """
    names = [metric_name(key) for key in values]
    for key, name in zip(values, names, strict=True):
        if names.count(name) > 1:
            raise UserError(f"metric {key!r} becomes {name!r} in MLflow, as another does; rename one")
    now = time.time_ns() // 1_000_000
    numbers = zip(names, map(float, values.values()), strict=True)
    return [Metric(name, number, now, step) for name, number in numbers if math.isfinite(number)]


def perplexity_curves(table: pd.DataFrame) -> list[Metric]:
    """Perplexity and its increase against the share of heads replaced: a curve for each programs and order.

    The distilled programs have one curve, in the order that was chosen for the model; its name does not say which, so
    that it lies over that of another model.
    """
    curves = []
    for row in records(table):
        curve = DISTILLED if row.programs == DISTILLED else f"{row.programs}/{row.ranking}"
        increase = _with_interval(f"perplexity_increase/{curve}", row.increase, row.low, row.high)
        curves += to_metrics({f"perplexity/{curve}": row.perplexity, **increase}, step=int(row.percent))
    return curves


def qa_curves(table: pd.DataFrame) -> list[Metric]:
    """Accuracy against the share of heads replaced: a curve for each task."""
    return [
        metric
        for row in records(table)
        for metric in to_metrics(_with_interval(f"qa/{row.task}", row.accuracy, row.low, row.high), int(row.percent))
    ]


def _with_interval(name: str, value: float, low: float, high: float) -> dict[str, float]:
    return {name: value, f"{name}/low": low, f"{name}/high": high}


def program_metrics(rows: pd.DataFrame) -> list[Metric]:
    """Means, over the heads that a program was selected for, of every number in ``heads.csv``.

    For several heads the ends of the interval are means of ends too: wider than the interval of the mean.
    """
    numbers = rows.select_dtypes("number")
    return to_metrics({"heads": len(rows), **{str(key): value for key, value in numbers.mean().items()}})
