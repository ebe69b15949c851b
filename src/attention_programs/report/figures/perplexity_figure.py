"""Perplexity by fraction of heads replaced."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from attention_programs.programs.methods import REPLACED_BY
from attention_programs.report import paper
from attention_programs.report.figures.lines import End, name_ends
from attention_programs.report.figures.style import GREY, INK, MUTED, PALETTE, WIDTH
from attention_programs.surrogate.rankings import RANKINGS

LINEAR_UP_TO = 1.0
"""Percentage below which the axis is linear, so that zero and small gains can be shown."""


def draw_perplexity(table: pd.DataFrame) -> Figure:
    """Perplexity increase with intervals, by programs and ranking, on top of the paper's curves.

    Args:
        table: ``perplexity.csv``; a curve that was only measured with no head replaced is left out.
    """
    most = table.groupby(["programs", "ranking"])["percent"].transform("max")
    table = table[most > 0]
    figure = Figure(figsize=(WIDTH, 4.8), layout="constrained")
    axes = figure.add_subplot()
    ends = [_paper_curve(axes, model) for model in paper.MODELS]
    for name, programs in table.groupby("programs", sort=False):
        shown = REPLACED_BY[str(name)]
        color = PALETTE[shown.color]
        for ranking, curve in programs.groupby("ranking", sort=False):
            _curve(axes, curve.sort_values("percent"), color, _style(str(ranking)))
        last = programs.sort_values("percent").iloc[-1]
        ends.append(End(float(last["percent"]), float(last["increase"]), shown.label, color))
    _scale(axes, min(0.0, float(table["low"].min())) if len(table) else 0.0)
    name_ends(axes, ends, gap=0.042, place=1.035)
    for ranking in table["ranking"].unique():
        axes.plot([], [], linestyle=_style(ranking), color=INK, label=RANKINGS[ranking].short)
    axes.plot([], [], color=GREY, linewidth=1, label="published by the paper (other models and texts)")
    figure.legend(loc="outside lower left", ncols=2, handlelength=2.6)
    return figure


def _style(ranking: str) -> object:
    dashes = RANKINGS[ranking].dashes
    return (0, dashes) if dashes else "-"


def _paper_curve(axes: Axes, model: paper.PaperModel) -> End:
    axes.plot((0, *paper.PERCENTS), (0, *model.increases), color=GREY, linewidth=1, zorder=1)
    return End(100.0, model.increases[-1], model.name, MUTED, "normal")


def _curve(axes: Axes, curve: pd.DataFrame, color: str, style: object) -> None:
    axes.fill_between(curve["percent"], curve["low"], curve["high"], color=color, alpha=0.16, linewidth=0)
    axes.plot(curve["percent"], curve["increase"], color=color, linestyle=style, marker="o", markersize=2.8)


def _scale(axes: Axes, lowest: float) -> None:
    axes.set_yscale("symlog", linthresh=LINEAR_UP_TO, linscale=0.6)
    axes.set_ylim(bottom=lowest * 1.1 if lowest < -0.2 else -0.2)
    top = axes.get_ylim()[1]
    decades = [10.0**power for power in range(int(np.ceil(np.log10(max(top, 10.0)))) + 1)]
    ticks = [*(-step for step in decades if -step >= lowest), 0, *(step for step in decades if step <= top)]
    axes.yaxis.set_major_locator(FixedLocator(ticks))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:+,.0f} %" if value else "0"))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))
    axes.set_xlim(0, 101)
    axes.set(xlabel="fraction of the selected heads replaced", ylabel="perplexity over that of the original model")
    axes.grid(axis="y")
