"""Right and wrong programs at a glance: perplexity under every condition."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from attention_programs.evidence.conditions import BY_ATTENTION, BY_PREDICTIONS, CONDITIONS, CORRECT
from attention_programs.files import records
from attention_programs.report.figures.style import BLUE, FAINT, GREY, INK, PAPER, WIDTH

OFFSET = {BY_ATTENTION: -0.14, BY_PREDICTIONS: 0.2}
"""Where a condition's two fits stand in its row."""


def draw_controls(table: pd.DataFrame) -> Figure:
    """One panel per percentage of heads, one row per condition: perplexity as a multiple of the original model's.

    Args:
        table: ``controls.csv``.
    """
    conditions = [key for key in CONDITIONS if (table["condition"] == key).any()]
    percents = sorted(table["percent"].unique())
    figure = Figure(figsize=(WIDTH, 0.27 * len(conditions) + 1.05), layout="constrained")
    panels = figure.subplots(1, len(percents), sharey=True, squeeze=False).ravel()
    for axes, percent in zip(panels, percents, strict=True):
        _panel(axes, table[table["percent"] == percent], conditions)
        axes.set_title(f"{percent:g} % of heads")
    panels[0].set_yticks(range(len(conditions)), [CONDITIONS[key].label for key in conditions])
    panels[0].set_ylim(len(conditions) - 0.5, -0.5)
    panels[0].plot([], [], "o", color=INK, markersize=4, label="coefficients fitted to the attention patterns")
    panels[0].plot(
        [], [], "o", color=INK, markerfacecolor=PAPER, markersize=4, label="fitted to the model's predictions"
    )
    figure.legend(loc="outside lower left", ncols=2, handlelength=1.2)
    return figure


def _panel(axes: Axes, rows: pd.DataFrame, conditions: list[str]) -> None:
    axes.set_xscale("log")
    for row in records(rows):
        place = conditions.index(row.condition) + OFFSET[row.fitted_to]
        color = BLUE if row.condition == CORRECT else INK
        value, low, high, least, most = (
            1 + each / 100 for each in (row.increase, row.increase_low, row.increase_high, row.lowest, row.highest)
        )
        axes.plot([least, most], [place] * 2, color=GREY, linewidth=4, alpha=0.6, solid_capstyle="round", zorder=1)
        axes.plot([low, high], [place] * 2, color=color, linewidth=1)
        inside = color if row.fitted_to == BY_ATTENTION else PAPER
        axes.plot(value, place, "o", markersize=4, color=color, markerfacecolor=inside)
    axes.axvline(1, color=FAINT, linewidth=1, zorder=0)
    axes.xaxis.set_major_locator(LogLocator(numticks=6))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}×"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    low, high = axes.get_xlim()
    if high < 10 * low:  # within a decade there are no powers of ten to label
        axes.xaxis.set_minor_formatter(FuncFormatter(lambda value, _: f"{value:g}×"))
        axes.xaxis.set_minor_locator(LogLocator(subs=(1.2, 1.5, 2, 3, 5), numticks=6))
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
