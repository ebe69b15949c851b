"""Which head goes first: the orders beside each other on validation texts."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from attention_programs.report.estimate import Estimate, percent_text
from attention_programs.report.figures.style import BLUE, GREY, MUTED, WIDTH
from attention_programs.surrogate.rankings import RANKINGS


def draw_orders(table: pd.DataFrame) -> Figure:
    """One panel a share of heads, one bar an order; the chosen order is blue.

    Args:
        table: ``order_choice.csv``.
    """
    orders = [order for order in RANKINGS if (table["order"] == order).any()]
    percents = sorted(table["percent"].unique())
    chosen = set(table.loc[table["chosen"] > 0, "order"])
    figure = Figure(figsize=(WIDTH, 0.28 * len(orders) + 0.75), layout="constrained")
    panels = figure.subplots(1, len(percents), sharey=True, squeeze=False).ravel()
    colors = [BLUE if order in chosen else GREY for order in orders]
    for axes, percent in zip(panels, percents, strict=True):
        rows = table[table["percent"] == percent].set_index("order")["increase_validation"]
        values = [float(rows[order]) for order in orders]
        axes.barh(range(len(orders)), values, color=colors, height=0.62)
        for position, value in enumerate(values):
            axes.annotate(percent_text(Estimate(value)), (max(value, 0), position), (4, 0), va="center",
                          textcoords="offset points", annotation_clip=False)  # fmt: skip
        axes.set_title(f"{percent:g} % of heads")
        axes.set_xlim(min(0.0, *values), 1.35 * max(*values, 1e-9))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))
        axes.locator_params(axis="x", nbins=4)
        axes.tick_params(axis="y", length=0)
        axes.axvline(0, color=MUTED, linewidth=0.6)
    names = [f"{RANKINGS[order].short}{' (chosen)' if order in chosen else ''}" for order in orders]
    panels[0].set_yticks(range(len(orders)), names)
    panels[0].set_ylim(len(orders) - 0.5, -0.5)
    figure.supxlabel("increase of perplexity on validation texts", fontsize=8)
    return figure
