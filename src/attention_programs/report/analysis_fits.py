"""How well alternative choices of programs fit, from ``analyses.csv``, and how few programs are enough."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from attention_programs.files import records
from attention_programs.report.estimate import Estimate
from attention_programs.report.result_tables import ALL_CORPORA

TERMS, SHARED, TRANSFER_FROM = "terms", "shared", "transfer"
"""Families of analyses: maximum terms per program, number of programs for all heads, corpus of the search."""
ENOUGH = 0.95
"""Fraction of the IoU of one program per head that shared programs must reach."""


@dataclass(frozen=True)
class Fit:
    """Fit of one choice of programs on test texts."""

    member: str
    """Name within its family, such as ``3`` or ``code``; without a family, the analysis's name."""
    programs: int
    """Distinct programs."""
    terms: float
    """Mean over heads."""
    iou: Estimate
    iou_validation: float
    """Decides how many programs are enough."""


def fit_of(analyses: pd.DataFrame, analysis: str, corpus: str = ALL_CORPORA) -> Fit | None:
    """Fit of one analysis; None if it was not run."""
    rows = analyses[(analyses["analysis"] == analysis) & (analyses["corpus"] == corpus)]
    if rows.empty:
        return None
    row = rows.iloc[0]
    member = analysis.rsplit("/", maxsplit=1)[-1]
    iou = Estimate(row["iou"], row["low"], row["high"])
    return Fit(member, int(row["programs"]), row["terms"], iou, row["iou_validation"])


def members(analyses: pd.DataFrame, family: str) -> list[str]:
    """Names within a family: numbers sorted, others in the order of the table."""
    names = [str(row.analysis).removeprefix(f"{family}/") for row in records(analyses)
             if str(row.analysis).startswith(f"{family}/")]  # fmt: skip
    return sorted(dict.fromkeys(names), key=lambda name: int(name) if name.isdigit() else 0)


def family(analyses: pd.DataFrame, name: str) -> list[Fit]:
    """The members of a family on all test texts."""
    fits = (fit_of(analyses, f"{name}/{member}") for member in members(analyses, name))
    return [fit for fit in fits if fit is not None]


def enough(shared: Sequence[Fit], one_a_head: Fit) -> Fit:
    """The smallest measured number of programs at or above ``ENOUGH`` of one program per head, on validation texts."""
    reaching = [fit for fit in shared if fit.iou_validation >= ENOUGH * one_a_head.iou_validation]
    return min([*reaching, one_a_head], key=lambda fit: fit.programs)
