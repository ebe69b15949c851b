"""Result tables as MLflow metrics."""

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
    """A key restricted to the characters that MLflow allows.

    >>> metric_name("qa/50 %")
    'qa/50 _'
    """
    return _FORBIDDEN.sub("_", key)


def to_metrics(values: dict[str, float], step: int = 0) -> list[Metric]:
    """Named numbers as metrics; undefined ones are left out.

    Raises:
        UserError: if two keys become the same name.
    """
    names = [metric_name(key) for key in values]
    for key, name in zip(values, names, strict=True):
        if names.count(name) > 1:
            raise UserError(f"metric {key!r} and another one both become {name!r} in MLflow; rename one")
    now = time.time_ns() // 1_000_000
    numbers = zip(names, map(float, values.values()), strict=True)
    return [Metric(name, number, now, step) for name, number in numbers if math.isfinite(number)]


def perplexity_curves(table: pd.DataFrame) -> list[Metric]:
    """Perplexity and its increase by percentage of heads replaced: one curve per kind of programs and ranking.

    The distilled programs have a single curve, for the ranking chosen for the model; its name does not mention the
    ranking, so that curves of different models can be overlaid.
    """
    curves = []
    for row in records(table):
        curve = DISTILLED if row.programs == DISTILLED else f"{row.programs}/{row.ranking}"
        increase = _with_interval(f"perplexity_increase/{curve}", row.increase, row.low, row.high)
        curves += to_metrics({f"perplexity/{curve}": row.perplexity, **increase}, step=int(row.percent))
    return curves


def qa_curves(table: pd.DataFrame) -> list[Metric]:
    """Accuracy by percentage of heads replaced: one curve per task."""
    return [
        metric
        for row in records(table)
        for metric in to_metrics(_with_interval(f"qa/{row.task}", row.accuracy, row.low, row.high), int(row.percent))
    ]


def _with_interval(name: str, value: float, low: float, high: float) -> dict[str, float]:
    return {name: value, f"{name}/low": low, f"{name}/high": high}


def program_metrics(rows: pd.DataFrame) -> list[Metric]:
    """Means of every numeric column of ``heads.csv`` over the heads that a program was selected for.

    For several heads, the bounds of intervals are averaged, too, which is wider than the interval of the mean.
    """
    numbers = rows.select_dtypes("number")
    return to_metrics({"heads": len(rows), **{str(key): value for key, value in numbers.mean().items()}})
