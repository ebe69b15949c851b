"""How the fit falls with the length of the texts."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from attention_programs.files import records
from attention_programs.programs.methods import METHODS
from attention_programs.report.estimate import Estimate
from attention_programs.report.figures.lines import End, draw_estimates, name_ends
from attention_programs.report.figures.style import PALETTE, WIDTH


def draw_lengths(table: pd.DataFrame) -> Figure:
    """IoU with intervals and IoU without the first column, against tokens; both axes of IoU are the same.

    Args:
        table: ``lengths.csv``.
    """
    figure = Figure(figsize=(WIDTH, 3.0), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    top = max(float(table["iou"].max()), float(table["sink_excluded_iou"].max()))
    for axes, measure, title in ((left, "iou", "IoU"), (right, "sink_excluded_iou", "First column left out")):
        ends = [_curve(axes, rows, str(name), measure) for name, rows in table.groupby("method", sort=False)]
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_locator(FixedLocator(sorted(table["tokens"].unique())))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter("{x:.0f}")
        axes.set_ylim(0, max(0.8, 1.1 * top))
        axes.set_title(title)
        axes.set_xlabel("tokens in a text")
        axes.grid(axis="y")
        axes.set_axisbelow(True)
    name_ends(right, ends)
    left.set_ylabel("mean over heads, test texts")
    return figure


def _curve(axes: Axes, rows: pd.DataFrame, method: str, measure: str) -> End:
    rows = rows.sort_values("tokens")
    color = PALETTE[METHODS[method].color]
    values = [Estimate(row.iou, row.low, row.high) if measure == "iou" else Estimate(row.sink_excluded_iou)
              for row in records(rows)]  # fmt: skip
    draw_estimates(axes, rows["tokens"].tolist(), values, color)
    return End(float(rows["tokens"].iloc[-1]), values[-1].value, METHODS[method].label, color)
