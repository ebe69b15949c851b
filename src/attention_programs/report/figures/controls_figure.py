"""Right and wrong programs at a glance: perplexity under every condition."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from attention_programs.evidence.conditions import BY_ATTENTION, BY_PREDICTIONS, CONDITIONS, CORRECT, ZERO
from attention_programs.files import records
from attention_programs.report.figures.style import BLUE, FAINT, GREY, INK, PAPER, WIDTH

OFFSET = {BY_ATTENTION: -0.14, BY_PREDICTIONS: 0.2}
"""Where a condition's two fits stand in its row."""
REACH = 10.0
"""Zero ablation may lie this many times beyond all others; further out it is written at the panel's edge."""


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
    edge = REACH * _multiple(rows.loc[rows["condition"] != ZERO, "highest"].max())
    for row in records(rows):
        place = conditions.index(row.condition) + OFFSET[row.fitted_to]
        color = BLUE if row.condition == CORRECT else INK
        value = _multiple(row.increase)
        if value > edge:
            axes.plot(edge, place, ">", markersize=4, color=color)
            axes.annotate(
                _times(float(f"{value:.2g}")),
                (edge, place),
                (-6, 0),
                textcoords="offset points",
                ha="right",
                va="center",
            )
            continue
        axes.plot(
            [_multiple(row.lowest), _multiple(row.highest)],
            [place] * 2,
            color=GREY,
            linewidth=4,
            alpha=0.6,
            solid_capstyle="round",
            zorder=1,
        )
        axes.plot([_multiple(row.increase_low), _multiple(row.increase_high)], [place] * 2, color=color, linewidth=1)
        inside = color if row.fitted_to == BY_ATTENTION else PAPER
        axes.plot(value, place, "o", markersize=4, color=color, markerfacecolor=inside)
    axes.axvline(1, color=FAINT, linewidth=1, zorder=0)
    _scale(axes)
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)


def _scale(axes: Axes) -> None:
    """Labels that do not run into each other, also where the panel has less than one power of ten."""
    times = FuncFormatter(lambda value, _: _times(value))
    axes.xaxis.set_major_locator(LogLocator(numticks=5))
    axes.xaxis.set_major_formatter(times)
    axes.xaxis.set_minor_formatter(NullFormatter())
    low, high = axes.get_xlim()
    if high < 10 * low:
        axes.xaxis.set_minor_formatter(times)
        axes.xaxis.set_minor_locator(LogLocator(subs=(1.2, 1.5, 2) if high < 3 * low else (2, 5), numticks=6))


def _multiple(percent: float) -> float:
    """An increase in percent as a multiple of the original."""
    return 1 + percent / 100


def _times(value: float) -> str:
    """A multiple in few characters.

    >>> _times(1.2), _times(100.0), _times(10_000.0), _times(240_000_000.0)
    ('1.2×', '100×', '10,000×', '240 M×')
    """
    return f"{value:,.12g}×" if value < 1e6 else f"{value / 1e6:,.12g} M×"
